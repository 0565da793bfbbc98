// A button that opens a list of things to do.

import { html, useEffect, useId, useRef, useState } from "../lib/preact.js";
import { href } from "../lib/router.js";
import { Button, IconButton } from "./button.js";
import { Icon } from "./icon.js";

/**
 * @typedef {object} Item
 * @property {unknown} label
 * @property {string} [icon]
 * @property {() => unknown} [onSelect]
 * @property {string} [to] Makes it a link.
 * @property {boolean} [danger]
 * @property {boolean} [disabled]
 * @property {boolean} [checked]
 */

/**
 * Arrow keys move through it, Esc closes it, a letter leads to the next item that begins with it.
 *
 * @param {{label: string, icon?: string, text?: unknown, items: (Item | false | null)[], small?: boolean,
 *   kind?: "plain" | "ghost" | "primary", disabled?: boolean}} props
 *   With `text` the button has words, else it is a picture with a label.
 */
export function Menu({ label, icon = "more", text, items, small = false, kind = "ghost", disabled }) {
  const [open, setOpen] = useState(false);
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const list = useRef(/** @type {HTMLDivElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    list.current?.showPopover();
    settle(place.current, list.current);
    entries(list.current)[0]?.focus();
    const leave = (/** @type {Event} */ event) => {
      if (!place.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    // What moves the button leaves the list behind; what else scrolls, as an answer that grows, does not matter.
    const scrolled = (/** @type {Event} */ event) => {
      if (/** @type {Node} */ (event.target).contains(place.current)) setOpen(false);
    };
    document.addEventListener("pointerdown", leave);
    document.addEventListener("scroll", scrolled, true);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("scroll", scrolled, true);
    };
  }, [open]);

  const close = () => {
    setOpen(false);
    place.current?.querySelector("button")?.focus();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (!open) return;
    if (event.key === "Escape" || event.key === "Tab") {
      event.stopPropagation();
      if (event.key === "Escape") event.preventDefault();
      close();
    } else if (move(list.current, event.key)) event.preventDefault();
  };
  const shared = {
    small,
    kind,
    icon,
    disabled,
    expanded: open,
    "aria-haspopup": "menu",
    "aria-controls": open ? id : undefined,
    onClick: () => setOpen(!open),
  };
  return html`<div class="menu" ref=${place} onKeyDown=${onKeyDown}>
    ${text
      ? html`<${Button} ...${shared} title=${label}>${text}<//>`
      : html`<${IconButton} ...${shared} label=${label} />`}
    ${open &&
    html`<div class="menu-list floating-list" popover="manual" id=${id} role="menu" aria-label=${label} ref=${list}>
      ${items.map((item) => item && html`<${Entry} item=${item} onDone=${close} />`)}
    </div>`}
  </div>`;
}

/** @param {{item: Item, onDone: () => void}} props */
function Entry({ item, onDone }) {
  const { label, icon, onSelect, to, danger, disabled, checked } = item;
  const name = `menu-item ${danger ? "menu-item-danger" : ""}`;
  const inner = html`${checked !== undefined
      ? html`<span class="menu-check">${checked && html`<${Icon} name="check" size=${16} />`}</span>`
      : icon && html`<${Icon} name=${icon} size=${16} />`}<span>${label}</span>`;
  if (to) {
    return html`<a class=${name} role="menuitem" tabindex="-1" href=${href(to)} onClick=${onDone}>
      ${inner}
    </a>`;
  }
  return html`<button
    type="button"
    class=${name}
    role=${checked === undefined ? "menuitem" : "menuitemcheckbox"}
    aria-checked=${checked === undefined ? undefined : checked ? "true" : "false"}
    tabindex="-1"
    disabled=${disabled}
    onClick=${() => {
      onDone();
      void onSelect?.();
    }}
  >
    ${inner}
  </button>`;
}

/** @param {HTMLElement | null} list */
function entries(list) {
  const found = list?.querySelectorAll("[role^=menuitem]:not(:disabled)") ?? [];
  return /** @type {HTMLElement[]} */ ([...found]);
}

/**
 * Move the focus by a key; tells whether the key is one that moves.
 *
 * @param {HTMLElement | null} list
 * @param {string} key
 */
function move(list, key) {
  const all = entries(list);
  const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  /** @type {Record<string, number>} */
  const places = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
  let next = places[key];
  if (next === undefined) {
    if (key.length !== 1 || key === " ") return false;
    const after = [...all.slice(at + 1), ...all.slice(0, at + 1)];
    const found = after.find((entry) =>
      entry.textContent?.trim().toLowerCase().startsWith(key.toLowerCase()),
    );
    if (!found) return false;
    next = all.indexOf(found);
  }
  all[(next + all.length) % all.length]?.focus();
  return true;
}

/**
 * Put the list where there is room for it; a popover, so that no scrolling region cuts it off.
 *
 * @param {HTMLElement | null} place
 * @param {HTMLElement | null} list
 */
function settle(place, list) {
  if (!place || !list) return;
  const button = place.getBoundingClientRect();
  const size = list.getBoundingClientRect();
  const below = innerHeight - button.bottom;
  const top = below < size.height + 8 && button.top > below ? button.top - size.height - 4 : button.bottom + 4;
  const left = Math.min(Math.max(8, button.right - size.width), innerWidth - size.width - 8);
  list.style.top = `${Math.max(8, top)}px`;
  list.style.left = `${Math.max(8, left)}px`;
}
