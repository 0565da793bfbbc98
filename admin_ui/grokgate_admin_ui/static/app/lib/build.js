// Why a file of this build did not come.

import { assets } from "./address.js";
import { ApiError } from "./api.js";

/**
 * Say what is behind a failed load: the gateway is away, or it has other files by now. Anything else
 * is returned as it is.
 *
 * @param {unknown} error
 */
export async function reasonOf(error) {
  try {
    const reply = await fetch(new URL("app/main.js", assets), { method: "HEAD", cache: "no-store" });
    if (reply.status !== 404) return error;
    return new ApiError("stale", { code: "stale" });
  } catch {
    return new ApiError("unreachable", { code: "unreachable" });
  }
}
