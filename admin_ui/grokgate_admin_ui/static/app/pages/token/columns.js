// The columns of the table, and which of them are shown.

import { Time } from "../../components/badge.js";
import { compact, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { pref } from "../../lib/prefs.js";
import { html } from "../../lib/preact.js";
import { PoolCell, QuotaCell, StatusCell, TokenCell } from "./cells.js";
import { RowActions } from "./row.js";

const t = texts("token");

/** @typedef {import("./records.js").Account} Account */

/** What an operator chose to see; null: as many as fit. */
export const chosenColumns = pref("token.columns", /** @type {string[] | null} */ (null));

/** All that can be chosen, in the order in which they stand. */
export const COLUMN_IDS = [
  "pool", "status", "quota", "image_quota", "heavy_quota", "use_count", "fail_count",
  "last_used_at", "last_sync_at", "note", "created_at", "inflight",
];
const WIDE = ["pool", "status", "quota", "use_count", "fail_count", "last_used_at", "last_sync_at", "note"];
const MEDIUM = ["pool", "status", "quota", "use_count", "fail_count", "last_used_at"];
const NARROW = ["status", "quota"];

/** Return the columns that are shown where nothing was chosen. */
export function usualColumns() {
  if (innerWidth >= 1500) return WIDE;
  return innerWidth >= 640 ? MEDIUM : NARROW;
}

/**
 * New columns draw all rows anew, as the time to a reset needs once a minute.
 *
 * @param {object} options
 * @param {string[]} options.shown
 * @param {(id: string) => void} options.onOpen
 * @param {(tag: string) => void} options.onTag
 * @param {import("./row.js").RowTools} options.tools
 * @returns {import("../../components/table.js").Column<Account>[]}
 */
export function columnsOf({ shown, onOpen, onTag, tools }) {
  const when = (/** @type {"last_used_at" | "last_sync_at" | "created_at"} */ id) => ({
    id,
    label: t(`column_${id}`),
    width: "7rem",
    sortable: true,
    render: (/** @type {Account} */ row) => html`<span class="small"><${Time} ms=${row[id]} /></span>`,
  });
  const figure = (/** @type {"use_count" | "fail_count" | "image_quota" | "heavy_quota"} */ id) => ({
    id,
    label: t(`column_${id}`),
    width: id === "fail_count" ? "6.1rem" : "4.75rem",
    align: /** @type {const} */ ("end"),
    sortable: true,
    render: (/** @type {Account} */ row) => figureOf(row[id]),
  });
  /** @type {Record<string, import("../../components/table.js").Column<Account>>} */
  const all = {
    pool: {
      id: "pool",
      label: t("pool"),
      width: "5.25rem",
      sortable: true,
      render: (row) => html`<${PoolCell} account=${row} />`,
    },
    status: {
      id: "status",
      label: t("column_status"),
      width: "minmax(9rem, 1fr)",
      sortable: true,
      render: (row) => html`<${StatusCell} account=${row} onTag=${onTag} />`,
    },
    quota: {
      id: "quota",
      label: t("column_quota"),
      width: "minmax(12rem, 2.5fr)",
      sortable: true,
      render: (row) => html`<${QuotaCell} account=${row} />`,
    },
    image_quota: figure("image_quota"),
    heavy_quota: figure("heavy_quota"),
    use_count: figure("use_count"),
    fail_count: figure("fail_count"),
    last_used_at: when("last_used_at"),
    last_sync_at: when("last_sync_at"),
    note: {
      id: "note",
      label: t("note"),
      width: "minmax(8rem, 1fr)",
      sortable: true,
      render: (row) => (row.note ? html`<span title=${row.note}>${row.note}</span>` : html`<span class="muted">–</span>`),
    },
    created_at: when("created_at"),
    inflight: {
      id: "inflight",
      label: t("column_inflight"),
      width: "5.5rem",
      align: "end",
      render: (row) => (row.max_inflight ? `${row.inflight}/${row.max_inflight}` : number(row.inflight)),
    },
  };
  return [
    {
      id: "id",
      label: t("column_token"),
      width: "8.25rem",
      sortable: true,
      render: (row) => html`<${TokenCell} account=${row} onOpen=${onOpen} />`,
    },
    ...COLUMN_IDS.filter((id) => shown.includes(id)).map((id) => all[id]),
    {
      id: "actions",
      label: t("column_actions"),
      quiet: true,
      width: "6.25rem",
      align: "end",
      render: (row) => html`<${RowActions} account=${row} tools=${tools} />`,
    },
  ];
}

/** @param {number | undefined} value -1: unknown. */
function figureOf(value) {
  if (value === undefined || value < 0) return html`<span class="muted">–</span>`;
  if (value === 0) return html`<span class="muted">0</span>`;
  return html`<span title=${number(value)}>${value < 10_000 ? number(value) : compact(value)}</span>`;
}
