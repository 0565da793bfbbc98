// Pictures without end, by the gallery's sockets; they go on while other pages are looked at.

import { url } from "../../lib/address.js";
import { api } from "../../lib/api.js";
import { signal } from "../../lib/preact.js";
import { onEnd } from "../../lib/session.js";
import { pause } from "../../lib/waiting.js";
import { mediaAddress, nameOf } from "./media.js";
import { newId } from "./sessions.js";
import { problemOf } from "./stream.js";

/**
 * @typedef {import("./media.js").Picture & {elapsedMs: number, ratio: string}} GalleryPicture
 */

/**
 * @typedef {object} Wish
 * @property {string} prompt
 * @property {string} ratio
 * @property {"speed" | "quality"} quality
 * @property {boolean} nsfw
 */

/**
 * @typedef {object} State
 * @property {boolean} on
 * @property {number} open Sockets.
 * @property {number} since When it was started.
 * @property {number} made In this run.
 * @property {number} totalMs From the beginning of each picture's batch to the picture.
 * @property {import("./sessions.js").Problem | null} lastError
 */

/** Pictures that the page holds; the oldest leave first. */
const MOST = 1000;
const PING_MS = 30_000;
const AGAIN_MS = [1000, 3000, 8000, 15_000];
/** Close code of a session that ended. */
const REFUSED = 1008;

export const pictures = signal(/** @type {GalleryPicture[]} */ ([]));
export const state = signal(/** @type {State} */ (noRun()));

let run = 0;
/** @type {Set<WebSocket>} */
const sockets = new Set();

/** @returns {State} */
function noRun() {
  return { on: false, open: 0, since: 0, made: 0, totalMs: 0, lastError: null };
}

/** @param {Partial<State>} changes */
function change(changes) {
  state.value = { ...state.peek(), ...changes };
}

/**
 * @param {number} count Of sockets.
 * @param {Wish} wish
 */
export function startGallery(count, wish) {
  stopGallery();
  run += 1;
  change({ ...noRun(), on: true, since: Date.now() });
  const mine = run;
  const all = Array.from({ length: count }, () => keepOpen(mine, wish));
  void Promise.all(all).then(() => mine === run && change({ on: false, open: 0 }));
}

/** End all runs; pictures that were made stay. */
export function stopGallery() {
  run += 1;
  for (const socket of sockets) socket.close(1000);
  sockets.clear();
  change({ on: false, open: 0 });
}

onEnd(stopGallery);

/**
 * Hold one socket open, again when it breaks.
 *
 * @param {number} mine The run it belongs to.
 * @param {Wish} wish
 */
async function keepOpen(mine, wish) {
  for (let failures = 0; mine === run && failures <= AGAIN_MS.length; failures += 1) {
    const before = state.peek().made;
    const code = await once(mine, wish).catch((error) => {
      change({ lastError: problemOf(error) });
      return 0;
    });
    if (mine !== run || code === 1000 || code === REFUSED) return;
    if (state.peek().made > before) failures = 0;
    await pause(AGAIN_MS[failures] ?? 0);
  }
}

/**
 * Serve one connection to its end.
 *
 * @param {number} mine
 * @param {Wish} wish
 * @returns {Promise<number>} The close code.
 */
async function once(mine, wish) {
  const { ticket } = await api.post("/ticket");
  if (mine !== run) return 1000;
  const address = url("/api/v1/admin/imagine/ws", { ticket });
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  sockets.add(socket);
  const pinging = setInterval(() => say(socket, { type: "ping" }), PING_MS);
  let isOpen = false;
  return new Promise((resolve) => {
    socket.onopen = () => {
      isOpen = true;
      change({ open: state.peek().open + 1 });
      const { prompt, ratio, quality, nsfw } = wish;
      say(socket, { type: "start", prompt, aspect_ratio: ratio, quality, nsfw: nsfw || undefined });
    };
    socket.onmessage = (event) => mine === run && hear(JSON.parse(event.data), wish, socket);
    socket.onclose = ({ code }) => {
      clearInterval(pinging);
      sockets.delete(socket);
      if (mine === run) {
        if (isOpen) change({ open: Math.max(0, state.peek().open - 1) });
        else change({ lastError: problemOf({ code: "unreachable" }) });
      }
      resolve(code);
    };
  });
}

/**
 * @param {WebSocket} socket
 * @param {unknown} message
 */
function say(socket, message) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

/**
 * @param {any} told
 * @param {Wish} wish
 * @param {WebSocket} socket
 */
function hear(told, wish, socket) {
  if (told.type === "error") change({ lastError: problemOf(told) });
  else if (told.type === "image") take(told, wish);
  else if (told.type === "status" && told.status !== "running") socket.close(1000);
}

/**
 * @param {any} told
 * @param {Wish} wish
 */
function take(told, wish) {
  const src = mediaAddress(told.url);
  const { made, totalMs } = state.peek();
  const picture = {
    id: newId(),
    src,
    name: nameOf(wish.prompt, made + 1, src),
    prompt: wish.prompt,
    at: told.created_at,
    elapsedMs: told.elapsed_ms,
    ratio: told.aspect_ratio,
  };
  pictures.value = [...pictures.peek(), picture].slice(-MOST);
  change({ made: made + 1, totalMs: totalMs + told.elapsed_ms });
}
