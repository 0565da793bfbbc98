// All pages: where they are, what they need, where the navigation shows them.

import { loadTexts } from "./i18n.js";
import { signal } from "./preact.js";
import { loadStyles } from "./styles.js";

/**
 * @typedef {object} Page
 * @property {string} name Key `page_<name>` of the common texts is its title.
 * @property {string} path
 * @property {string} icon
 * @property {"watch" | "accounts" | "clients" | "gateway" | ""} group "": not in the navigation.
 * @property {() => Promise<{default: any}>} load
 * @property {boolean} [open] It needs no login, and stands without the shell.
 * @property {string} [key] Letter that leads to it, after g.
 */

/** @type {Page[]} */
export const PAGES = [
  { name: "overview", path: "/admin/overview", icon: "gauge", group: "watch", key: "o", load: () => import("../pages/overview/page.js") },
  { name: "datacenter", path: "/admin/datacenter", icon: "chart", group: "watch", key: "d", load: () => import("../pages/datacenter/page.js") },
  { name: "jobs", path: "/admin/jobs", icon: "jobs", group: "watch", key: "j", load: () => import("../pages/jobs/page.js") },
  { name: "token", path: "/admin/token", icon: "token", group: "accounts", key: "t", load: () => import("../pages/token/page.js") },
  { name: "models", path: "/admin/models", icon: "model", group: "accounts", key: "m", load: () => import("../pages/models/page.js") },
  { name: "cache", path: "/admin/cache", icon: "image", group: "accounts", key: "a", load: () => import("../pages/cache/page.js") },
  { name: "keys", path: "/admin/keys", icon: "key", group: "clients", key: "k", load: () => import("../pages/keys/page.js") },
  { name: "downstream", path: "/admin/downstream", icon: "switch", group: "clients", key: "e", load: () => import("../pages/downstream/page.js") },
  { name: "chat", path: "/admin/chat", icon: "chat", group: "clients", key: "p", load: () => import("../pages/chat/page.js") },
  { name: "config", path: "/admin/config", icon: "settings", group: "gateway", key: "c", load: () => import("../pages/config/page.js") },
  { name: "plugins", path: "/admin/plugins", icon: "plug", group: "gateway", key: "x", load: () => import("../pages/plugins/page.js") },
  { name: "audit", path: "/admin/audit", icon: "audit", group: "gateway", key: "u", load: () => import("../pages/audit/page.js") },
  { name: "components", path: "/admin/components", icon: "layers", group: "", load: () => import("../pages/components/page.js") },
  { name: "panel", path: "/admin/panel", icon: "plug", group: "", load: () => import("../pages/panel/page.js") },
  { name: "login", path: "/login", icon: "lock", group: "", open: true, load: () => import("../pages/login/page.js") },
  { name: "setup", path: "/setup", icon: "lock", group: "", open: true, load: () => import("../pages/setup/page.js") },
  { name: "public", path: "/chat", icon: "chat", group: "", open: true, load: () => import("../pages/public/page.js") },
];

/** Groups of the navigation, in order. */
export const GROUPS = /** @type {const} */ (["watch", "accounts", "clients", "gateway"]);

/**
 * @typedef {object} Panel A page of a plugin.
 * @property {string} plugin
 * @property {string} id
 * @property {Record<string, string>} title By language.
 * @property {string} module
 * @property {boolean} texts
 * @property {boolean} styles
 */

/** Panels of the loaded plugins; known after the login. */
export const panels = signal(/** @type {Panel[]} */ ([]));

/**
 * Return the page of a path.
 *
 * @param {string} path
 * @returns {Page | undefined}
 */
export function pageOf(path) {
  const plain = path.replace(/\/$/, "");
  return PAGES.find((page) => page.path === plain || (page.name === "panel" && plain.startsWith(`${page.path}/`)));
}

/** @type {Map<string, Promise<any>>} */
const prepared = new Map();

/**
 * Load what a page needs, once: its module, texts and style sheet; resolves to its component.
 *
 * A page is prepared before it is shown, as when the pointer comes near its link.
 *
 * @param {Page} page
 * @returns {Promise<any>}
 */
export function prepare(page) {
  const known = prepared.get(page.name);
  if (known) return known;
  const others = [loadTexts(page.name), loadStyles(`css/pages/${page.name}.css`)];
  const coming = Promise.all([page.load(), ...others]).then(([module]) => module.default);
  prepared.set(page.name, coming);
  coming.catch(() => prepared.delete(page.name));
  return coming;
}
