// Whether an operator is logged in. The cookie is the browser's own; only the csrf text is here,
// in memory.

import { url } from "./address.js";
import { effect, signal, untracked } from "./preact.js";
import { errorOf, reach } from "./refusal.js";
import { navigate, place } from "./router.js";

/** @typedef {"unknown" | "in" | "out" | "setup"} State `setup`: no password was chosen yet. */

/** @type {import("../../vendor/signals.module.js").Signal<State>} */
export const state = signal(/** @type {State} */ ("unknown"));

/** Why the gateway could not tell the state, as long as it is unknown. */
export const obstacle = signal(/** @type {unknown} */ (null));

let secret = "";

/** The text that requests which change something carry. */
export function csrf() {
  return secret;
}

/**
 * Learn whether the browser is logged in: the page tells it, the gateway has the csrf text.
 *
 * After a click on another site's page nobody but the gateway knows: the cookie did not come along.
 */
export async function enter() {
  const told = document.querySelector('meta[name="grokgate-state"]')?.getAttribute("content");
  if (told !== "out" && told !== "setup") return verify();
  state.value = told;
  return told;
}

/** Ask the gateway whether the cookie is still good; throws `ApiError` where it cannot tell. */
export async function verify() {
  try {
    const reply = await reach(url("/api/v1/admin/verify"));
    if (reply.ok) entered((await reply.json()).csrf);
    else takeRefusal(await errorOf(reply));
  } catch (error) {
    obstacle.value = error;
    throw error;
  }
  return state.value;
}

/** @param {import("./refusal.js").ApiError} error */
function takeRefusal(error) {
  // Only this one says that nobody is logged in: a gateway that is overloaded or stops does not know.
  if (error.status !== 401) throw error;
  ended(error.code === "setup_required" ? "setup" : "out");
}

/** Ask for the csrf text anew. */
export async function renewCsrf() {
  await verify();
}

/**
 * Take what a login or a set-up answered.
 *
 * @param {string} text
 */
export function entered(text) {
  secret = text;
  state.value = "in";
}

/**
 * Take that there is no session any more.
 *
 * @param {"out" | "setup"} [now] Setup: the gateway has no password either.
 */
export function ended(now = "out") {
  secret = "";
  state.value = now;
}

/**
 * Do something each time a session has ended: by a logout, or because the gateway ended it.
 *
 * @param {() => void} act
 */
export function onEnd(act) {
  let wasIn = false;
  effect(() => {
    const isIn = state.value === "in";
    if (wasIn && !isIn) untracked(act);
    wasIn = isIn;
  });
}

/**
 * Go to the login page, and remember where from.
 *
 * @param {"out" | "setup"} [now] As for `ended`.
 */
export function lostSession(now = "out") {
  if (state.value === now) return;
  ended(now);
  const { path, query } = place.peek();
  const next = query.size ? `${path}?${query}` : path;
  void navigate("/login", { replace: true, force: true, query: next === "/login" ? {} : { next } });
}

/**
 * @typedef {{resolve: (given: boolean) => void, check: (password: string) => Promise<void>}} Asked
 */

/** The question for the password that is open now; `PasswordDialog` shows it. */
export const asked = signal(/** @type {Asked | null} */ (null));

/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Ask for the password; resolves to whether a right one was given. Calls that need it at the same
 * time share one question.
 *
 * @param {(password: string) => Promise<void>} check Throws for a wrong one.
 * @returns {Promise<boolean>}
 */
export function askPassword(check) {
  asking ??= new Promise((/** @type {(given: boolean) => void} */ resolve) => {
    asked.value = {
      check,
      resolve: (given) => {
        asked.value = null;
        asking = null;
        resolve(given);
      },
    };
  });
  return asking;
}
