// Style sheets of pages, loaded when a page is opened.

import { assets } from "./address.js";

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/**
 * Load a style sheet; a second call waits for the same one.
 *
 * @param {string | URL} address Below the static files, or a whole address.
 * @returns {Promise<void>} Fulfilled also when there is none: a page without looks is still a page.
 */
export function loadStyles(address) {
  const found = new URL(address, assets).href;
  const known = loaded.get(found);
  if (known) return known;
  const coming = new Promise((/** @type {(value: void) => void} */ resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = found;
    link.onload = () => resolve();
    link.onerror = () => {
      loaded.delete(found);
      link.remove();
      resolve();
    };
    document.head.append(link);
  });
  loaded.set(found, coming);
  return coming;
}
