// A table of many rows. All rows are equally high, and only those that are seen exist.

import { texts } from "../lib/i18n.js";
import { html, useEffect, useRef } from "../lib/preact.js";
import { Checkbox } from "./fields.js";
import { Icon } from "./icon.js";
import { useCut, useSeen } from "./table-view.js";

const t = texts("common");

/**
 * @template R
 * @typedef {object} Column
 * @property {string} id
 * @property {unknown} label
 * @property {(row: R, index: number) => unknown} render
 * @property {string} [width] A CSS track size: "8rem", "minmax(8rem, 1fr)" (the default).
 * @property {"start" | "end" | "center"} [align]
 * @property {boolean} [sortable]
 * @property {boolean} [sticky] Stays in sight while the table is scrolled sideways; for one column.
 * @property {boolean} [quiet] Its label is for screen readers only, as over buttons.
 */

const SELECT = "2.75rem";

/**
 * @template R
 * @param {object} props
 * @param {string} props.label
 * @param {Column<R>[]} props.columns
 * @param {R[]} props.rows
 * @param {(row: R) => string} props.rowKey
 * @param {string} [props.sort] Column id, with a minus before it: descending.
 * @param {(sort: string) => void} [props.onSort]
 * @param {Set<string>} [props.selection] Keys of rows; with it each row has a box.
 * @param {(selection: Set<string>) => void} [props.onSelection]
 * @param {(row: R) => unknown} [props.onOpen] A click on a row; a cell has a button that does the
 *   same, for keys.
 * @param {number} [props.rowHeight] Pixels.
 * @param {string} [props.maxHeight] A CSS length; the table scrolls within it.
 * @param {boolean} [props.loading] What is shown is being replaced.
 * @param {number} [props.firstIndex] Of the first row among all, from 0.
 * @param {number} [props.total] Rows there are in all.
 * @param {(row: R) => string | undefined} [props.rowTone]
 * @param {unknown} [props.empty]
 */
export function DataTable({
  label,
  columns,
  rows,
  rowKey,
  sort = "",
  onSort,
  selection,
  onSelection,
  onOpen,
  rowHeight = 44,
  maxHeight = "70dvh",
  loading = false,
  firstIndex = 0,
  total = rows.length,
  rowTone,
  empty,
}) {
  const region = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [from, to] = useSeen(region, rows.length, rowHeight);
  useCut(region, rows.length > 0);
  useEffect(() => region.current?.scrollTo({ top: 0 }), [firstIndex, sort]);
  const tracks = columns.map((column) => column.width ?? "minmax(8rem, 1fr)");
  const style = { gridTemplateColumns: [...(selection ? [SELECT] : []), ...tracks].join(" ") };
  const chosen = selection ? rows.filter((row) => selection.has(rowKey(row))).length : 0;
  const chooseAll = (/** @type {boolean} */ on) => {
    const next = new Set(selection);
    for (const row of rows) {
      if (on) next.add(rowKey(row));
      else next.delete(rowKey(row));
    }
    onSelection?.(next);
  };
  const anchor = useRef("");
  const choose = (/** @type {R} */ row, /** @type {boolean} */ on, /** @type {boolean} */ range) => {
    const next = new Set(selection);
    const key = rowKey(row);
    const span = range ? between(rows.map(rowKey), anchor.current, key) : [key];
    for (const each of span) {
      if (on) next.add(each);
      else next.delete(each);
    }
    anchor.current = key;
    onSelection?.(next);
  };
  const acts = useRef(/** @type {Acts<R>} */ ({ choose, open: onOpen }));
  acts.current = { choose, open: onOpen };

  return html`<div
    class=${`table-region ${loading ? "table-loading" : ""}`}
    ref=${region}
    role="region"
    aria-label=${label}
    aria-busy=${loading ? "true" : undefined}
    tabindex="0"
    style=${{ maxHeight }}
  >
    <div
      class="table"
      role="table"
      aria-label=${label}
      aria-rowcount=${total + 1}
      aria-colcount=${columns.length + (selection ? 1 : 0)}
    >
      <div class="table-head" role="row" aria-rowindex="1" style=${style}>
        ${selection &&
        html`<div class="cell cell-select" role="columnheader">
          <${Checkbox}
            ariaLabel=${t("select_page")}
            value=${chosen === 0 ? false : chosen === rows.length ? true : "mixed"}
            onInput=${chooseAll}
          />
        </div>`}
        ${columns.map(
          (column) => html`<${Head} key=${column.id} column=${column} sort=${sort} onSort=${onSort} />`,
        )}
      </div>
      <div class="table-body" role="rowgroup" style=${{ height: `${rows.length * rowHeight}px` }}>
        ${rows.slice(from, to).map((row, at) => {
          const key = rowKey(row);
          return html`<${Row}
            key=${key}
            id=${key}
            row=${row}
            index=${from + at}
            place=${firstIndex + from + at + 2}
            columns=${columns}
            tracks=${style.gridTemplateColumns}
            height=${rowHeight}
            tone=${rowTone?.(row) ?? ""}
            opens=${Boolean(onOpen)}
            chosen=${selection ? selection.has(key) : undefined}
            acts=${acts}
          />`;
        })}
      </div>
    </div>
    ${rows.length === 0 && empty}
  </div>`;
}

/**
 * @template R
 * @typedef {{choose: (row: R, on: boolean, range: boolean) => void, open?: (row: R) => unknown}} Acts
 */

/**
 * A row. It follows the language, a signal; such a component is drawn again only when one of its
 * props is another one, so scrolling and polling leave rows alone that are as they were.
 *
 * @param {{id: string, row: any, index: number, place: number, columns: Column<any>[],
 *   tracks: string, height: number, tone: string, opens: boolean, chosen?: boolean,
 *   acts: {current: Acts<any>}}} props Chosen: undefined without boxes.
 */
function Row({ id, row, index, place, columns, tracks, height, tone, opens, chosen, acts }) {
  const style = {
    gridTemplateColumns: tracks,
    height: `${height}px`,
    transform: `translateY(${index * height}px)`,
  };
  const name = t("select_row", { name: id });
  return html`<div
    class=${`table-row ${chosen ? "row-chosen" : ""} ${opens ? "row-opens" : ""} ${tone}`}
    role="row"
    data-key=${id}
    aria-rowindex=${place}
    aria-selected=${chosen === undefined ? undefined : chosen ? "true" : "false"}
    style=${style}
    onClick=${(/** @type {MouseEvent} */ event) => isPlain(event) && acts.current.open?.(row)}
  >
    ${chosen !== undefined &&
    html`<div
      class="cell cell-select"
      role="cell"
      onClick=${(/** @type {MouseEvent} */ event) => {
        if (!event.shiftKey || !(event.target instanceof HTMLInputElement)) return;
        event.preventDefault();
        acts.current.choose(row, !chosen, true);
      }}
    >
      <${Checkbox}
        ariaLabel=${name}
        value=${chosen}
        onInput=${(/** @type {boolean} */ on) => acts.current.choose(row, on, false)}
      />
    </div>`}
    ${columns.map(
      (column) =>
        html`<div key=${column.id} class=${classOf(column)} role="cell">
          ${column.render(row, index)}
        </div>`,
    )}
  </div>`;
}

/** @param {Column<any>} column */
function classOf({ align = "start", sticky }) {
  return `cell cell-${align} ${sticky ? "cell-sticky" : ""}`;
}

/** @param {{column: Column<any>, sort: string, onSort?: (sort: string) => void}} props */
function Head({ column, sort, onSort }) {
  const isSorted = sort.replace(/^-/, "") === column.id;
  const isDown = isSorted && sort.startsWith("-");
  const order = isSorted ? (isDown ? "descending" : "ascending") : undefined;
  if (!column.sortable || !onSort) {
    const words = column.quiet ? html`<span class="visually-hidden">${column.label}</span>` : column.label;
    return html`<div class=${classOf(column)} role="columnheader">${words}</div>`;
  }
  const next = isSorted && !isDown ? `-${column.id}` : column.id;
  return html`<div class=${classOf(column)} role="columnheader" aria-sort=${order}>
    <button type="button" class="sorter" onClick=${() => onSort(next)}>
      ${column.label}
      <${Icon} name=${isSorted ? (isDown ? "arrowDown" : "arrowUp") : "sort"} size=${14} />
    </button>
  </div>`;
}

/**
 * Return the keys from one to another, both included.
 *
 * @param {string[]} keys
 * @param {string} first
 * @param {string} last
 */
function between(keys, first, last) {
  const [from, to] = [keys.indexOf(first), keys.indexOf(last)].sort((a, b) => a - b);
  return from < 0 ? [last] : keys.slice(from, to + 1);
}

/** @param {MouseEvent} event */
function isPlain(event) {
  const target = /** @type {Element} */ (event.target);
  return !target.closest("a, button, input, select, label, textarea, [role=menu], .tip");
}
