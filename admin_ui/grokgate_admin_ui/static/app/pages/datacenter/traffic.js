// Numbers of accounts, requests and stored media, and charts of the requests (F-UI-40).

import { Button } from "../../components/button.js";
import { Segmented } from "../../components/fields.js";
import { Row, Stack, Stat, Stats } from "../../components/layout.js";
import { Empty, Loaded } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { bytes, compact, number, percent } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { Charts } from "./charts.js";
import { COUNTED } from "./rows.js";

const t = texts("datacenter");
const EVERY_MS = 5000;

/** @typedef {{count: number, size_bytes: number, percent: number | null}} Kept */

/**
 * @typedef {object} Metrics
 * @property {Record<"total" | "active" | "cooling" | "expired" | "disabled" | "chat_quota" | "image_quota" | "total_calls", number>} tokens
 * @property {{local_image: Kept, local_video: Kept}} cache
 * @property {import("./charts.js").Traffic & {summary: {total: number, success: number, failed: number, success_rate: number}}} request_stats
 */

export function Traffic() {
  const [{ days }, set] = useQuery({ days: 7 });
  const span = days === 14 ? 14 : 7;
  const load = (/** @type {AbortSignal} */ signal) =>
    api.get("/metrics", { query: { hours: 24, days: span }, signal });
  /** @type {import("../../lib/poll.js").Load<Metrics>} */
  const state = useLoad(load, [span], { everyMs: EVERY_MS });
  return html`<${Stack}>
    <${Row} between>
      <${Segmented}
        ariaLabel=${t("days")}
        value=${String(span)}
        options=${[7, 14].map((count) => ({ value: String(count), label: t("days_last", { count }) }))}
        onInput=${(/** @type {string} */ value) => set({ days: Number(value) })}
      />
      <${Button} icon="refresh" onClick=${state.reload}>${t("refresh")}<//>
    <//>
    <${Loaded} state=${state} kind="cards" rows=${12}>
      ${(/** @type {Metrics} */ data) =>
        html`<${Numbers} data=${data} />
          ${data.request_stats.summary.total
            ? html`<${Charts} traffic=${data.request_stats} />`
            : html`<${Nothing} />`}`}
    <//>
  <//>`;
}

function Nothing() {
  return html`<div class="card">
    <${Empty}
      icon="chart"
      title=${t("traffic_empty")}
      action=${html`<${Button} kind="primary" icon="chat" to="/admin/chat">${t("playground")}<//>`}
    >
      ${t("traffic_empty_lead")}
    <//>
  </div>`;
}

/** @param {{data: Metrics}} props */
function Numbers({ data: { tokens, cache, request_stats: requests } }) {
  const { total, success, failed, success_rate: rate } = requests.summary;
  return html`<${Stats} label=${t("numbers_requests")}>
      <${Stat} label=${t("requests")} value=${compact(total)} to=${COUNTED} />
      <${Stat} label=${t("success")} tone="ok" value=${compact(success)} to=${`${COUNTED}&outcome=good`} />
      <${Stat}
        label=${t("failed")}
        tone=${failed ? "bad" : "muted"}
        value=${compact(failed)}
        to=${`${COUNTED}&outcome=failed`}
      />
      <${Stat} label=${t("success_rate")} value=${total ? percent(rate / 100) : "–"} />
      <${Stat} label=${t("calls")} value=${compact(tokens.total_calls)} hint=${t("calls_hint")} />
      <${Stat}
        label=${t("quota_chat")}
        value=${compact(tokens.chat_quota)}
        hint=${t("quota_images", { units: tokens.image_quota })}
      />
    <//>
    <${Stats} label=${t("numbers_accounts")}>
      <${Stat} label=${t("active")} tone="ok" value=${number(tokens.active)} hint=${t("of_accounts", { count: tokens.total })} to="/admin/token?status=active" />
      <${Stat} label=${t("cooling")} tone=${tokens.cooling ? "warn" : "muted"} value=${number(tokens.cooling)} to="/admin/token?status=cooling" />
      <${Stat} label=${t("expired")} tone=${tokens.expired ? "bad" : "muted"} value=${number(tokens.expired)} to="/admin/token?status=expired" />
      <${Stat} label=${t("disabled")} tone="muted" value=${number(tokens.disabled)} to="/admin/token?status=disabled" />
      <${Media} label=${t("images")} kept=${cache.local_image} to="/admin/cache?list=image" />
      <${Media} label=${t("videos")} kept=${cache.local_video} to="/admin/cache?list=video" />
    <//>`;
}

/** @param {{label: string, kept: Kept, to: string}} props */
function Media({ label, kept, to }) {
  const share = kept.percent === null ? "" : ` · ${t("of_limit", { share: percent(kept.percent / 100) })}`;
  return html`<${Stat}
    label=${label}
    value=${number(kept.count)}
    hint=${`${bytes(kept.size_bytes)}${share}`}
    to=${to}
  />`;
}
