// Short messages: good ones leave by themselves, errors stay until they are closed.

import { detailsOf, isMishap, report } from "./mishap.js";
import { signal } from "./preact.js";

/** @typedef {{id: number, tone: "ok" | "info" | "bad", text: string, requestId: string,
 *   code?: string, details?: string, action?: {label: string, run: () => void}}} Toast */

/** Milliseconds that a good message stays (F-UI-05). */
const STAYS_MS = 3000;
/** With something to do in it, as undoing a deletion, it stays longer. */
const STAYS_WITH_ACTION_MS = 10_000;
const MOST = 5;

/** @type {import("../../vendor/signals.module.js").Signal<Toast[]>} */
export const toasts = signal(/** @type {Toast[]} */ ([]));
let last = 0;

/** @param {Omit<Toast, "id">} message */
function add(message) {
  last += 1;
  const id = last;
  const others = toasts.peek().filter((toast) => toast.tone !== message.tone || toast.text !== message.text);
  toasts.value = fewest([...others, { id, ...message }]);
  if (message.tone === "bad") return id;
  setTimeout(() => close(id), message.action ? STAYS_WITH_ACTION_MS : STAYS_MS);
  return id;
}

/**
 * Take the oldest away while there are too many: good ones first, as errors stay until closed.
 *
 * @param {Toast[]} all
 * @returns {Toast[]}
 */
function fewest(all) {
  if (all.length <= MOST) return all;
  const good = all.slice(0, -1).findIndex((toast) => toast.tone !== "bad");
  return fewest(all.toSpliced(Math.max(0, good), 1));
}

/** @param {number} id */
export function close(id) {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** Shows messages in a corner of every page. */
export const toast = {
  /**
   * @param {string} text
   * @param {{label: string, run: () => void}} [action]
   */
  ok: (text, action) => add({ tone: "ok", text, requestId: "", action }),
  /**
   * @param {string} text
   * @param {{label: string, run: () => void}} [action]
   */
  info: (text, action) => add({ tone: "info", text, requestId: "", action }),
  /** @param {unknown} error An `ApiError`, another error or a text. Aborted requests say nothing. */
  error: (error) => {
    if (error instanceof DOMException && error.name === "AbortError") return 0;
    if (isMishap(error)) {
      report(error);
      return add({ tone: "bad", text: error.message, requestId: "", code: "mishap", details: detailsOf(error) });
    }
    const text = error instanceof Error ? error.message : String(error);
    const { requestId = "", code } = /** @type {{requestId?: string, code?: string}} */ (error ?? {});
    return add({ tone: "bad", text, requestId, code });
  },
};
