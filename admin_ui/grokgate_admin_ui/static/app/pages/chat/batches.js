// Requests for pictures and what became of them; they are kept while the page is open.

import { signal } from "../../lib/preact.js";
import { onEnd } from "../../lib/session.js";
import { v1 } from "../../lib/v1.js";
import { blobOf, mediaAddress, nameOf } from "./media.js";
import { eventsOf, keepRecord, noteRefusal, noteReply } from "./records.js";
import { newId } from "./sessions.js";
import { problemOf } from "./stream.js";

/**
 * @typedef {object} Tile
 * @property {string} id
 * @property {"waiting" | "preview" | "done" | "missing"} state
 * @property {string} src
 * @property {Blob | null} blob Behind the address; null: the gateway has the file.
 * @property {string} name
 * @property {number} progress Percent.
 */

/**
 * @typedef {object} Wish
 * @property {string} path
 * @property {string} prompt
 * @property {number} count
 * @property {() => Promise<Record<string, any>>} makeBody Uploads what has to be uploaded.
 */

/**
 * @typedef {object} Batch
 * @property {string} id
 * @property {number} at
 * @property {string} prompt
 * @property {Wish} wish To be asked for again.
 * @property {"running" | "done" | "stopped" | "failed"} status
 * @property {Tile[]} tiles
 * @property {import("./sessions.js").Problem | null} problem
 * @property {string} requestId
 * @property {number | null} durationMs
 * @property {AbortController} control
 */

/** Older ones are let go. */
const MOST = 60;
/** A picture as its own address. */
const DATA = /^data:image\/[\w+.-]+;base64,(.+)$/s;

/** @param {Tile["state"]} [state] @returns {Tile} */
function newTile(state = "waiting") {
  return { id: newId(), state, src: "", blob: null, name: "", progress: 0 };
}

/** The batches of one view. */
export class Bench {
  constructor() {
    /** Newest first. */
    this.batches = signal(/** @type {Batch[]} */ ([]));
    onEnd(() => this.batches.peek().forEach(({ control }) => control.abort()));
  }

  /**
   * Ask for pictures; resolves when they are there, or will not come.
   *
   * @param {Wish} wish
   * @returns {Promise<Batch>}
   */
  async make(wish) {
    const batch = this.begin(wish);
    const began = performance.now();
    /** @type {import("./records.js").Record | null} */
    let record = null;
    try {
      const body = await wish.makeBody();
      batch.control.signal.throwIfAborted();
      record = keepRecord(batch.id, wish.path, body);
      await this.run(batch, body, record);
      const { tiles } = this.find(batch.id);
      this.change(batch.id, { status: "done", tiles: tiles.map(settled) });
    } catch (error) {
      if (record && !batch.control.signal.aborted) noteRefusal(record, error);
      const { tiles } = this.find(batch.id);
      const kept = tiles.filter(({ state }) => state === "done");
      tiles.filter(({ state }) => state !== "done").forEach(letGo);
      const problem = batch.control.signal.aborted ? null : withRequest(problemOf(error), record);
      this.change(batch.id, { status: problem ? "failed" : "stopped", tiles: kept, problem });
    }
    const durationMs = performance.now() - began;
    if (record) record.durationMs = durationMs;
    this.change(batch.id, { durationMs, requestId: record?.requestId ?? "" });
    return this.find(batch.id);
  }

  /**
   * @param {Wish} wish
   * @returns {Batch}
   */
  begin(wish) {
    const batch = {
      id: newId(),
      at: Date.now(),
      prompt: wish.prompt,
      wish,
      status: /** @type {const} */ ("running"),
      tiles: Array.from({ length: wish.count }, () => newTile()),
      problem: null,
      requestId: "",
      durationMs: null,
      control: new AbortController(),
    };
    const all = [batch, ...this.batches.peek()];
    all.slice(MOST).forEach(release);
    this.batches.value = all.slice(0, MOST);
    return batch;
  }

  /**
   * @param {Batch} batch
   * @param {Record<string, any>} body
   * @param {import("./records.js").Record} record
   */
  async run(batch, body, record) {
    const { signal: aborted } = batch.control;
    if (!body.stream) {
      const reply = await v1.post(record.path, body, { signal: aborted });
      noteReply(record, reply);
      for (const [at, told] of reply.body.data.entries()) this.place(batch.id, at, told, "done");
      return;
    }
    const note = eventsOf(record);
    /** @type {any} */
    let refused = null;
    await v1.stream(record.path, body, {
      signal: aborted,
      onHead: (reply) => noteReply(record, reply),
      onEvent: (event, name) => {
        note(event, name);
        if (event.error) refused = event.error;
        else this.place(batch.id, event.index ?? 0, event, stateOf(event));
      },
    });
    if (refused) throw Object.assign(new Error(refused.message), { code: refused.code });
  }

  /**
   * @param {string} id
   * @param {number} at Which picture.
   * @param {any} told
   * @param {"preview" | "done"} state
   */
  place(id, at, told, state) {
    const { tiles, prompt, status } = this.find(id);
    if (status !== "running") return;
    const all = [...tiles];
    while (all.length <= at) all.push(newTile());
    const before = all[at];
    letGo(before);
    const text = told.b64_json ?? DATA.exec(told.url)?.[1];
    const blob = text ? blobOf(text) : null;
    const src = blob ? URL.createObjectURL(blob) : mediaAddress(told.url);
    const name = nameOf(prompt, at + 1, blob?.type ?? src);
    all[at] = { ...before, state, src, blob, name, progress: told.progress ?? 0 };
    this.change(id, { tiles: all });
  }

  /** @param {string} id */
  find(id) {
    return /** @type {Batch} */ (this.batches.peek().find((each) => each.id === id) ?? gone(id));
  }

  /**
   * @param {string} id
   * @param {Partial<Batch>} changes
   */
  change(id, changes) {
    const changed = (/** @type {Batch} */ each) => (each.id === id ? { ...each, ...changes } : each);
    this.batches.value = this.batches.peek().map(changed);
  }

  /** Whether something is being made. */
  get busy() {
    return this.batches.value.some(({ status }) => status === "running");
  }

  /** Let all go that are not under way. */
  clear() {
    const all = this.batches.peek();
    all.filter(({ status }) => status !== "running").forEach(release);
    this.batches.value = all.filter(({ status }) => status === "running");
  }
}

/**
 * @param {Tile} tile
 * @returns {Tile} What did not come by the end is missing.
 */
function settled(tile) {
  return tile.state === "done" ? tile : { ...tile, state: "missing" };
}

/** @param {{type: string}} event */
function stateOf({ type }) {
  return type.endsWith(".completed") ? "done" : "preview";
}

/** @param {Batch} batch */
function release(batch) {
  batch.control.abort();
  batch.tiles.forEach(letGo);
}

/** @param {Tile} tile */
function letGo({ src, blob }) {
  if (blob) URL.revokeObjectURL(src);
}

/**
 * Stands for a batch that was let go while it ran.
 *
 * @param {string} id
 * @returns {Batch}
 */
function gone(id) {
  const control = new AbortController();
  const wish = { path: "", prompt: "", count: 0, makeBody: async () => ({}) };
  const rest = { wish, tiles: [], problem: null, requestId: "", durationMs: null, control };
  return { id, at: 0, prompt: "", status: "stopped", ...rest };
}

/**
 * @param {import("./sessions.js").Problem} problem
 * @param {import("./records.js").Record | null} record
 */
function withRequest(problem, record) {
  return { ...problem, requestId: problem.requestId || (record?.requestId ?? "") };
}

/**
 * Tell how many pictures there are.
 *
 * @param {Batch[]} batches
 */
export function pictureCount(batches) {
  return batches.flatMap(({ tiles }) => tiles).filter(({ state }) => state === "done").length;
}
