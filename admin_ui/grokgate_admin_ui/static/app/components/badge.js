// Short marks: states, moments, keys.

import { ago, dateTime } from "../lib/format.js";
import { html, useEffect, useId, useRef, useState } from "../lib/preact.js";
import { Icon } from "./icon.js";

/** @typedef {"ok" | "warn" | "bad" | "accent" | "muted"} Tone */

/**
 * A word on a coloured ground.
 *
 * @param {{tone?: Tone, icon?: string, title?: string, children?: unknown}} props
 */
export function Badge({ tone = "muted", icon, title, children }) {
  return html`<span class=${`badge tone-${tone}`} title=${title}>
    ${icon && html`<${Icon} name=${icon} size=${14} />`}${children}
  </span>`;
}

/**
 * A coloured point before a word.
 *
 * @param {{tone?: Tone, children?: unknown}} props
 */
export function Dot({ tone = "muted", children }) {
  return html`<span class="dotted">
    <span class=${`dot tone-${tone}`} aria-hidden="true"></span>${children}
  </span>`;
}

/**
 * Explains its content to pointer, keyboard and screen reader; Esc closes it.
 *
 * @param {{text: unknown, children?: unknown, side?: "top" | "bottom"}} props
 */
export function Tip({ text, children, side = "top" }) {
  const id = useId();
  const words = useRef(/** @type {HTMLSpanElement | null} */ (null));
  const show = (/** @type {{currentTarget: Element}} */ event) => {
    const shown = words.current;
    if (!shown || shown.matches(":popover-open")) return;
    shown.showPopover();
    settle(shown, event.currentTarget.getBoundingClientRect(), side);
  };
  const hide = () => {
    const isShown = words.current?.matches(":popover-open") ?? false;
    if (isShown) words.current?.hidePopover();
    return isShown;
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && hide()) event.preventDefault();
  };
  if (!text) return children;
  return html`<span
    class="tip"
    tabindex="0"
    aria-describedby=${id}
    onKeyDown=${onKeyDown}
    onMouseEnter=${show}
    onMouseLeave=${hide}
    onFocus=${show}
    onBlur=${hide}
  >
    ${children}
    <span class="tip-text" role="tooltip" popover="manual" id=${id} ref=${words}>${text}</span>
  </span>`;
}

/**
 * Put a tip beside what it explains, within the window.
 *
 * @param {HTMLElement} words
 * @param {DOMRect} place
 * @param {"top" | "bottom"} side
 */
function settle(words, place, side) {
  const size = words.getBoundingClientRect();
  const above = place.top - size.height - 6;
  const top = side === "top" && above > 4 ? above : place.bottom + 6;
  const left = place.left + (place.width - size.width) / 2;
  words.style.top = `${Math.min(top, innerHeight - size.height - 4)}px`;
  words.style.left = `${Math.max(4, Math.min(left, innerWidth - size.width - 4))}px`;
}

/**
 * A moment, told from now; the whole date is its title.
 *
 * @param {{ms: number | null | undefined}} props Unix milliseconds.
 */
export function Time({ ms }) {
  const [, again] = useState(0);
  useEffect(() => {
    if (!ms) return undefined;
    const near = Math.abs(Date.now() - ms) < 120_000;
    const timer = setInterval(() => again((count) => count + 1), near ? 5000 : 30_000);
    return () => clearInterval(timer);
  }, [ms]);
  if (!ms) return html`<span class="muted">–</span>`;
  return html`<time datetime=${new Date(ms).toISOString()} title=${dateTime(ms)}>${ago(ms)}</time>`;
}

/** @param {{children?: unknown}} props */
export function Kbd({ children }) {
  return html`<kbd class="kbd">${children}</kbd>`;
}
