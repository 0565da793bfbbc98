// How a page is laid out: head, cards, figures, rows and grids.

import { html } from "../lib/preact.js";
import { href } from "../lib/router.js";

/**
 * The head of a page, with its only h1.
 *
 * @param {{title: unknown, lead?: unknown, actions?: unknown}} props
 */
export function PageHeader({ title, lead, actions }) {
  return html`<header class="page-header">
    <div class="page-header-words">
      <h1 tabindex="-1">${title}</h1>
      ${lead && html`<p class="page-lead">${lead}</p>`}
    </div>
    ${actions && html`<div class="page-actions">${actions}</div>`}
  </header>`;
}

/**
 * A surface with a heading.
 *
 * @param {{title?: unknown, lead?: unknown, actions?: unknown, flush?: boolean, class?: string,
 *   id?: string, children?: unknown}} props Flush: its content reaches the edges, as a table does.
 */
export function Card({ title, lead, actions, flush = false, class: more = "", id, children }) {
  return html`<section class=${`card ${flush ? "card-flush" : ""} ${more}`} id=${id}>
    ${(title || actions) &&
    html`<header class="card-header">
      <div>
        ${title && html`<h2>${title}</h2>`} ${lead && html`<p class="muted small">${lead}</p>`}
      </div>
      ${actions && html`<div class="card-actions">${actions}</div>`}
    </header>`}
    <div class="card-body">${children}</div>
  </section>`;
}

/**
 * One figure; a link when it leads somewhere.
 *
 * @param {{label: unknown, value: unknown, hint?: unknown, tone?: string, to?: string,
 *   current?: boolean, onClick?: () => void}} props
 */
export function Stat({ label, value, hint, tone, to, current = false, onClick }) {
  const inner = html`<span class="stat-label">
      ${tone && html`<span class=${`dot tone-${tone}`} aria-hidden="true"></span>`}${label}
    </span>
    <span class="stat-value">${value}</span>
    ${hint && html`<span class="stat-hint">${hint}</span>`}`;
  const name = `stat ${current ? "stat-current" : ""}`;
  if (to) return html`<a class=${name} href=${href(to)}>${inner}</a>`;
  if (onClick) {
    return html`<button type="button" class=${name} aria-pressed=${current} onClick=${onClick}>
      ${inner}
    </button>`;
  }
  return html`<div class=${name}>${inner}</div>`;
}

/**
 * A band of figures.
 *
 * @param {{label?: string, children?: unknown}} props
 */
export function Stats({ label, children }) {
  return html`<div class="stats" role="group" aria-label=${label}>${children}</div>`;
}

/**
 * Columns as wide as there is room for.
 *
 * @param {{min?: string, gap?: number, children?: unknown, class?: string}} props Min: a CSS length.
 */
export function Grid({ min = "20rem", gap = 4, children, class: more = "" }) {
  const style = {
    gridTemplateColumns: `repeat(auto-fill, minmax(min(100%, ${min}), 1fr))`,
    gap: `var(--space-${gap})`,
  };
  return html`<div class=${`grid ${more}`} style=${style}>${children}</div>`;
}

/**
 * Things below each other.
 *
 * @param {{gap?: number, children?: unknown, class?: string}} props Gap: 1 to 7.
 */
export function Stack({ gap = 4, children, class: more = "" }) {
  return html`<div class=${`stack ${more}`} style=${{ gap: `var(--space-${gap})` }}>
    ${children}
  </div>`;
}

/**
 * Things beside each other.
 *
 * @param {{gap?: number, wrap?: boolean, between?: boolean, align?: string, children?: unknown,
 *   class?: string}} props
 */
export function Row({ gap = 2, wrap = true, between = false, align, children, class: more = "" }) {
  const style = { gap: `var(--space-${gap})`, ...(align ? { alignItems: align } : {}) };
  const name = `row ${wrap ? "row-wrap" : ""} ${between ? "row-between" : ""} ${more}`;
  return html`<div class=${name} style=${style}>${children}</div>`;
}

/**
 * Names and values.
 *
 * @param {{items: [unknown, unknown][], class?: string}} props Empty values are left out.
 */
export function Facts({ items, class: more = "" }) {
  const shown = items.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return html`<dl class=${`facts ${more}`}>
    ${shown.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
  </dl>`;
}
