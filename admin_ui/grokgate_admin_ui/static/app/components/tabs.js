// One of several views of a page.

import { compact } from "../lib/format.js";
import { html, useLayoutEffect, useRef } from "../lib/preact.js";

/**
 * @typedef {object} Tab
 * @property {string} id
 * @property {unknown} label
 * @property {number} [count]
 * @property {import("./badge.js").Tone} [tone]
 */

/**
 * Arrow keys move between tabs. The view they choose is `role="tabpanel"` by `TabPanel`.
 *
 * @param {{label: string, tabs: Tab[], selected: string, onSelect: (id: string) => void}} props
 */
export function Tabs({ label, tabs, selected, onSelect }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const reached = tabs.some((tab) => tab.id === selected) ? selected : tabs[0]?.id;
  useLayoutEffect(() => reveal(place.current), [selected]);
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const at = tabs.findIndex((tab) => tab.id === selected);
    /** @type {Record<string, number>} */
    const places = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    const next = places[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const chosen = (next + tabs.length) % tabs.length;
    onSelect(tabs[chosen].id);
    const found = place.current?.querySelectorAll("[role=tab]")[chosen];
    if (found instanceof HTMLElement) found.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${place} onKeyDown=${onKeyDown}>
    ${tabs.map(
      (tab) =>
        html`<button
          key=${tab.id}
          type="button"
          role="tab"
          class="tab"
          id=${`tab-${tab.id}`}
          aria-selected=${tab.id === selected ? "true" : "false"}
          tabindex=${tab.id === reached ? 0 : -1}
          onClick=${() => onSelect(tab.id)}
        >
          ${tab.tone && html`<span class=${`dot tone-${tab.tone}`} aria-hidden="true"></span>`}
          ${tab.label}
          ${tab.count !== undefined && html`<span class="tab-count">${compact(tab.count)}</span>`}
        </button>`,
    )}
  </div>`;
}

/**
 * Scroll the selected tab into sight where there is no room for all of them.
 *
 * @param {HTMLElement | null} list
 */
function reveal(list) {
  const tab = list?.querySelector("[aria-selected=true]");
  if (!list || !(tab instanceof HTMLElement)) return;
  const [from, to] = [tab.offsetLeft - list.offsetLeft, tab.offsetLeft - list.offsetLeft + tab.offsetWidth];
  if (from < list.scrollLeft) list.scrollLeft = from;
  else if (to > list.scrollLeft + list.clientWidth) list.scrollLeft = to - list.clientWidth;
}

/**
 * What a tab shows.
 *
 * @param {{id: string, children?: unknown}} props The id of its tab.
 */
export function TabPanel({ id, children }) {
  return html`<div role="tabpanel" aria-labelledby=${`tab-${id}`} class="tab-panel">${children}</div>`;
}
