// A chart in words: its legend, the values at one place, and all of them as a table.

import { number } from "../lib/format.js";
import { texts } from "../lib/i18n.js";
import { html } from "../lib/preact.js";
import { isBars } from "./chart-plot.js";

const t = texts("kit");

/** Rows of the hidden table; more would only slow screen readers down. */
const MOST_ROWS = 200;

/** @typedef {import("./chart-plot.js").TonedSeries} TonedSeries */

/**
 * @param {{series: TonedSeries[], hidden: string[], onToggle: (label: string) => void}} props
 */
export function ChartLegend({ series, hidden, onToggle }) {
  return html`<div class="chart-legend" role="group" aria-label=${t("chart_legend")}>
    ${series.map(
      ({ label, color }) =>
        html`<button
          key=${label}
          type="button"
          class="chart-name"
          aria-pressed=${hidden.includes(label) ? "false" : "true"}
          onClick=${() => onToggle(label)}
        >
          <${Swatch} color=${color} />${label}
        </button>`,
    )}
  </div>`;
}

/** @param {{color: string}} props */
function Swatch({ color }) {
  return html`<span
    class="chart-swatch"
    style=${{ color: `var(${color})` }}
    aria-hidden="true"
  ></span>`;
}

/**
 * The values at one place, beside the cursor.
 *
 * @param {import("./chart-plot.js").Drawing & {plot: any, index: number}} props
 */
export function ChartTip({ plot, index, kind, x, series, format, writePlace }) {
  if (!plot) return null;
  const left = plot.over.offsetLeft + plot.valToPos(x[index], "x");
  const isRight = left > plot.width / 2;
  const style = isRight ? { right: `${plot.width - left + 12}px` } : { left: `${left + 12}px` };
  const sum = series.reduce((before, { values }) => before + (values[index] ?? 0), 0);
  return html`<div class="chart-tip" style=${style} aria-hidden="true">
    <p class="chart-tip-place">${writePlace(x[index], true)}</p>
    <dl>
      ${series.map(({ label, color, values }) => {
        const value = values[index];
        return html`<div key=${label}>
          <dt><${Swatch} color=${color} />${label}</dt>
          <dd>${value === null || value === undefined ? t("chart_unknown") : format(value)}</dd>
        </div>`;
      })}
      ${isBars(kind) &&
      series.length > 1 &&
      html`<div class="chart-tip-sum">
        <dt>${t("chart_sum")}</dt>
        <dd>${format(sum)}</dd>
      </div>`}
    </dl>
  </div>`;
}

/**
 * The same numbers, for those who do not see the plot.
 *
 * @param {{label: string, x: number[], series: TonedSeries[], format: (value: number) => string,
 *   writePlace: (x: number, whole?: boolean) => string}} props
 */
export function ChartTable({ label, x, series, format, writePlace }) {
  const every = Math.max(1, Math.ceil(x.length / MOST_ROWS));
  const rows = [...x.keys()].filter((at) => at % every === 0);
  return html`<div class="visually-hidden">
    <table>
      <caption>
        ${every > 1 ? t("chart_table_thinned", { label, every: number(every) }) : label}
      </caption>
      <thead>
        <tr>
          <th scope="col">${t("chart_place")}</th>
          ${series.map((each) => html`<th scope="col" key=${each.label}>${each.label}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (at) =>
            html`<tr key=${at}>
              <th scope="row">${writePlace(x[at], true)}</th>
              ${series.map(({ label: name, values }) => {
                const value = values[at];
                return html`<td key=${name}>
                  ${value === null || value === undefined ? t("chart_unknown") : format(value)}
                </td>`;
              })}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
