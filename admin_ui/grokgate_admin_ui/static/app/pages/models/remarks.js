// What of the operator's own part has no effect, and what a change was warned about.

import { Button, IconButton } from "../../components/button.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { idle } from "./records.js";

const t = texts("models");

/** @param {{catalog: import("./records.js").Catalog, acts: import("./changes.js").Acts}} props */
export function Idle({ catalog, acts }) {
  const found = /** @type {["add" | "hide" | "alias", string][]} */ (
    Object.entries(idle(catalog)).flatMap(([list, names]) => names.map((name) => [list, name]))
  );
  if (!found.length) return null;
  return html`<section class="models-note" aria-label=${t("idle")}>
    <p><strong>${t("idle")}</strong></p>
    <ul class="models-idle" role="list">
      ${found.map(
        ([list, name]) =>
          html`<li key=${`${list} ${name}`}>
            <span class="break">${t(`idle_${list}`, { name, meant: catalog.alias[name] ?? "" })}</span>
            <${Button} small busy=${acts.isBusy(name)} onClick=${() => acts.clear(list, name)}>${t("idle_clear")}<//>
          </li>`,
      )}
    </ul>
  </section>`;
}

/** @param {{warnings: string[], onClose: () => void}} props */
export function Warnings({ warnings, onClose }) {
  return html`<div class="models-note models-warnings" role="status">
    <ul>
      ${warnings.map((warning) => html`<li key=${warning} class="break">${warning}</li>`)}
    </ul>
    <${IconButton} icon="close" label=${t("close")} onClick=${onClose} />
  </div>`;
}
