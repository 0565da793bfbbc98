// The requests as pictures: by hour, by day, by model, by status, by duration.

import { BarList, Chart } from "../../components/chart.js";
import { Card } from "../../components/layout.js";
import { duration, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useMemo } from "../../lib/preact.js";
import { COUNTED, statusTone } from "./rows.js";
import { midnightOf } from "./times.js";

const t = texts("datacenter");

/** @typedef {{begins_at: number, date: string, total: number, success: number, failed: number}} Span */

/**
 * @typedef {object} Traffic
 * @property {Span[]} hourly
 * @property {Span[]} daily
 * @property {{model: string, count: number}[]} models
 * @property {{status: number, count: number}[]} statuses
 * @property {{from_ms: number, to_ms: number | null, count: number}[]} durations
 */

/** @param {{traffic: Traffic}} props */
export function Charts({ traffic }) {
  const { hourly, daily, models, statuses, durations } = traffic;
  const answered = statuses.reduce((sum, { count }) => sum + count, 0);
  const called = models.reduce((sum, { count }) => sum + count, 0);
  return html`<div class="dc-charts">
    <${Card} class="dc-half" title=${t("by_hour")}><${Spans} label=${t("by_hour")} kind="area" spans=${hourly} place=${beginOf} /><//>
    <${Card} class="dc-half" title=${t("by_day")}><${Spans} label=${t("by_day")} kind="stack" spans=${daily} place=${dayOf} /><//>
    <${Card} class="dc-third" title=${t("by_model")} lead=${t("by_model_lead")}>
      <${BarList}
        label=${t("by_model")}
        format=${number}
        total=${called}
        items=${models.map(({ model, count }) => ({
          label: model,
          value: count,
          to: `${COUNTED}&model=${encodeURIComponent(model)}`,
        }))}
        empty=${html`<p class="muted">${t("nothing")}</p>`}
      />
    <//>
    <${Card} class="dc-third" title=${t("by_status")} lead=${t("day_lead")}>
      <${BarList}
        label=${t("by_status")}
        format=${number}
        total=${answered}
        items=${statuses.map(({ status, count }) => ({
          label: String(status),
          hint: t(`status_${status}`) === `status_${status}` ? undefined : t(`status_${status}`),
          value: count,
          tone: statusTone(status),
          to: `${COUNTED}&range=24h&status=${status}`,
        }))}
        empty=${html`<p class="muted">${t("nothing")}</p>`}
      />
    <//>
    <${Card} class="dc-third" title=${t("by_duration")} lead=${t("by_duration_lead")}>
      <${BarList}
        label=${t("by_duration")}
        format=${number}
        total=${durations.reduce((sum, { count }) => sum + count, 0)}
        items=${taken(durations).map(({ from_ms: from, to_ms: to, count }) => ({
          label: to === null ? t("longer", { than: duration(from) }) : t("up_to", { most: duration(to) }),
          value: count,
          tone: from >= 20_000 ? "warn" : "accent",
        }))}
        empty=${html`<p class="muted">${t("nothing")}</p>`}
      />
    <//>
  </div>`;
}

/**
 * Leave out the longest durations that nothing took.
 *
 * @param {Traffic["durations"]} durations
 */
function taken(durations) {
  const last = durations.findLastIndex(({ count }) => count > 0);
  return durations.slice(0, last + 1);
}

/** @param {Span} span */
const beginOf = (span) => span.begins_at;
/** @param {Span} span */
const dayOf = (span) => midnightOf(span.date, span.begins_at);

/** @param {{label: string, kind: "area" | "stack", spans: Span[], place: (span: Span) => number}} props */
function Spans({ label, kind, spans, place }) {
  const x = useMemo(() => spans.map(place), [spans]);
  const values = useMemo(
    () => [spans.map((span) => span.success), spans.map((span) => span.failed)],
    [spans],
  );
  const [success, failed] = values;
  return html`<${Chart}
    label=${label}
    kind=${kind}
    x=${x}
    height=${200}
    format=${number}
    series=${[
      { label: t("success"), values: success, tone: "accent" },
      { label: t("failed"), values: failed, tone: "bad" },
    ]}
  />`;
}
