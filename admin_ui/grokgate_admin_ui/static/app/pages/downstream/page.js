// Switches of the endpoints (F-UI-70, F-UI-71). Off means 404 for callers, from the next request on.

import { Badge, Tip } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { SearchField, Segmented, SwitchField } from "../../components/fields.js";
import { PageHeader, Row } from "../../components/layout.js";
import { Empty, Loaded } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { number, percent } from "../../lib/format.js";
import { knows, language, texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { Link, useQuery } from "../../lib/router.js";
import { toast } from "../../lib/toasts.js";
import { Examples } from "./examples.js";

const t = texts("downstream");
const EVERY_MS = 15_000;

/**
 * @typedef {object} Endpoint
 * @property {string} key
 * @property {string} method
 * @property {string} path
 * @property {{method: string, path: string}[]} operations
 * @property {string} description
 * @property {{en: string, zh: string}} [help]
 * @property {string} plugin
 * @property {boolean} [bundled]
 * @property {boolean} enabled
 * @property {boolean} answers
 * @property {string[]} requires
 * @property {boolean} default
 * @property {string | null} locked_by
 * @property {number} [calls_day]
 * @property {number} [failed_day]
 */

export default function DownstreamPage() {
  const [{ q, show }, set] = useQuery({ q: "", show: "" });
  const [busy, setBusy] = useState(/** @type {Record<string, boolean>} */ ({}));
  const state = useLoad(
    async (signal) => {
      const { endpoints } = await api.get("/downstream", { signal });
      return /** @type {Endpoint[]} */ (endpoints);
    },
    [],
    { everyMs: EVERY_MS },
  );
  const turn = async (/** @type {Endpoint} */ row, /** @type {boolean} */ enabled) => {
    setBusy((now) => ({ ...now, [row.key]: enabled }));
    try {
      const { endpoints, warnings } = await api.post("/downstream", { [row.key]: enabled });
      // The others as they are: the answer to another switch may have come before this one.
      const turned = endpoints.find((/** @type {Endpoint} */ each) => each.key === row.key);
      state.replace((now = endpoints) => now.map((each) => (each.key === row.key ? turned : each)));
      toast.ok(t(enabled ? "now_on" : "now_off", { path: row.path }));
      for (const warning of warnings ?? []) toast.info(warning);
    } catch (error) {
      toast.error(error);
    }
    setBusy(({ [row.key]: _, ...others }) => others);
  };

  return html`<${PageHeader} title=${t("title")} lead=${t("lead")} />
    <${Row} between gap=${3}>
      <${SearchField} value=${q} placeholder=${t("search")} onInput=${(/** @type {string} */ text) => set({ q: text })} />
      <${Segmented}
        ariaLabel=${t("show")}
        value=${show}
        options=${["", "on", "off"].map((value) => ({ value, label: t(`show_${value || "all"}`) }))}
        onInput=${(/** @type {string} */ value) => set({ show: value })}
      />
    <//>
    <${Loaded} state=${state} kind="table" rows=${10}>
      ${(/** @type {Endpoint[]} */ loaded) => {
        const rows = loaded.filter((row) => fits(row, q, show));
        if (!rows.length) {
          return html`<${Empty}
            icon="filter"
            title=${t("none")}
            action=${html`<${Button} onClick=${() => set({ q: "", show: "" })}>${t("reset")}<//>`}
          />`;
        }
        return html`<ul class="endpoints" role="list">
          ${rows.map(
            (row) =>
              html`<${EndpointRow}
                key=${row.key}
                row=${row}
                pending=${busy[row.key]}
                onTurn=${(/** @type {boolean} */ on) => turn(row, on)}
              />`,
          )}
        </ul>`;
      }}
    <//>`;
}

/**
 * @param {Endpoint} row
 * @param {string} q
 * @param {string} show
 */
function fits(row, q, show) {
  if (show && row.enabled !== (show === "on")) return false;
  const words = [row.key, row.plugin, row.description, ...row.operations.map((each) => each.path)];
  return words.join(" ").toLowerCase().includes(q.trim().toLowerCase());
}

/**
 * Say what an endpoint is for; those of other people's plugins say it themselves.
 *
 * @param {Endpoint} row
 */
function about(row) {
  const key = `about_${row.key.replace("enable_", "")}`;
  return knows("downstream", key) ? t(key) : row.help?.[language.value] || row.description;
}

/** @param {{row: Endpoint, pending: boolean | undefined, onTurn: (on: boolean) => void}} props */
function EndpointRow({ row, pending, onTurn }) {
  const [open, setOpen] = useState(false);
  const shown = pending ?? row.enabled;
  const name = `${row.method} ${row.path}`;
  const others = row.operations.length - 1;
  return html`<li class="card endpoint" data-key=${row.key}>
    <div class="endpoint-line">
      <${SwitchField}
        ariaLabel=${name}
        value=${shown}
        busy=${pending !== undefined}
        disabled=${row.locked_by !== null}
        onInput=${onTurn}
      />
      <div class="endpoint-words">
        <h2 class="endpoint-path">
          <${Badge} tone=${shown ? "accent" : "muted"}>${row.method}<//> <code class="break">${row.path}</code>
        </h2>
        <p class="muted">
          ${about(row)}${others > 0 && html` · ${t("more", { count: others })}`}
        </p>
      </div>
      <div class="endpoint-facts">
        <${State} row=${row} shown=${shown} />
        <${Tip} text=${row.bundled === false ? t("foreign") : t("bundled")}>
          <${Badge} icon="plug" tone=${row.bundled === false ? "accent" : "muted"}>${row.plugin}<//>
        <//>
        <${Calls} row=${row} />
      </div>
      <button type="button" class="link-button endpoint-more" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>
        ${open ? t("fewer") : t("examples")}
      </button>
    </div>
    ${open && html`<div class="endpoint-open"><${Examples} row=${row} /></div>`}
  </li>`;
}

/** @param {{row: Endpoint, shown: boolean}} props */
function State({ row, shown }) {
  if (row.locked_by) {
    return html`<${Tip} text=${t("locked_more", { by: row.locked_by })}><${Badge} icon="lock">${t("locked")}<//><//>`;
  }
  if (shown && !row.answers) {
    const why = row.requires.length ? t("needs", { keys: row.requires.join(", ") }) : t("plugin_down");
    return html`<${Tip} text=${why}><${Badge} tone="warn" icon="alert">${t("silent")}<//><//>`;
  }
  return html`<${Badge} tone=${shown ? "ok" : "muted"}>${shown ? t("on") : t("off")}<//>`;
}

/** @param {{row: Endpoint}} props */
function Calls({ row }) {
  if (row.calls_day === undefined) return null;
  if (!row.calls_day) return html`<span class="muted small">${t("no_calls")}</span>`;
  const failed = (row.failed_day ?? 0) / row.calls_day;
  const query = { view: "requests", known: true, range: "24h", endpoint: `${row.method} ${row.path}` };
  return html`<${Link} to="/admin/datacenter" query=${query} class="small nowrap">
    ${t("calls", { count: row.calls_day, number: number(row.calls_day) })}${failed > 0 && html` · ${t("failed", { share: percent(failed) })}`}
  <//>`;
}
