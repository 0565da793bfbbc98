// Tables: sorted, chosen from, empty.

import { Badge, Time } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { Card } from "../../components/layout.js";
import { BulkBar, Pager } from "../../components/pager.js";
import { Meter } from "../../components/progress.js";
import { Empty } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useMemo, useState } from "../../lib/preact.js";
import { Example } from "./example.js";

const t = texts("components");

/** @typedef {{id: string, left: number, used: number, tone: "ok" | "warn" | "bad"}} Row */

const ROWS = 5000;
const HOUR_MS = 3_600_000;
const TONES = /** @type {const} */ (["ok", "ok", "ok", "warn", "bad"]);

/** @returns {Row[]} The same ones each time. */
function makeRows() {
  return Array.from({ length: ROWS }, (_, at) => ({
    id: `tok_${((at + 1) * 2654435761).toString(36).slice(0, 8)}`,
    left: (at * 37) % 81,
    used: (at * 911) % 4000,
    tone: TONES[(at * 7) % 5],
  }));
}

/** Many rows, and none. */
export function Lists() {
  return html`<div class="kit-grid">
    <${Example} title=${t("table", { count: ROWS })} code="DataTable, Pager, BulkBar" wide><${Many} /><//>
    <${Example} title=${t("table_empty")} code="DataTable empty" wide><${None} /><//>
  </div>`;
}

/** @returns {import("../../components/table.js").Column<Row>[]} */
function columns() {
  return [
    { id: "id", label: t("column_id"), sortable: true, render: ({ id }) => html`<code>${id}</code>` },
    {
      id: "tone",
      label: t("fact_state"),
      width: "8rem",
      render: ({ tone }) => html`<${Badge} tone=${tone}>${t(`tone_${tone}`)}<//>`,
    },
    {
      id: "left",
      label: t("column_left"),
      sortable: true,
      render: ({ left }) => html`<${Left} left=${left} />`,
    },
    {
      id: "used",
      label: t("column_used"),
      width: "7rem",
      align: "end",
      sortable: true,
      render: ({ used }) => number(used),
    },
    {
      id: "last",
      label: t("column_last"),
      width: "9rem",
      render: ({ used }) => html`<${Time} ms=${Date.now() - used * HOUR_MS} />`,
    },
  ];
}

/** @param {{left: number}} props */
function Left({ left }) {
  return html`<${Meter}
    label=${t("column_left")}
    value=${left}
    max=${80}
    tone=${left < 10 ? "bad" : "ok"}
    text=${number(left)}
  />`;
}

function Many() {
  const rows = useMemo(makeRows, []);
  const [sort, setSort] = useState("-used");
  const [chosen, setChosen] = useState(/** @type {Set<string>} */ (new Set()));
  const [page, setPage] = useState(1);
  const [size, setSize] = useState(500);
  const sorted = useMemo(() => rows.toSorted(by(sort)), [rows, sort]);
  return html`<${Card} flush>
      <${DataTable}
        label=${t("table", { count: ROWS })}
        columns=${columns()}
        rows=${sorted.slice((page - 1) * size, page * size)}
        rowKey=${(/** @type {Row} */ row) => row.id}
        sort=${sort}
        onSort=${setSort}
        selection=${chosen}
        onSelection=${setChosen}
        maxHeight="22rem"
        firstIndex=${(page - 1) * size}
        total=${ROWS}
      />
      <${Pager}
        page=${page}
        pageSize=${size}
        total=${ROWS}
        sizes=${[100, 500, 2000]}
        onPage=${setPage}
        onPageSize=${(/** @type {number} */ next) => {
          setSize(next);
          setPage(1);
        }}
      />
    <//>
    <${BulkBar} count=${chosen.size} onClear=${() => setChosen(new Set())}>
      <${Button} small icon="refresh">${t("bulk_refresh")}<//>
      <${Button} small kind="danger" icon="trash">${t("button_danger")}<//>
    <//>`;
}

/**
 * @param {string} sort
 * @returns {(one: Row, other: Row) => number}
 */
function by(sort) {
  const name = /** @type {"id" | "left" | "used"} */ (sort.replace("-", ""));
  const sign = sort.startsWith("-") ? -1 : 1;
  return (one, other) => sign * (one[name] < other[name] ? -1 : one[name] > other[name] ? 1 : 0);
}

function None() {
  return html`<${Card} flush>
    <${DataTable}
      label=${t("table_empty")}
      columns=${columns()}
      rows=${[]}
      rowKey=${(/** @type {Row} */ row) => row.id}
      empty=${html`<${Empty} icon="filter" title=${t("table_none")}>${t("table_none_lead")}<//>`}
    />
  <//>`;
}
