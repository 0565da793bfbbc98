// Calls of the routes for clients, with a key that is kept in memory alone: one of this session, or
// the one that a visitor gave.

import { url } from "./address.js";
import { api, broken } from "./api.js";
import { readEvents } from "./events.js";
import { errorOf, reach } from "./refusal.js";
import { onEnd } from "./session.js";

/** Renewed this long before it ends. */
const EARLY_MS = 60_000;

/** @type {{key: string, endsAt: number} | null} */
let kept = null;
/** @type {string | null} */
let given = null;

/**
 * Call with this key instead of one of the session; null takes it back.
 *
 * @param {string | null} text
 */
export function giveKey(text) {
  given = text;
}

/** Return the key, a new one when the old one is about to end. */
async function key() {
  if (given !== null) return given;
  if (!kept || kept.endsAt - Date.now() < EARLY_MS) {
    const { key: text, expires_in: seconds } = await api.post("/playground-key");
    kept = { key: text, endsAt: Date.now() + seconds * 1000 };
  }
  return kept.key;
}

function forgetKey() {
  kept = null;
}

onEnd(forgetKey);

/**
 * @typedef {object} Answered
 * @property {number} status
 * @property {string} requestId
 * @property {Headers} headers
 * @property {any} body Undefined for streams.
 */

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 * @param {{signal?: AbortSignal, headers?: Record<string, string>}} options
 */
async function send(method, path, body, { signal, headers = {} }) {
  for (let isAgain = false; ; isAgain = true) {
    const isForm = body instanceof FormData;
    /** @type {Record<string, string>} */
    const sent = { authorization: `Bearer ${await key()}`, ...headers };
    if (body !== undefined && !isForm) sent["content-type"] = "application/json";
    const content = body === undefined || isForm ? body : JSON.stringify(body);
    const reply = await reach(url(path), { method, headers: sent, body: content, signal });
    if (reply.ok) return reply;
    if (reply.status !== 401 || isAgain || given !== null) throw await errorOf(reply);
    forgetKey();
  }
}

/**
 * @param {Response} reply
 * @param {any} [body]
 * @returns {Answered}
 */
function answered(reply, body) {
  const requestId = reply.headers.get("x-request-id") ?? "";
  return { status: reply.status, requestId, headers: reply.headers, body };
}

/** Each throws `ApiError`. Paths are those of the gateway: `/v1/models`. */
export const v1 = {
  key,
  /**
   * @param {string} path
   * @param {{signal?: AbortSignal}} [options]
   */
  get: async (path, options = {}) => {
    const reply = await send("GET", path, undefined, options);
    return answered(reply, await reply.json());
  },
  /**
   * Fetch a file.
   *
   * @param {string} path May carry a query.
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Blob>}
   */
  blob: async (path, options = {}) => (await send("GET", path, undefined, options)).blob(),
  /**
   * @param {string} path
   * @param {{signal?: AbortSignal}} [options]
   */
  delete: async (path, options = {}) => {
    const reply = await send("DELETE", path, undefined, options);
    return answered(reply, await reply.json());
  },
  /**
   * @param {string} path
   * @param {unknown} body JSON, or FormData as it is.
   * @param {{signal?: AbortSignal, headers?: Record<string, string>}} [options]
   */
  post: async (path, body, options = {}) => {
    const reply = await send("POST", path, body, options);
    return answered(reply, await reply.json());
  },
  /**
   * Send what is answered as a stream of events; resolves at its end.
   *
   * @param {string} path
   * @param {unknown} body
   * @param {{onEvent: (data: any, name: string) => void, onHead?: (reply: Answered) => void,
   *   signal?: AbortSignal}} options An end marker (`[DONE]`) is no event.
   */
  stream: async (path, body, { onEvent, onHead, signal }) => {
    const reply = await send("POST", path, body, {
      signal,
      headers: { accept: "text/event-stream" },
    });
    onHead?.(answered(reply));
    const take = (/** @type {string} */ name, /** @type {string} */ data) => {
      if (data !== "[DONE]") onEvent(JSON.parse(data), name);
    };
    await readEvents(reply, take, broken);
    return answered(reply);
  },
};
