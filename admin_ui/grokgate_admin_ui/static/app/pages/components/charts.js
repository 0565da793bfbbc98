// Charts of every kind, with made-up numbers that are the same each time.

import { BarList, Chart, Spark } from "../../components/chart.js";
import { Row } from "../../components/layout.js";
import { duration, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useMemo } from "../../lib/preact.js";
import { Example } from "./example.js";

const t = texts("components");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * @param {number} count
 * @param {number} seed
 * @param {number} height
 */
function wave(count, seed, height) {
  return Array.from({ length: count }, (_, at) =>
    Math.round(height * (0.55 + 0.35 * Math.sin(at / 3.2 + seed) + 0.1 * Math.sin(at * 1.7 * seed))),
  );
}

/**
 * @param {number} count
 * @param {number} step Milliseconds.
 */
function moments(count, step) {
  const last = Math.floor(Date.now() / step) * step;
  return Array.from({ length: count }, (_, at) => last - (count - 1 - at) * step);
}

/** Pictures of numbers. */
export function Charts() {
  const hours = useMemo(() => moments(24, HOUR_MS), []);
  const days = useMemo(() => moments(14, DAY_MS), []);
  const latency = useMemo(() => {
    const median = wave(24, 1, 1800);
    return [
      { label: t("series_p50"), values: median },
      { label: t("series_p95"), values: median.map((value, at) => (at % 9 === 5 ? null : value * 2.4)) },
    ];
  }, [t("series_p50")]);
  const traffic = useMemo(
    () => [{ label: t("series_requests"), tone: /** @type {const} */ ("accent"), values: wave(24, 2, 1400) }],
    [t("series_requests")],
  );
  const outcomes = useMemo(
    () => [
      { label: t("tone_ok"), tone: /** @type {const} */ ("ok"), values: wave(14, 1, 900) },
      { label: t("tone_warn"), tone: /** @type {const} */ ("warn"), values: wave(14, 2, 160) },
      { label: t("tone_bad"), tone: /** @type {const} */ ("bad"), values: wave(14, 4, 60) },
    ],
    [t("tone_ok")],
  );
  const spread = useMemo(
    () => [{ label: t("series_requests"), values: [4, 38, 121, 240, 96, 31, 7] }],
    [t("series_requests")],
  );
  return html`<div class="kit-grid">
    <${Example} title=${t("chart_line")} code='Chart kind="line"'>
      <${Chart} label=${t("chart_line")} kind="line" x=${hours} series=${latency} format=${duration} />
    <//>
    <${Example} title=${t("chart_area")} code='Chart kind="area"'>
      <${Chart} label=${t("chart_area")} kind="area" x=${hours} series=${traffic} />
    <//>
    <${Example} title=${t("chart_stack")} code='Chart kind="stack"'>
      <${Chart} label=${t("chart_stack")} kind="stack" x=${days} series=${outcomes} />
    <//>
    <${Example} title=${t("chart_bars")} code='Chart kind="bars" names'>
      <${Chart}
        label=${t("chart_bars")}
        kind="bars"
        names=${[500, 1000, 2000, 4000, 8000, 16000, 32000].map(duration)}
        series=${spread}
        format=${number}
      />
    <//>
    <${Example} title=${t("chart_empty")} code="Chart">
      <${Chart} label=${t("chart_empty")} x=${[]} series=${[]} />
    <//>
    <${Example} title=${t("bar_list")} code="BarList, Spark">
      <${BarList}
        label=${t("bar_list")}
        total=${1000}
        items=${[
          { label: "grok-4.20-0309-non-reasoning-heavy", value: 512, hint: t("bar_hint"), to: "/admin/models" },
          { label: "grok-4", value: 301 },
          { label: "grok-imagine-1.0", value: 187, tone: "warn" },
        ]}
      />
      <${Row} gap=${4} class="kit-sparks">
        <${Spark} label=${t("series_requests")} values=${wave(30, 2, 50)} />
        <${Spark} label=${t("tone_bad")} tone="bad" values=${wave(30, 5, 50)} />
        <${Spark} label=${t("tone_muted")} tone="muted" values=${[...wave(12, 3, 50), null, ...wave(9, 4, 50)]} />
      <//>
    <//>
  </div>`;
}
