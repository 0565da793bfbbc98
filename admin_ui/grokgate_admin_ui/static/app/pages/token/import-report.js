// What an import would do, or did: counts per pool, and what there is to say about lines.

import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { Lines } from "./lines.js";
import { poolName } from "./words.js";

const t = texts("token");
const OUTCOMES = /** @type {const} */ (["added", "updated", "restored", "unchanged", "removed"]);

/** @param {{report: import("./records.js").ImportReport}} props */
export function Report({ report }) {
  const shown = OUTCOMES.filter((outcome) => outcome === "added" || report[outcome]);
  const pools = Object.entries(report.pools);
  return html`<div class="stack token-form">
    ${pools.length > 0 &&
    html`<div class="token-table-place" role="region" aria-label=${t("by_pool")} tabindex="0">
      <table class="token-table">
        <thead>
          <tr>
            <th scope="col">${t("pool")}</th>
            ${shown.map((outcome) => html`<th key=${outcome} scope="col" class="number">${t(`outcome_${outcome}`)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${pools.map(
            ([pool, counts]) =>
              html`<tr key=${pool}>
                <th scope="row">${pool === "auto" ? t("pool_detect") : poolName(pool)}</th>
                ${shown.map((outcome) => html`<td key=${outcome} class="number">${number(counts[outcome] ?? 0)}</td>`)}
              </tr>`,
          )}
        </tbody>
        ${pools.length > 1 &&
        html`<tfoot>
          <tr>
            <th scope="row">${t("sum")}</th>
            ${shown.map((outcome) => html`<td key=${outcome} class="number">${number(report[outcome])}</td>`)}
          </tr>
        </tfoot>`}
      </table>
    </div>`}
    ${pools.length === 0 && html`<p class="muted">${t("nothing_usable")}</p>`}
    <${Lines} kind="rejected" lines=${report.rejected} open=${pools.length === 0} />
    <${Lines} kind="doubles" lines=${report.doubles} />
    <${Lines} kind="remarks" lines=${report.remarks} />
  </div>`;
}
