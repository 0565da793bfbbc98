// Shares of a whole, largest first: a list whose rows are bars.

import { compact, percent } from "../lib/format.js";
import { html } from "../lib/preact.js";
import { Link } from "../lib/router.js";

/**
 * @typedef {object} BarItem
 * @property {string} label
 * @property {number} value
 * @property {import("./badge.js").Tone} [tone]
 * @property {string} [to] A page that tells more.
 * @property {unknown} [hint] Said below the label.
 */

/**
 * Bars are measured by the largest; labels wrap, they are never cut off.
 *
 * @param {{label: string, items: BarItem[], format?: (value: number) => string, total?: number,
 *   empty?: unknown}} props With *total* each row also tells its share of it.
 */
export function BarList({ label, items, format = compact, total, empty }) {
  const largest = Math.max(0, ...items.map((item) => item.value));
  if (!items.length) return empty ?? null;
  return html`<ul class="bar-list" aria-label=${label}>
    ${items.map(
      (item) =>
        html`<li key=${item.label} class="bar-item">
          <div class="bar-words">
            <span class="bar-label">
              ${item.to ? html`<${Link} to=${item.to}>${item.label}<//>` : item.label}
              ${item.hint && html`<span class="bar-hint">${item.hint}</span>`}
            </span>
            <span class="bar-value">
              ${format(item.value)}
              ${total ? html`<span class="bar-share">${percent(item.value / total)}</span>` : null}
            </span>
          </div>
          <div class="bar-track" aria-hidden="true">
            <div
              class=${`bar-fill tone-${item.tone ?? "accent"}`}
              style=${{ width: `${largest > 0 ? (item.value / largest) * 100 : 0}%` }}
            ></div>
          </div>
        </li>`,
    )}
  </ul>`;
}
