// Accounts: how they fare, and all that is done with them (F-UI-20 to F-UI-29).

import { Button, IconButton } from "../../components/button.js";
import { Card, PageHeader, Row } from "../../components/layout.js";
import { Pager } from "../../components/pager.js";
import { Empty, Loaded } from "../../components/states.js";
import { TabPanel } from "../../components/tabs.js";
import { DataTable } from "../../components/table.js";
import { language, texts } from "../../lib/i18n.js";
import { html, useEffect, useMemo, useRef, useState } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { DEFAULTS, isNarrowed, sound, UNFILTERED } from "./asked.js";
import { Bulk } from "./bulk.js";
import { Cards } from "./cards.js";
import { chosenColumns, columnsOf, usualColumns } from "./columns.js";
import { Filters, StatusTabs } from "./filters.js";
import { keepFocus } from "./focus.js";
import { Late } from "./late.js";
import { pageSize, SIZES, useListing } from "./listing.js";
import { useSelection } from "./selection.js";
import { useWork } from "./work.js";

const t = texts("token");
const ROW_HEIGHT = 52;

/** The table of accounts, or why a model finds one or none. */
export default function TokenPage() {
  const [query, ask] = useQuery(DEFAULTS);
  const asked = sound(query);
  return asked.view === "explain"
    ? html`<${Late}
        name="explain"
        onOpen=${(/** @type {string} */ open) => ask({ view: "", open })}
        onClose=${() => ask({ view: "" })}
      />`
    : html`<${Accounts} asked=${asked} ask=${ask} />`;
}

/**
 * @param {{asked: import("./asked.js").Asked,
 *   ask: (changes: Partial<import("./asked.js").Asked>) => void}} props
 */
function Accounts({ asked, ask }) {
  const [dialog, setDialog] = useState(/** @type {{name: string, props: Record<string, unknown>} | null} */ (null));
  const paused = dialog !== null || Boolean(asked.open || asked.failed);
  const listing = useListing(asked, pageSize.value, paused);
  const { state, rows, totals, reload } = listing;
  const total = state.data?.total ?? 0;
  const chosen = useSelection(asked, rows, total);
  const latest = useRef(/** @type {any} */ (null));
  const dialogs = useMemo(
    () => ({
      open: (/** @type {string} */ name, /** @type {Record<string, unknown>} */ props = {}) => setDialog({ name, props }),
      close: () => setDialog(null),
    }),
    [],
  );
  useEffect(() => {
    const name = asked.add ? "add" : asked.import ? "import" : "";
    if (!name) return;
    dialogs.open(name, { onDone: () => latest.current.reload() });
    ask({ add: false, import: false });
  }, [asked.add, asked.import]);
  const work = useWork({ reload, ask });
  const open = (/** @type {string} */ id) => ask({ open: id });
  latest.current = { ask, put: listing.put, reload, work, drop: chosen.drop, asked };
  const tools = useMemo(() => toolsOf(latest, dialogs), []);
  usePageInRange(asked, total, state.data !== undefined && !listing.isOld, ask);
  const shown = chosenColumns.value ?? usualColumns();
  const minute = Math.floor(Date.now() / 60_000);
  const columns = useMemo(
    () =>
      columnsOf({
        shown,
        onOpen: (id) => latest.current.ask({ open: id }),
        onTag: (tag) => latest.current.ask({ tag, page: 1 }),
        tools,
      }),
    [shown, language.value, minute],
  );
  return html`<${Header}
    dialogs=${dialogs}
    ask=${ask}
    reload=${reload}
    chosen=${chosen}
    asked=${asked}
    total=${total}
  />
    <${Cards}
      totals=${totals}
      status=${asked.status}
      onStatus=${(/** @type {string} */ status) => ask({ status, page: 1 })}
    />
    <${Card} flush class="token-card">
      <${StatusTabs} asked=${asked} counts=${state.data?.counts} onChange=${ask} />
      <${Filters} asked=${asked} pools=${totals?.pools} total=${state.data?.total} onChange=${ask}>
        <${IconButton}
          icon="columns"
          kind="plain"
          label=${t("columns")}
          onClick=${() => dialogs.open("columns")}
        />
      <//>
      <${TabPanel} id=${asked.status}>
        <${Loaded} state=${state} kind="table" rows=${10}>
          ${() =>
            html`<${DataTable}
                label=${t("table")}
                columns=${columns}
                rows=${rows}
                rowKey=${(/** @type {import("./records.js").Account} */ row) => row.id}
                rowHeight=${ROW_HEIGHT}
                maxHeight="max(24rem, calc(100dvh - 15rem))"
                sort=${asked.sort}
                onSort=${(/** @type {string} */ sort) => ask({ sort, page: 1 })}
                selection=${chosen.shown}
                onSelection=${chosen.choose}
                loading=${listing.isOld}
                total=${total}
                firstIndex=${(asked.page - 1) * pageSize.value}
                onOpen=${(/** @type {import("./records.js").Account} */ row) => open(row.id)}
                empty=${html`<${Nothing} asked=${asked} all=${totals?.total} ask=${ask} dialogs=${dialogs} reload=${reload} />`}
              />
              <${Pager}
                page=${asked.page}
                pageSize=${pageSize.value}
                total=${total}
                sizes=${SIZES}
                onPage=${(/** @type {number} */ page) => ask({ page })}
                onPageSize=${(/** @type {number} */ size) => {
                  pageSize.value = size;
                  ask({ page: 1 });
                }}
              />`}
        <//>
      <//>
    <//>
    <${Bulk}
      chosen=${chosen}
      deleted=${asked.status === "deleted"}
      total=${total}
      dialogs=${dialogs}
      reload=${reload}
      work=${work}
    />
    ${asked.open &&
    html`<${Late}
      name="details"
      id=${asked.open}
      rows=${rows}
      tools=${tools}
      onOpen=${open}
      onClose=${() => ask({ open: "" })}
    />`}
    ${asked.failed &&
    html`<${Late} name="failures" task=${asked.failed} work=${work} onClose=${() => ask({ failed: "" })} />`}
    ${dialog && html`<${Late}
      ...${dialog.props}
      key=${dialog.name}
      name=${dialog.name}
      onClose=${dialogs.close}
    />`}`;
}

/**
 * Return the tools of rows. They are the same ones for as long as the page is open, so that rows need
 * not be drawn again, and do what the page has them do now.
 *
 * @param {{current: {ask: (changes: Partial<import("./asked.js").Asked>) => void,
 *   put: import("./row.js").RowTools["put"], reload: () => Promise<void>,
 *   work: (kind: import("./acts.js").JobKind, choice: import("./records.js").Choice) => void,
 *   drop: (id: string) => void, asked: import("./asked.js").Asked}}} latest
 * @param {import("./records.js").Dialogs} dialogs
 * @returns {import("./row.js").RowTools}
 */
function toolsOf(latest, dialogs) {
  return {
    dialogs,
    put: (account) => latest.current.put(account),
    reload: () => latest.current.reload(),
    work: (kind, ids) => latest.current.work(kind, { ids }),
    gone: (id) => {
      keepFocus();
      latest.current.drop(id);
      if (latest.current.asked.open === id) latest.current.ask({ open: "" });
    },
  };
}

/**
 * Go to the last page when the shown one is beyond it, as after a deletion.
 *
 * @param {import("./asked.js").Asked} asked
 * @param {number} total
 * @param {boolean} isKnown
 * @param {(changes: Partial<import("./asked.js").Asked>) => void} ask
 */
function usePageInRange(asked, total, isKnown, ask) {
  const last = Math.max(1, Math.ceil(total / pageSize.value));
  useEffect(() => {
    if (isKnown && asked.page > last) ask({ page: last });
  }, [isKnown, asked.page, last]);
}

/**
 * @param {{dialogs: import("./records.js").Dialogs, reload: () => Promise<void>, total: number,
 *   chosen: import("./selection.js").Chosen, asked: import("./asked.js").Asked,
 *   ask: (changes: Partial<import("./asked.js").Asked>) => void}} props
 */
function Header({ dialogs, reload, chosen, asked, ask, total }) {
  const save = () =>
    dialogs.open("export", { choice: chosen.choice, count: chosen.count, asked, total });
  return html`<${PageHeader}
    title=${t("title")}
    lead=${t("lead")}
    actions=${html`<${Button} icon="help" kind="ghost" onClick=${() => ask({ view: "explain" })}>${t("explain")}<//>
      <${Button} icon="upload" onClick=${() => dialogs.open("import", { onDone: reload })}>${t("import")}<//>
      <${Button} icon="download" onClick=${save}>${t("export")}<//>
      <${Button}
        kind="primary"
        icon="plus"
        onClick=${() => dialogs.open("add", { onDone: reload })}
      >
        ${t("add")}
      <//>`}
  />`;
}

/**
 * @param {{asked: import("./asked.js").Asked, all: number | undefined,
 *   ask: (changes: Partial<import("./asked.js").Asked>) => void,
 *   dialogs: import("./records.js").Dialogs, reload: () => Promise<void>}} props
 */
function Nothing({ asked, all, ask, dialogs, reload }) {
  if (asked.status === "deleted" && !isNarrowed(asked)) {
    return html`<${Empty} icon="trash" title=${t("none_deleted")}>${t("none_deleted_hint")}<//>`;
  }
  if (all || isNarrowed(asked)) {
    return html`<${Empty}
      icon="search"
      title=${t("none_found")}
      action=${html`<${Button} onClick=${() => ask(UNFILTERED)}>${t("reset")}<//>`}
    >
      ${t("none_found_hint")}
    <//>`;
  }
  return html`<${Empty}
    icon="token"
    title=${t("none_yet")}
    action=${html`<${Row}>
      <${Button}
        kind="primary"
        icon="plus"
        onClick=${() => dialogs.open("add", { onDone: reload })}
      >
        ${t("add")}
      <//>
      <${Button} icon="upload" onClick=${() => dialogs.open("import", { onDone: reload })}>${t("import")}<//>
    <//>`}
  >
    ${t("none_yet_hint")}
  <//>`;
}
