// Where the gateway lies: all addresses are made from that of this module, below any path prefix.

const here = new URL(import.meta.url);

/** The gateway's root, ending in a slash: this file is `ui/<build>/app/lib/address.js` below it. */
export const root = new URL("../../../../", here);

/** The root of the static files of this build. */
export const assets = new URL("../../", here);

/**
 * Return the full address of a path of the gateway.
 *
 * @param {string} path Begins with a slash, as the gateway names it.
 * @param {Record<string, unknown>} [query] Null, undefined, "" and false are left out.
 */
export function url(path, query = {}) {
  const found = new URL(path.replace(/^\//, ""), root);
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "" || value === false) continue;
    found.searchParams.set(name, String(value));
  }
  return found;
}
