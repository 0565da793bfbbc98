// What goes on now, and how the last hour or day went, in figures.

import { Stat, Stats } from "../../components/layout.js";
import { compact, duration, number, percent } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { tokens } from "../../lib/remedies.js";
import { counted } from "./links.js";

const t = texts("overview");

/** @typedef {import("./types.js").Overview} Overview */

/** @param {{overview: Overview, span: import("./types.js").Span}} props */
export function Figures({ overview, span }) {
  const { live } = overview;
  const period = overview[span];
  const rate = period.success_rate;
  return html`<div class="figures">
    <${Stats} label=${t("traffic")}>
      <${Stat}
        label=${t("requests")}
        value=${compact(period.total)}
        hint=${t(`span_${span}`)}
        to=${counted(span)}
      />
      <${Stat}
        label=${t("success")}
        value=${percent(rate === null ? null : rate / 100)}
        hint=${t("failed", { count: period.failed })}
        tone=${rate === null ? undefined : rate >= 97 ? "ok" : rate >= 90 ? "warn" : "bad"}
        to=${counted(span, { outcome: "failed" })}
      />
      <${Stat}
        label=${t("duration")}
        value=${duration(period.duration.p50_ms)}
        hint=${t("p95", { value: duration(period.duration.p95_ms) })}
        to="/admin/datacenter"
      />
      <${Stat}
        label=${t("first_byte")}
        value=${duration(period.first_byte.p50_ms)}
        hint=${t("p95", { value: duration(period.first_byte.p95_ms) })}
        to="/admin/datacenter"
      />
    <//>
    <${Stats} label=${t("now")}>
      <${Stat}
        label=${t("inflight")}
        value=${number(live.inflight)}
        hint=${t("sockets", { count: live.sockets })}
        to="/admin/datacenter"
      />
      <${Stat}
        label=${t("queue")}
        value=${number(live.queue_depth)}
        hint=${t("queue_hint")}
        tone=${live.queue_depth ? "warn" : undefined}
        to="/admin/config?q=queue"
      />
      <${Stat}
        label=${t("leases")}
        value=${number(live.leases_open)}
        hint=${t("leases_hint")}
        to=${tokens({ sort: "-last_used_at" })}
      />
      <${Stat}
        label=${t("jobs")}
        value=${number(live.chores + live.jobs)}
        hint=${t("jobs_hint", { chores: live.chores, jobs: live.jobs })}
        to="/admin/jobs"
      />
    <//>
  </div>`;
}
