// A plugin's page: its module is loaded from the gateway and given the kit.

import { PageHeader } from "../../components/layout.js";
import { Empty, Failure, Loaded } from "../../components/states.js";
import { root } from "../../lib/address.js";
import { api } from "../../lib/api.js";
import { language, loadForeignTexts, texts } from "../../lib/i18n.js";
import { makeKit } from "../../lib/kit.js";
import { useLoad } from "../../lib/poll.js";
import { report } from "../../lib/mishap.js";
import { html, useErrorBoundary } from "../../lib/preact.js";
import { place } from "../../lib/router.js";
import { loadStyles } from "../../lib/styles.js";

const t = texts("panel");

/** Shows the panel that the address names: `/admin/panel/<plugin>/<panel>`. */
export default function PanelPage() {
  const [, , , plugin = "", id = ""] = place.value.path.split("/").map(decodeURIComponent);
  const state = useLoad(() => open(plugin, id), [plugin, id]);
  return html`<${Loaded}
    state=${state}
    kind="page"
    isEmpty=${(/** @type {Opened | null} */ opened) => opened === null}
    empty=${html`<${PageHeader} title=${t("unknown_title")} />
      <${Empty} icon="plug" title=${t("unknown", { plugin, id })} />`}
  >
    ${(/** @type {Opened} */ opened) =>
      html`<${PageHeader} title=${titleOf(opened.title)} lead=${t("from", { plugin })} />
        <${Fence} key=${`${plugin}/${id}`} view=${opened.view} />`}
  <//>`;
}

/** @typedef {{view: any, title: Record<string, string>}} Opened */

/**
 * @param {string} plugin
 * @param {string} id
 * @returns {Promise<Opened | null>}
 */
async function open(plugin, id) {
  const { plugins } = await api.get("/plugins");
  const row = plugins.find((/** @type {any} */ each) => each.name === plugin);
  const panel = row?.panels.find((/** @type {any} */ each) => each.id === id);
  if (!panel) return null;
  const files = new URL(`ui/plugins/${plugin}/`, root);
  const namespace = `plugin/${plugin}`;
  const [module, settings] = await Promise.all([
    import(new URL(panel.module, files).href),
    settingsOf(row.settings),
    row.texts && loadForeignTexts(namespace, (spoken) => new URL(`i18n/${spoken}.json`, files)),
    row.styles && loadStyles(new URL("panel.css", files)),
  ]);
  const kit = makeKit({ plugin, t: texts(namespace), settings });
  return { view: module.default(kit).view, title: panel.title };
}

/**
 * @param {string[]} keys
 * @returns {Promise<Record<string, unknown>>}
 */
async function settingsOf(keys) {
  if (!keys.length) return {};
  const config = await api.get("/config");
  return Object.fromEntries(
    keys.map((key) => [key, key.split(".").reduce((found, name) => found?.[name], config)]),
  );
}

/** @param {Record<string, string>} title */
function titleOf(title) {
  return title[language.value] ?? title.en ?? "";
}

/**
 * A panel that fails leaves the rest of the page as it is.
 *
 * @param {{view: any}} props
 */
function Fence({ view }) {
  const [broken, forget] = useErrorBoundary(report);
  if (broken) return html`<${Failure} error=${broken} onRetry=${forget} />`;
  return html`<${view} />`;
}
