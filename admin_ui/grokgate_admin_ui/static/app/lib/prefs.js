// What this browser remembers of its operator's taste. Never anything secret.

import { effect, signal } from "./preact.js";

const PLACE = "grokgate.prefs";

/** @returns {Record<string, unknown>} */
function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE) ?? "{}");
    return typeof kept === "object" && kept !== null ? kept : {};
  } catch {
    return {};
  }
}

/**
 * Return a signal that is kept between visits.
 *
 * @template T
 * @param {string} name
 * @param {T} fallback Until something else was chosen.
 * @param {(kept: any) => boolean} [fits] Tells whether what was kept means something still.
 * @returns {import("../../vendor/signals.module.js").Signal<T>}
 */
export function pref(name, fallback, fits = () => true) {
  const kept = read()[name];
  const value = signal(/** @type {T} */ (kept !== undefined && fits(kept) ? kept : fallback));
  let first = true;
  effect(() => {
    const chosen = value.value;
    if (first) {
      first = false;
      return;
    }
    try {
      localStorage.setItem(PLACE, JSON.stringify({ ...read(), [name]: chosen }));
    } catch {
      // A browser that keeps nothing: the choice holds until the page is left.
    }
  });
  return value;
}
