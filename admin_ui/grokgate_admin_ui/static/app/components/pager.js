// What stands below a table: its pages, and what can be done with the chosen rows.

import { number } from "../lib/format.js";
import { texts } from "../lib/i18n.js";
import { html } from "../lib/preact.js";
import { Button, IconButton } from "./button.js";
import { SelectField } from "./fields.js";

const t = texts("common");

/**
 * @param {{page: number, pageSize: number, total: number, sizes?: number[],
 *   onPage: (page: number) => void, onPageSize?: (size: number) => void}} props Pages from 1.
 */
export function Pager({ page, pageSize, total, sizes = [], onPage, onPageSize }) {
  const pages = Math.max(1, Math.ceil(total / pageSize));
  const first = total ? (page - 1) * pageSize + 1 : 0;
  const last = Math.min(total, page * pageSize);
  return html`<nav class="pager" aria-label=${t("pages")}>
    <span class="muted small" aria-live="polite">
      ${t("page_range", { first: number(first), last: number(last), total: number(total) })}
    </span>
    ${onPageSize &&
    html`<${SelectField}
      ariaLabel=${t("page_size")}
      value=${String(pageSize)}
      options=${sizes.map((size) => ({ value: String(size), label: t("page_rows", { rows: size }) }))}
      onInput=${(/** @type {string} */ size) => onPageSize(Number(size))}
    />`}
    <div class="row">
      <${IconButton} icon="chevronLeft" label=${t("page_before")} disabled=${page <= 1} onClick=${() => onPage(page - 1)} />
      <span class="small nowrap">${t("page_of", { page: number(page), pages: number(pages) })}</span>
      <${IconButton} icon="chevronRight" label=${t("page_after")} disabled=${page >= pages} onClick=${() => onPage(page + 1)} />
    </div>
  </nav>`;
}

/**
 * A bar at the bottom while rows are chosen.
 *
 * @param {{count: number, onClear: () => void, more?: unknown, children?: unknown}} props
 *   More: stands beside the count, as "select all 5,000".
 */
export function BulkBar({ count, onClear, more, children }) {
  if (!count) return null;
  return html`<div class="bulk" role="toolbar" aria-label=${t("bulk")}>
    <div class="bulk-count">
      <strong aria-live="polite">${t("selected", { count })}</strong>
      ${more}
      <${Button} small kind="ghost" icon="close" onClick=${onClear}>${t("select_none")}<//>
    </div>
    <div class="bulk-actions">${children}</div>
  </div>`;
}
