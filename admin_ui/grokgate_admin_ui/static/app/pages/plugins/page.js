// The plugins: what each brings, how it fares, whether it is loaded (F-UI-91).

import { Badge, Tip } from "../../components/badge.js";
import { SwitchField } from "../../components/fields.js";
import { Card, Facts, PageHeader, Stack } from "../../components/layout.js";
import { Loaded } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { duration } from "../../lib/format.js";
import { language, texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";
import { toast } from "../../lib/toasts.js";

const t = texts("plugins");

/**
 * @typedef {object} Plugin
 * @property {string} name
 * @property {string} version
 * @property {boolean} bundled
 * @property {boolean} enabled
 * @property {boolean} needs_restart
 * @property {"ok" | "faulty" | "failed" | "refused" | "off"} health
 * @property {string | null} error
 * @property {number} faults
 * @property {string[]} routes
 * @property {string[]} toggles
 * @property {string[]} models
 * @property {string[]} upstreams
 * @property {string[]} settings
 * @property {{id: string, title: Record<string, string>}[]} [panels]
 * @property {number | null} load_ms
 */

/** @type {Record<Plugin["health"], import("../../components/badge.js").Tone>} */
const TONES = { ok: "ok", faulty: "warn", failed: "bad", refused: "bad", off: "muted" };

export default function PluginsPage() {
  const [changed, setChanged] = useState(/** @type {Record<string, Plugin>} */ ({}));
  const state = useLoad(async (signal) => {
    const { plugins } = await api.get("/plugins", { signal });
    return /** @type {Plugin[]} */ (plugins);
  }, []);
  const turn = async (/** @type {Plugin} */ row, /** @type {boolean} */ enabled) => {
    try {
      const { plugin, needs_restart: waits } = await api.post(`/plugins/${row.name}`, { enabled });
      setChanged((now) => ({ ...now, [row.name]: { ...row, ...plugin } }));
      toast.info(waits ? t("saved_restart") : t("saved"));
    } catch (error) {
      toast.error(error);
    }
  };
  return html`<${PageHeader} title=${t("title")} lead=${t("lead")} />
    <${Loaded} state=${state} kind="cards" rows=${8}>
      ${(/** @type {Plugin[]} */ plugins) => {
        const rows = plugins.map((row) => changed[row.name] ?? row);
        const waiting = rows.filter((row) => row.needs_restart);
        return html`${waiting.length > 0 &&
          html`<p class="plugins-restart" role="status">
            ${t("restart", { names: waiting.map((row) => row.name).join(", ") })}
          </p>`}
          <div class="plugins">
            ${rows.map(
              (row) =>
                html`<${PluginCard} key=${row.name} row=${row} onTurn=${(/** @type {boolean} */ on) => turn(row, on)} />`,
            )}
          </div>`;
      }}
    <//>`;
}

/** @param {{row: Plugin, onTurn: (on: boolean) => Promise<void>}} props */
function PluginCard({ row, onTurn }) {
  const [busy, setBusy] = useState(false);
  const onInput = async (/** @type {boolean} */ on) => {
    setBusy(true);
    await onTurn(on);
    setBusy(false);
  };
  return html`<${Card}
    title=${row.name}
    lead=${html`${row.version} · ${row.bundled ? t("bundled") : t("foreign")}`}
    actions=${html`<${Badge} tone=${TONES[row.health]}>${t(`health_${row.health}`)}<//>
      <${SwitchField} ariaLabel=${t("load", { name: row.name })} value=${row.enabled} busy=${busy} onInput=${onInput} />`}
  >
    <${Stack} gap=${3}>
      ${row.needs_restart && html`<div><${Badge} tone="warn" icon="refresh">${t("needs_restart")}<//></div>`}
      ${row.error && html`<p class="plugins-error break">${row.error}</p>`}
      <${Facts}
        items=${[
          [t("toggles"), row.toggles.length ? html`<${Names} names=${row.toggles} to=${(/** @type {string} */ name) => ["/admin/downstream", { q: name }]} />` : ""],
          [t("models"), row.models.length ? html`<${Names} names=${row.models} to=${(/** @type {string} */ name) => ["/admin/models", { q: name }]} />` : ""],
          [t("upstreams"), row.upstreams.join(", ")],
          [t("settings"), row.settings.length ? html`<${Names} names=${row.settings} to=${(/** @type {string} */ name) => ["/admin/config", { q: name }]} />` : ""],
          [
            t("panels"),
            row.panels?.length
              ? row.panels.map(
                  (panel) =>
                    html`<${Link} key=${panel.id} to=${`/admin/panel/${row.name}/${panel.id}`}>
                      ${panel.title[language.value] ?? panel.title.en}
                    <//>`,
                )
              : "",
          ],
          [t("load_time"), row.load_ms === null ? "" : duration(row.load_ms)],
          [t("faults"), row.faults ? html`<span class="tone-text-bad">${row.faults}</span>` : ""],
        ]}
      />
    <//>
  <//>`;
}

const SEEN = 4;

/** @param {{names: string[], to: (name: string) => [string, Record<string, unknown>]}} props */
function Names({ names, to }) {
  const rest = names.slice(SEEN);
  return html`<div class="plugins-names">
    ${names.slice(0, SEEN).map((name) => {
      const [path, query] = to(name);
      return html`<${Link} key=${name} to=${path} query=${query} class="mono break">${name}<//>`;
    })}
    ${rest.length > 0 &&
    html`<${Tip} text=${rest.join(", ")}><span class="muted">${t("and_more", { count: rest.length })}</span><//>`}
  </div>`;
}
