// By which address clients reach the gateway, and what they may ask it for.

import { root } from "./address.js";
import { api } from "./api.js";
import { signal } from "./preact.js";
import { state } from "./session.js";

/** @typedef {{base: string, model: string | null, imageModel: string | null,
 *   videoModel: string | null}} Base `base` has no slash at its end. */

const here = root.href.replace(/\/$/, "");
/** @type {import("../../vendor/signals.module.js").Signal<Base>} */
const known = signal({ base: here, model: null, imageModel: null, videoModel: null });
/** @type {Promise<void> | null} */
let learning = null;
/** Milliseconds after which a question that failed may be asked again. */
const AGAIN_MS = 30_000;

/**
 * Return the address for clients and a model of each kind that can answer. Until the gateway told
 * them, and for visitors who are no operators, the address is the one in the browser's bar.
 */
export function useBase() {
  if (state.value === "in") learning ??= learn();
  return known.value;
}

async function learn() {
  try {
    const told = await api.get("/welcome", { quiet: true });
    known.value = {
      base: told.base_url ?? here,
      model: told.model,
      imageModel: told.image_model,
      videoModel: told.video_model,
    };
  } catch {
    setTimeout(() => {
      learning = null;
    }, AGAIN_MS);
  }
}
