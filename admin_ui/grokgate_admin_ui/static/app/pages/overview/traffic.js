// How requests fared in the last 24 hours, hour by hour.

import { Chart } from "../../components/chart.js";
import { Card } from "../../components/layout.js";
import { compact, duration } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useMemo } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";
import { requests } from "./links.js";

const t = texts("overview");

/** @typedef {import("./types.js").Hour} Hour */

/** @param {{hours: Hour[]}} props */
export function RequestsChart({ hours }) {
  const x = useHours(hours);
  return html`<${Card}
    title=${t("requests_chart")}
    actions=${html`<${Link} class="small" to=${requests("day")}>${t("all_requests")}<//>`}
  >
    <${Chart}
      label=${t("requests_chart")}
      kind="bars"
      x=${x}
      series=${[
        { label: t("series_success"), values: hours.map((hour) => hour.success), series: 1 },
        { label: t("series_failed"), values: hours.map((hour) => hour.failed), tone: "bad" },
      ]}
      format=${compact}
    />
  <//>`;
}

/** @param {{hours: Hour[]}} props */
export function LatencyChart({ hours }) {
  const x = useHours(hours);
  return html`<${Card}
    title=${t("latency_chart")}
    actions=${html`<${Link} class="small" to="/admin/datacenter">${t("all_durations")}<//>`}
  >
    <${Chart}
      label=${t("latency_chart")}
      kind="line"
      x=${x}
      series=${[
        { label: t("series_p50"), values: hours.map((hour) => hour.p50_ms), series: 1 },
        { label: t("series_p95"), values: hours.map((hour) => hour.p95_ms), series: 3 },
        { label: t("series_p99"), values: hours.map((hour) => hour.p99_ms), series: 5 },
      ]}
      format=${duration}
    />
  <//>`;
}

/**
 * The same array while the hours are the same, so that the chart is not drawn anew.
 *
 * @param {Hour[]} hours
 */
function useHours(hours) {
  return useMemo(() => hours.map((hour) => hour.begins_at), [hours[0]?.begins_at, hours.length]);
}
