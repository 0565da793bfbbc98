// Where to go after a login. Addresses come from a link, so anything may stand in them.

import { root } from "../../lib/address.js";
import { pageOf } from "../../lib/pages.js";

/** Where a login leads unless it was asked for on the way to another page. */
export const HOME = "/admin/overview";

/**
 * Return the page of this gateway that *wanted* names, with its query; anything else is `HOME`.
 *
 * @param {string | null} wanted A path as the gateway names it.
 */
export function safeNext(wanted) {
  if (!wanted?.startsWith("/")) return HOME;
  let found;
  try {
    found = new URL(`.${wanted}`, root);
  } catch {
    return HOME;
  }
  if (found.origin !== root.origin || !found.pathname.startsWith(root.pathname)) return HOME;
  const path = `/${found.pathname.slice(root.pathname.length)}`;
  const page = pageOf(path);
  return page && !page.open ? path + found.search : HOME;
}
