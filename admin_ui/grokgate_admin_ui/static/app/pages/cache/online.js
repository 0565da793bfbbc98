// Accounts and how many files they have at their upstream (F-UI-62).

import { Badge, Time, Tip } from "../../components/badge.js";
import { Button, IconButton } from "../../components/button.js";
import { SearchField, SelectField } from "../../components/fields.js";
import { Card } from "../../components/layout.js";
import { BulkBar, Pager } from "../../components/pager.js";
import { Empty, Loaded } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { chores } from "../../lib/chores.js";
import { bytes, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad, useSettled } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { Link, useQuery } from "../../lib/router.js";
import { counts } from "./counts.js";
import { Failures } from "./failures.js";
import { AccountFiles } from "./files.js";
import { Works } from "./works.js";
import { clear, isWork, start } from "./work.js";

const t = texts("cache");
const EVERY_MS = 10_000;
const SIZES = [20, 50, 100, 200, 500, 2000];
const SIZE = 50;
const STATUSES = ["active", "cooling", "expired", "disabled"];
/** @type {Record<string, import("../../components/badge.js").Tone>} */
const TONES = { active: "ok", cooling: "warn", expired: "bad" };

/** @typedef {{id: string, token: string, pool: string, status: string, last_asset_clear_at: number | null}} Account */
/** @typedef {{total: number, items: Account[], totals: {total: number, pools: Record<string, number>}}} Page */

const QUERY = { page: 1, size: SIZE, q: "", status: "", pool: "", sort: "", files: "", failed: "" };

export function OnlineList() {
  const [query, set] = useQuery(QUERY);
  const size = SIZES.includes(query.size) ? query.size : SIZE;
  const q = useSettled(query.q.trim());
  const { status, pool, sort } = query;
  const page = Math.max(1, Math.trunc(query.page));
  const [selection, setSelection] = useState(/** @type {Set<string>} */ (new Set()));
  const [isAll, setAll] = useState(false);
  /** @type {import("../../lib/poll.js").Load<Page>} */
  const state = useLoad(
    (signal) =>
      api.get("/tokens/list", { query: { page, page_size: size, q, status, pool, sort }, signal }),
    [page, size, q, status, pool, sort, running()],
    { everyMs: EVERY_MS },
  );
  const { data } = state;
  const choose = (/** @type {Set<string>} */ next) => {
    setSelection(next);
    setAll(false);
  };
  const narrow = (/** @type {Partial<typeof QUERY>} */ changes) => {
    choose(new Set());
    set({ ...changes, page: 1 });
  };
  const total = data?.total ?? 0;
  const count = isAll ? total : selection.size;
  /** @type {import("./work.js").Choice} */
  const choice = isAll ? { filter: filterOf({ q, status, pool }) } : { ids: [...selection] };
  const isFiltered = Boolean(query.q || status || pool);

  return html`<${Works} onFailures=${(/** @type {string} */ task) => set({ failed: task })} />
    <${Card}
      flush
      title=${t("list_online")}
      lead=${t("online_list_lead")}
      actions=${html`<${Button} icon="refresh" disabled=${!data?.totals.total} onClick=${() => start("assets_load", { scope: "all" })}>
        ${t("count_all")}
      <//>`}
    >
      <div class="cache-filters">
        <${SearchField}
          placeholder=${t("search_accounts")}
          value=${query.q}
          onInput=${(/** @type {string} */ text) => narrow({ q: text })}
        />
        <${SelectField}
          ariaLabel=${t("status")}
          value=${status}
          options=${["", ...STATUSES].map((value) => ({ value, label: value ? t(`status_${value}`) : t("any_status") }))}
          onInput=${(/** @type {string} */ value) => narrow({ status: value })}
        />
        <${SelectField}
          ariaLabel=${t("pool")}
          value=${pool}
          options=${["", ...new Set([...Object.keys(data?.totals.pools ?? {}), pool].filter(Boolean))].map((value) => ({
            value,
            label: value || t("any_pool"),
          }))}
          onInput=${(/** @type {string} */ value) => narrow({ pool: value })}
        />
      </div>
      <${Loaded}
        state=${state}
        kind="table"
        isEmpty=${(/** @type {Page} */ found) => found.total === 0}
        empty=${html`<${Nothing} isFiltered=${isFiltered} onClear=${() => narrow({ q: "", status: "", pool: "" })} />`}
      >
        ${(/** @type {Page} */ found) =>
          html`<${DataTable}
              label=${t("list_online")}
              columns=${columns((id) => set({ files: id }))}
              rows=${found.items}
              rowKey=${(/** @type {Account} */ account) => account.id}
              sort=${sort}
              onSort=${(/** @type {string} */ by) => set({ sort: by, page: 1 })}
              selection=${isAll ? new Set(found.items.map(({ id }) => id)) : selection}
              onSelection=${choose}
              onOpen=${(/** @type {Account} */ account) => set({ files: account.id })}
              firstIndex=${(page - 1) * size}
              total=${found.total}
            />
            <${Pager}
              page=${page}
              pageSize=${size}
              total=${found.total}
              sizes=${SIZES}
              onPage=${(/** @type {number} */ next) => set({ page: next })}
              onPageSize=${(/** @type {number} */ rows) => set({ size: rows, page: 1 })}
            />`}
      <//>
    <//>
    <${BulkBar}
      count=${count}
      onClear=${() => choose(new Set())}
      more=${!isAll &&
      total > selection.size &&
      html`<${Button} small kind="ghost" onClick=${() => setAll(true)}>${t("select_all", { count: total })}<//>`}
    >
      <${Button} icon="refresh" onClick=${() => start("assets_load", choice)}>${t("count_files")}<//>
      <${Button} kind="danger" icon="trash" onClick=${() => clear(choice, count)}>${t("delete_files")}<//>
    <//>
    ${query.files &&
    html`<${AccountFiles} key=${query.files} account=${query.files} onClose=${() => set({ files: "" })} />`}
    ${query.failed &&
    html`<${Failures} key=${query.failed} task=${query.failed} onClose=${() => set({ failed: "" })} />`}`;
}

/** How many jobs of this page run: the table is read anew when one ends. */
function running() {
  return chores.value.filter((job) => isWork(job.kind) && job.status === "running").length;
}

/**
 * Return the filter as bulk routes take it; none at all means every account.
 *
 * @param {Record<string, string>} filter
 */
function filterOf(filter) {
  const asked = Object.entries(filter).filter(([, value]) => value);
  return asked.length ? Object.fromEntries(asked) : { all: true };
}

/** @param {{isFiltered: boolean, onClear: () => void}} props */
function Nothing({ isFiltered, onClear }) {
  if (isFiltered) {
    return html`<${Empty}
      icon="filter"
      title=${t("accounts_none")}
      action=${html`<${Button} onClick=${onClear}>${t("filters_clear")}<//>`}
    />`;
  }
  return html`<${Empty}
    icon="token"
    title=${t("accounts_empty")}
    action=${html`<${Button} kind="primary" icon="plus" to="/admin/token">${t("accounts_add")}<//>`}
  />`;
}

/**
 * @param {(id: string) => void} open
 * @returns {import("../../components/table.js").Column<Account>[]}
 */
function columns(open) {
  return [
    {
      id: "id",
      label: t("account"),
      width: "minmax(13rem, 1.4fr)",
      sortable: true,
      render: ({ id, token }) =>
        html`<${Link} class="mono" to="/admin/token" query=${{ q: id }}>${id}<//>
          ${token.length > 1 && html` <span class="muted mono small">${token}</span>`}`,
    },
    { id: "pool", label: t("pool"), width: "minmax(6rem, 0.7fr)", sortable: true, render: ({ pool }) => pool },
    {
      id: "status",
      label: t("status"),
      width: "7.5rem",
      sortable: true,
      render: ({ status }) => html`<${Badge} tone=${TONES[status] ?? "muted"}>${t(`status_${status}`)}<//>`,
    },
    { id: "files", label: t("files_label"), width: "minmax(9rem, 0.8fr)", align: "end", render: ({ id }) => html`<${Files} id=${id} />` },
    {
      id: "cleared",
      label: t("last_cleared"),
      width: "8.5rem",
      align: "end",
      render: (account) => html`<${Time} ms=${account.last_asset_clear_at} />`,
    },
    {
      id: "acts",
      label: t("actions"),
      quiet: true,
      width: "6.5rem",
      align: "end",
      render: ({ id }) =>
        html`<${IconButton} small icon="list" label=${t("files_of", { account: id })} onClick=${() => open(id)} />
          <${IconButton} small icon="trash" label=${t("delete_files_of", { account: id })} onClick=${() => clear({ ids: [id] }, 1)} />`,
    },
  ];
}

/** @param {{id: string}} props */
function Files({ id }) {
  const known = counts.value.get(id);
  if (!known) return html`<span class="muted">${t("not_counted")}</span>`;
  if (known.status === "error") {
    return html`<${Tip} text=${known.error || t("count_error")}><${Badge} tone="bad">${t("count_error")}<//><//>`;
  }
  return html`${number(known.files)}${known.files > 0 &&
    known.size !== null &&
    html`<span class="muted small"> · ${bytes(known.size)}</span>`}`;
}
