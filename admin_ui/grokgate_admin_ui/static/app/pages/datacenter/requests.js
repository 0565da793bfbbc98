// The request log: filters, an endless table, CSV (F-UI-42).

import { Badge } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { SwitchField } from "../../components/fields.js";
import { Row } from "../../components/layout.js";
import { Empty, Failure, Loading } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { compact, dateTime, duration, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useAction, useLoad } from "../../lib/poll.js";
import { pref } from "../../lib/prefs.js";
import { html, useEffect, useMemo, useRef, useState } from "../../lib/preact.js";
import { Link, navigate, place, useQuery } from "../../lib/router.js";
import { toast } from "../../lib/toasts.js";
import { Filters } from "./filters.js";
import { asked, conditions, FILTER, joined, readRows, statusTone } from "./rows.js";
import { isToday, moment } from "./times.js";

/** @typedef {import("./rows.js").RequestRow} RequestRow */
/** @typedef {import("./rows.js").Rows} Rows */

const t = texts("datacenter");
const EVERY_MS = 5000;
/** Pixels before the end at which the next page is fetched. */
const EARLY = 600;
const live = pref("requests_live", true);

export function Requests() {
  const [filter, set] = useQuery(FILTER);
  const { list, state, fresh, take, older, isLoadingOlder, onScroll } = useRows(filter);
  const [isSaving, saveCsv] = useAction(
    () => api.download("/requests", { query: { ...asked(filter), format: "csv" } }),
    toast.error,
  );
  const clear = () => set(FILTER);
  const count = conditions(filter);
  const told = list ? t(list.next ? "rows_more" : "rows_all", { count: list.rows.length }) : "";
  // Said once for each filter, not for every request that comes.
  const found = useMemo(() => told, [list?.of]);
  return html`<div class="card card-flush dc-requests">
    <${Filters} filter=${filter} count=${count} onInput=${set} onClear=${clear} />
    <${Row} between class="dc-bar">
      <${Row} gap=${3}>
        <${SwitchField}
          label=${t("live")}
          value=${live.value}
          onInput=${(/** @type {boolean} */ on) => {
            live.value = on;
          }}
        />
        <span class="muted small">${told}</span>
        <span class="visually-hidden" role="status">${found}</span>
        ${fresh > 0 &&
        html`<${Button} small icon="arrowUp" onClick=${take}>${t("rows_new", { count: fresh })}<//>`}
      <//>
      <${Button} icon="download" busy=${isSaving} onClick=${() => saveCsv()}>CSV<//>
    <//>
    ${state.error && html`<${Failure} error=${state.error} onRetry=${state.reload} />`}
    ${!list && !state.error && html`<${Loading} kind="table" rows=${10} />`}
    ${list &&
    html`<div onScrollCapture=${onScroll}>
      <${DataTable}
        label=${t("requests")}
        columns=${columns(list.rows)}
        rows=${list.rows}
        rowKey=${(/** @type {RequestRow} */ row) => row.id}
        rowHeight=${40}
        loading=${state.loading && list.of !== JSON.stringify(filter)}
        onOpen=${(/** @type {RequestRow} */ row) => navigate(openedBy(row))}
        empty=${html`<${Nothing} isFiltered=${count > 0} onClear=${clear} />`}
      />
    </div>`}
    ${list?.next &&
    html`<div class="dc-more">
      <${Button} busy=${isLoadingOlder} onClick=${() => older()}>${t("rows_older")}<//>
    </div>`}
  </div>`;
}

/** @param {{isFiltered: boolean, onClear: () => void}} props */
function Nothing({ isFiltered, onClear }) {
  if (isFiltered) {
    return html`<${Empty}
      icon="filter"
      title=${t("requests_none")}
      action=${html`<${Button} onClick=${onClear}>${t("filters_clear")}<//>`}
    />`;
  }
  return html`<${Empty}
    icon="list"
    title=${t("traffic_empty")}
    action=${html`<${Button} kind="primary" icon="chat" to="/admin/chat">${t("playground")}<//>`}
  >
    ${t("traffic_empty_lead")}
  <//>`;
}

/**
 * Return the address that opens a request over the page as it is.
 *
 * @param {RequestRow} row
 */
function openedBy(row) {
  const query = new URLSearchParams(place.value.query);
  query.set("request", row.request_id);
  return `/admin/datacenter?${query}`;
}

/**
 * Keep the rows of a filter: new ones come on top while the top is seen, older ones on demand.
 *
 * @param {import("./rows.js").Filter} filter
 */
function useRows(filter) {
  const of = JSON.stringify(filter);
  const [list, setList] = useState(/** @type {Rows | null} */ (null));
  const [held, setHeld] = useState(/** @type {Rows | null} */ (null));
  const atTop = useRef(true);
  /** @type {import("../../lib/poll.js").Load<Rows>} */
  const state = useLoad((signal) => readRows(filter, { signal }), [of], {
    everyMs: live.value ? EVERY_MS : 0,
  });
  useEffect(() => {
    const { data } = state;
    if (!data) return;
    const isOther = list?.of !== data.of;
    if (isOther || atTop.current) setList(list && !isOther ? joined(list, data) : data);
    else setHeld(data);
    if (isOther) setHeld(null);
  }, [state.data]);

  const [isLoadingOlder, older] = useAction(async () => {
    if (!list?.next) return;
    const { rows, next } = await readRows(filter, { before: list.next });
    const add = (/** @type {Rows} */ now) => ({ ...now, rows: [...now.rows, ...rows], next });
    setList((now) => (now?.of === list.of && now.next === list.next ? add(now) : now));
  }, toast.error);
  const take = () => {
    if (held && list) setList(joined(list, held));
    setHeld(null);
  };
  const onScroll = (/** @type {Event} */ event) => {
    const { scrollTop, scrollHeight, clientHeight } = /** @type {HTMLElement} */ (event.target);
    atTop.current = scrollTop < 4;
    if (atTop.current && held) take();
    if (scrollHeight - scrollTop - clientHeight < EARLY && !isLoadingOlder) void older();
  };
  const known = new Set(list?.rows.map((row) => row.id));
  const fresh = held?.rows.filter((row) => !known.has(row.id)).length ?? 0;
  return { list, state, fresh, take, older, isLoadingOlder, onScroll };
}

/**
 * @param {RequestRow[]} rows
 * @returns {import("../../components/table.js").Column<RequestRow>[]}
 */
function columns(rows) {
  const oldest = rows.at(-1);
  const width = !oldest || isToday(oldest.time) ? "5.5rem" : "8.5rem";
  return [
    { id: "time", label: t("time"), width, render: timeOf },
    { id: "status", label: t("status"), width: "minmax(7.75rem, 1.4fr)", render: statusOf },
    { id: "endpoint", label: t("endpoint"), width: "minmax(9rem, 1.6fr)", render: endpointOf },
    { id: "model", label: t("model"), width: "minmax(6.25rem, 1fr)", render: (row) => row.model || "–" },
    { id: "key", label: t("key"), width: "minmax(4.25rem, 0.5fr)", render: (row) => row.key_name || "–" },
    { id: "account", label: t("account"), width: "8.5rem", render: accountOf },
    { id: "duration", label: t("duration"), width: "5.4rem", align: "end", render: durationOf },
    { id: "attempts", label: t("tries"), width: "3.75rem", align: "end", render: attemptsOf },
    { id: "units", label: t("units"), width: "3.5rem", align: "end", render: (row) => number(row.units) },
    { id: "usage", label: t("in_out"), width: "5.25rem", align: "end", render: usageOf },
  ];
}

/** @param {RequestRow} row */
function timeOf(row) {
  return html`<${Link} class="dc-open" to=${openedBy(row)} title=${dateTime(row.time)}>
    ${moment(row.time)}
  <//>`;
}

/** @param {RequestRow} row */
function statusOf({ status, error }) {
  return html`<span class="dc-status">
    <${Badge} tone=${statusTone(status, error)}>${String(status)}<//>
    ${error && html`<span class="ellipsis small" title=${error}>${error}</span>`}
  </span>`;
}

/** @param {RequestRow} row */
function endpointOf({ endpoint, stream }) {
  const title = stream ? `${endpoint} (${t("streamed")})` : endpoint;
  return html`<span title=${title}>${endpoint.replace(/^POST /, "")}</span>`;
}

/** @param {RequestRow} row */
function accountOf({ token }) {
  if (!token) return "–";
  return html`<${Link} class="mono small" to="/admin/token" query=${{ q: token }}>${token}<//>`;
}

/** @param {RequestRow} row */
function durationOf({ duration_ms: whole, first_byte_ms: first }) {
  const title = first === null ? undefined : t("first_byte_after", { time: duration(first) });
  return html`<span title=${title}>${duration(whole)}</span>`;
}

/** @param {RequestRow} row */
function attemptsOf({ attempts }) {
  return attempts > 1 ? html`<strong class="tone-text-warn">${number(attempts)}</strong>` : number(attempts);
}

/** @param {RequestRow} row */
function usageOf({ usage: { input, output, outputs } }) {
  if (input === undefined && output === undefined) return outputs ? t("outputs", { count: outputs }) : "–";
  return `${compact(input ?? 0)} → ${compact(output ?? 0)}`;
}
