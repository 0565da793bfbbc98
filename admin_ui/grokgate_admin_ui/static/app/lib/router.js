// The address decides what is shown; links change it without loading the page anew.

import { root, url } from "./address.js";
import { html, signal, useMemo } from "./preact.js";

/** @typedef {{path: string, query: URLSearchParams}} Place */

/** Where the operator is: path below the root, query. */
export const place = signal(read());

/** @returns {Place} */
function read() {
  const path = `/${location.pathname.slice(root.pathname.length)}`;
  return { path, query: new URLSearchParams(location.search) };
}

addEventListener("popstate", async () => {
  const next = read();
  const { path, query } = place.peek();
  if (next.path !== path && guards.size && !(await mayBeLeft())) {
    history.pushState(null, "", href(path, Object.fromEntries(query)));
    return;
  }
  place.value = read();
});

/**
 * Return the address of a page, for links.
 *
 * @param {string} path Of the gateway, may carry a query.
 * @param {Record<string, unknown>} [query]
 */
export function href(path, query = {}) {
  const found = url(path, query);
  return found.pathname + found.search + found.hash;
}

/** @type {Set<() => Promise<boolean> | boolean>} */
const guards = new Set();

/**
 * Ask before the page is left; return what ends the asking.
 *
 * @param {() => Promise<boolean> | boolean} mayLeave
 */
export function guardLeaving(mayLeave) {
  guards.add(mayLeave);
  return () => guards.delete(mayLeave);
}

/** Ask all guards, one after the other. */
async function mayBeLeft() {
  for (const mayLeave of guards) if (!(await mayLeave())) return false;
  return true;
}

/**
 * Go to a page.
 *
 * @param {string} path Of the gateway, may carry a query.
 * @param {{replace?: boolean, force?: boolean, query?: Record<string, unknown>}} [options]
 *   Force: nobody is asked, as when the page cannot stay.
 */
export async function navigate(path, { replace = false, force = false, query = {} } = {}) {
  const target = href(path, query);
  const isOther = new URL(target, location.href).pathname !== location.pathname;
  if (isOther && !force && guards.size && !(await mayBeLeft())) return;
  if (replace) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  place.value = read();
  if (isOther) scrollTo(0, 0);
}

/**
 * Follow clicks on links to pages of the gateway.
 *
 * @param {(path: string) => boolean} isPage
 */
export function followLinks(isPage) {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = /** @type {Element} */ (event.target).closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
    const target = new URL(link.href);
    if (target.origin !== root.origin || !target.pathname.startsWith(root.pathname)) return;
    const path = `/${target.pathname.slice(root.pathname.length)}`;
    if (!isPage(path) || (target.hash && target.pathname === location.pathname)) return;
    event.preventDefault();
    void navigate(path + target.search);
  });
}

/**
 * Keep values in the address, so that a link brings them back.
 *
 * Values have the type of their default; one that equals its default is not written. Once the page
 * was left, as while it waited for an answer, nothing is written any more.
 *
 * @template {Record<string, string | number | boolean>} T
 * @param {T} defaults
 * @returns {[T, (changes: Partial<T>) => void]}
 */
export function useQuery(defaults) {
  const { path, query } = place.value;
  const values = useMemo(() => {
    /** @type {Record<string, unknown>} */
    const found = {};
    for (const [name, fallback] of Object.entries(defaults)) {
      found[name] = parse(query.get(name), fallback);
    }
    return /** @type {T} */ (found);
  }, [query.toString(), JSON.stringify(defaults)]);
  const set = (/** @type {Partial<T>} */ changes) => {
    if (place.peek().path !== path) return;
    const next = new URLSearchParams(place.peek().query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined || value === defaults[name]) next.delete(name);
      else next.set(name, String(value));
    }
    const text = next.toString();
    void navigate(text ? `${path}?${text}` : path, { replace: true });
  };
  return [values, set];
}

/**
 * @param {string | null} text
 * @param {string | number | boolean} fallback
 */
function parse(text, fallback) {
  if (text === null) return fallback;
  if (typeof fallback === "boolean") return text === "true" || text === "1";
  if (typeof fallback !== "number") return text;
  const value = Number(text);
  return text !== "" && Number.isFinite(value) ? value : fallback;
}

/**
 * A link to a page of the gateway.
 *
 * @param {{to: string, query?: Record<string, unknown>, class?: string, children?: unknown,
 *   current?: boolean, onClick?: () => void, title?: string}} props
 */
export function Link({ to, query, current = false, children, ...rest }) {
  return html`<a href=${href(to, query)} aria-current=${current ? "page" : undefined} ...${rest}>
    ${children}
  </a>`;
}
