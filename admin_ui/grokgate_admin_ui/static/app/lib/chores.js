// Jobs that run on the gateway, as their events tell. Every page sees the same ones.

import { api, ApiError } from "./api.js";
import { signal } from "./preact.js";
import { onEnd } from "./session.js";
import { toast } from "./toasts.js";
import { pause, whenSeen } from "./waiting.js";

/**
 * @typedef {object} Chore
 * @property {string} task_id
 * @property {string} kind
 * @property {"running" | "done" | "error" | "cancelled"} status
 * @property {number} total
 * @property {number} processed
 * @property {number} ok
 * @property {number} fail
 * @property {string | null} [warning]
 * @property {string | null} [error]
 * @property {any} [result]
 * @property {boolean} [ending] It was asked to end.
 * @property {boolean} [lost] Its events do not come now; it is tried again.
 */

/**
 * @typedef {object} Failed
 * @property {string | null} id Of the account.
 * @property {string} item Its masked token, or a place in what was sent.
 * @property {string} error
 */

/**
 * @template {object} [T=Chore]
 * @typedef {{task: T, failures: Failed[]}} Told What `GET /batch/{id}` answers: `task.fail` is how
 *   many failed, of which the first thousand are listed; none once they are forgotten.
 */

/** Ended jobs that are still shown. */
const KEPT = 8;
/** Jobs whose events are streamed; browsers open six connections, and pages need some. */
const STREAMS = 2;
/** Milliseconds until the others, and those that could not be reached, are looked at again. */
const AGAIN_MS = [2000, 2000, 5000, 10_000];

/** Jobs that run, and some that ended; newest first. */
export const chores = signal(/** @type {Chore[]} */ ([]));

/** The job that was begun last on this page. */
export const begun = signal("");

/** @type {Map<string, Promise<Chore | undefined>>} */
const followed = new Map();
/** @type {Set<AbortController>} */
const streams = new Set();

onEnd(() => {
  chores.value = [];
  for (const stream of streams) stream.abort();
});

/** @param {string} id */
function find(id) {
  return chores.peek().find((job) => job.task_id === id);
}

/**
 * @param {string} id
 * @param {Partial<Chore>} changes
 */
function update(id, changes) {
  chores.value = chores.peek().map((job) => (job.task_id === id ? { ...job, ...changes } : job));
}

/**
 * Follow a job that was begun here to its end; it is shown on every page.
 *
 * @param {string} id
 * @param {Partial<Chore>} [known]
 * @returns {Promise<Chore | undefined>} How it ended; undefined: it could not be followed.
 */
export function follow(id, known = {}) {
  begun.value = id;
  return watch(id, known);
}

/**
 * Follow a job, whoever began it.
 *
 * @param {string} id
 * @param {Partial<Chore>} known
 */
function watch(id, known) {
  const under = followed.get(id);
  if (under) return under;
  show(id, known);
  const end = toItsEnd(id).finally(() => followed.delete(id));
  followed.set(id, end);
  return end;
}

/**
 * @param {string} id
 * @param {Partial<Chore>} known
 */
function show(id, known) {
  const blank = { kind: "", total: 0, processed: 0, ok: 0, fail: 0 };
  const status = /** @type {const} */ ("running");
  const others = chores.peek().filter((job) => job.task_id !== id);
  let ended = 0;
  chores.value = [{ ...blank, status, ...known, task_id: id }, ...others].filter(
    (job) => job.status === "running" || ended++ < KEPT,
  );
}

/**
 * Listen until the job has ended: anew after each lost connection, and only while the page is seen.
 *
 * @param {string} id
 */
async function toItsEnd(id) {
  for (let lost = 0; ; ) {
    await whenSeen();
    if (!find(id)) return undefined;
    const failure = await listen(id, () => {
      lost = 0;
    });
    const job = find(id);
    if (!job || job.status !== "running") return job;
    if (failure?.status === 401) return undefined;
    if (failure?.status === 404) {
      update(id, { status: "error" });
      return find(id);
    }
    if (failure) update(id, { lost: true });
    if (!document.hidden) await pause(AGAIN_MS[Math.min(lost++, AGAIN_MS.length - 1)]);
  }
}

/**
 * Take the events of a job; a look at the first one where enough others are listened to.
 *
 * @param {string} id
 * @param {() => void} onHeard
 * @returns {Promise<ApiError | null>} Why it could not be heard.
 */
async function listen(id, onHeard) {
  const control = new AbortController();
  const leave = () => control.abort();
  const isLook = streams.size >= STREAMS;
  document.addEventListener("visibilitychange", leave, { once: true });
  streams.add(control);
  try {
    await api.events(`/batch/${id}/stream`, {
      signal: control.signal,
      quiet: true,
      onEvent: (event) => {
        onHeard();
        update(id, { ...told(event), lost: false });
        if (isLook && event.status === "running") control.abort();
      },
    });
    return null;
  } catch (error) {
    return error instanceof ApiError ? error : null;
  } finally {
    streams.delete(control);
    document.removeEventListener("visibilitychange", leave);
  }
}

/** @param {any} event */
function told({ type, task_id: _, item: __, id: ___, detail: ____, ...rest }) {
  if (type === "snapshot") return rest;
  if (type === "progress") return { ...rest, error: undefined };
  return { ...rest, status: type };
}

/**
 * Ask a job to end.
 *
 * @param {string} id
 */
export async function cancelChore(id) {
  update(id, { ending: true });
  try {
    await api.post(`/batch/${id}/cancel`);
  } catch (error) {
    update(id, { ending: false });
    toast.error(error);
  }
}

/**
 * Find jobs that run already, whoever started them, and follow them.
 *
 * @param {AbortSignal} [signal]
 */
export async function findChores(signal) {
  const { tasks } = await api.get("/batch", { quiet: true, signal });
  learnChores(tasks);
  return true;
}

/**
 * Follow those jobs of a list that run.
 *
 * @param {(Partial<Chore> & {task_id: string, status: Chore["status"]})[]} tasks
 */
export function learnChores(tasks) {
  for (const { task_id: id, ...known } of [...tasks].reverse()) {
    const job = find(id);
    if (job && !job.kind) update(id, { kind: known.kind });
    if (job ? job.status === "running" : known.status === "running") void watch(id, job ?? known);
  }
}

/** Forget the ended ones. */
export function forgetEnded() {
  chores.value = chores.peek().filter((job) => job.status === "running");
}
