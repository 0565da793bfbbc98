// How many files accounts have, as far as jobs told. The gateway keeps no such numbers, so they
// are learned from jobs that count: those that run, and after a visit the last that ended.

import { api } from "../../lib/api.js";
import { chores } from "../../lib/chores.js";
import { computed, signal, useEffect, useMemo } from "../../lib/preact.js";
import { isWork } from "./work.js";

/**
 * @typedef {object} Count
 * @property {"ok" | "error"} status
 * @property {number} files
 * @property {number | null} size Bytes; null: not told.
 * @property {string} error
 * @property {number} at Unix milliseconds.
 */

/** By id of the account. */
export const counts = signal(/** @type {Map<string, Count>} */ (new Map()));

/** All of them together. */
export const counted = computed(() => {
  const sum = { accounts: 0, files: 0, size: 0, failed: 0, at: 0 };
  for (const { status, files, size, at } of counts.value.values()) {
    sum.at = Math.max(sum.at, at);
    if (status === "error") sum.failed += 1;
    else sum.accounts += 1;
    sum.files += files;
    sum.size += size ?? 0;
  }
  return sum;
});

/** Between two drawings; a job of ten thousand accounts tells as many things. */
const EVERY_MS = 200;
/** @type {Map<string, Count>} */
const waiting = new Map();
/**
 * Jobs whose events are read now.
 *
 * @type {Set<string>}
 */
const watched = new Set();
let timer = 0;

/**
 * Take note of what an account has.
 *
 * @param {string} account
 * @param {Partial<Count>} count
 */
export function note(account, count) {
  waiting.set(account, { status: "ok", files: 0, size: null, error: "", at: Date.now(), ...count });
  timer ||= setTimeout(() => {
    timer = 0;
    counts.value = new Map([...counts.value, ...waiting]);
    waiting.clear();
  }, EVERY_MS);
}

/** @typedef {import("./work.js").Kind} Kind */

/** Learn from the jobs that run, and from the last one that counted, for as long as a page shows it. */
export function useCounting() {
  const control = useMemo(() => new AbortController(), []);
  const running = chores.value.filter(({ kind, status }) => isWork(kind) && status === "running");
  useEffect(() => {
    for (const { task_id: task, kind } of running) {
      void watch(task, /** @type {Kind} */ (kind), control.signal);
    }
  }, [running.map(({ task_id: task }) => task).join()]);
  useEffect(() => {
    if (!counts.peek().size) void recall(control.signal).catch(() => {});
    return () => control.abort();
  }, []);
}

/**
 * Learn from a job that counts or deletes files, as it goes on.
 *
 * @param {string} task
 * @param {Kind} kind
 * @param {AbortSignal} aborted
 * @param {number} [endedAt] Unix milliseconds, of one that ended already.
 */
async function watch(task, kind, aborted, endedAt) {
  if (watched.has(task)) return;
  watched.add(task);
  const readCount = kind === "assets_load" ? loaded : cleared;
  /** @type {Set<string>} */
  const told = new Set();
  const onEvent = (/** @type {any} */ { type, id, detail, result }) => {
    const at = endedAt ?? Date.now();
    const count = type === "progress" && id && detail ? readCount(detail) : null;
    if (count) note(id, { ...count, at });
    if (count) told.add(id);
    for (const { token, count: files, status } of (type === "done" && result?.online_details) || []) {
      if (token && !told.has(token)) note(token, { status, files, at });
    }
  };
  const path = `/batch/${task}/stream`;
  await api.events(path, { onEvent, signal: aborted, quiet: true }).catch(() => {});
  watched.delete(task);
}

/** @param {AbortSignal} aborted */
async function recall(aborted) {
  const { tasks } = await api.get("/batch", { quiet: true, signal: aborted });
  const last = tasks.find((/** @type {any} */ task) => task.kind === "assets_load" && task.status === "done");
  if (last) await watch(last.task_id, last.kind, aborted, last.ended_at_ms);
}

/**
 * @param {{status: "ok" | "error", count?: number, bytes?: number, error?: string}} detail Zeros are left out.
 * @returns {Partial<Count>}
 */
function loaded({ status, count = 0, bytes = 0, error = "" }) {
  return { status, files: count, size: bytes, error };
}

/**
 * @param {{result?: {total: number, success: number}}} detail
 * @returns {Partial<Count> | null} Null: nothing was deleted, so what was counted still holds.
 */
function cleared({ result }) {
  return result ? { files: result.total - result.success } : null;
}
