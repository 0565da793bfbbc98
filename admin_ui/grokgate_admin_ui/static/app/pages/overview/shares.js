// Why requests failed, which models they asked for, how the accounts are.

import { BarList } from "../../components/chart.js";
import { Card } from "../../components/layout.js";
import { Empty } from "../../components/states.js";
import { number } from "../../lib/format.js";
import { knows, texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { remedy, tokens } from "../../lib/remedies.js";
import { href, Link } from "../../lib/router.js";
import { counted, failures } from "./links.js";

const t = texts("overview");
const MODELS = 8;
const STATUSES = /** @type {const} */ (["active", "cooling", "expired", "disabled"]);
/** @type {Record<string, import("../../components/badge.js").Tone>} */
const TONES = { active: "ok", cooling: "warn", expired: "bad", disabled: "muted" };

/** @typedef {import("./types.js").Overview} Overview */
/** @typedef {import("./types.js").Span} Span */

/** @param {{overview: Overview, span: Span}} props */
export function Causes({ overview, span }) {
  const { errors } = overview[span];
  return html`<${Card} title=${t("causes")} lead=${t(`span_${span}`)}>
    <${BarList}
      label=${t("causes")}
      format=${number}
      items=${errors.map((cause) => ({
        label: cause.error || t("status", { status: String(cause.status) }),
        value: cause.count,
        tone: cause.status >= 500 ? "bad" : "warn",
        to: failures(span, cause),
        hint: html`<${CauseHint} error=${cause.error} />`,
      }))}
      empty=${html`<${Empty} icon="check" title=${t("causes_none")} />`}
    />
  <//>`;
}

/**
 * What an error means, and the page that mends it.
 *
 * @param {{error: string}} props
 */
function CauseHint({ error }) {
  const to = remedy(error);
  const words = knows("overview", `e_${error}`) ? t(`e_${error}`) : "";
  return html`${words} ${to && html`<${Link} class="nowrap" to=${to}>${t("mend")}<//>`}`;
}

/** @param {{overview: Overview, span: Span}} props */
export function Models({ overview, span }) {
  const { models } = overview[span];
  const total = models.reduce((before, each) => before + each.total, 0);
  return html`<${Card} title=${t("asked")} lead=${t(`span_${span}`)}>
    <${BarList}
      label=${t("asked")}
      format=${number}
      total=${total}
      items=${models.slice(0, MODELS).map(({ model, total: count, failed }) => ({
        label: model,
        value: count,
        to: counted(span, { model }),
        hint: failed
          ? html`<${Link} class="tone-text-bad" to=${counted(span, { model, outcome: "failed" })}>
              ${t("failed", { count: failed })}
            <//>`
          : "",
      }))}
      empty=${html`<${Empty} icon="chart" title=${t("asked_none")}>${t("asked_none_lead")}<//>`}
    />
  <//>`;
}

/** @param {{pools: Record<string, Record<string, number>>}} props */
export function Pools({ pools }) {
  const rows = Object.entries(pools)
    .map(([pool, counts]) => ({ pool, counts, total: sum(counts) }))
    .filter((row) => row.total > 0);
  const all = rows.reduce((before, row) => before + row.total, 0);
  return html`<${Card}
    title=${t("pools")}
    lead=${t("accounts", { count: all })}
    actions=${html`<${Link} class="small" to="/admin/token">${t("all_accounts")}<//>`}
  >
    ${rows.length === 0 && html`<${Empty} icon="token" title=${t("pools_none")} />`}
    <ul class="pools" role="list">
      ${rows.map(
        ({ pool, counts, total }) =>
          html`<li key=${pool}>
            <div class="pool-head">
              <${Link} to=${tokens({ pool })}>${pool}<//>
              <span>${number(total)}</span>
            </div>
            <div class="pool-bar" aria-hidden="true">
              ${STATUSES.filter((status) => counts[status]).map(
                (status) =>
                  html`<span
                    key=${status}
                    class=${`pool-part tone-${TONES[status]}`}
                    style=${{ flexGrow: counts[status] }}
                  ></span>`,
              )}
            </div>
            <div class="pool-counts small">
              ${STATUSES.filter((status) => counts[status]).map(
                (status) =>
                  html`<a
                    key=${status}
                    class="plain-link"
                    href=${href("/admin/token", { pool, status })}
                  >
                    <span class=${`dot tone-${TONES[status]}`} aria-hidden="true"></span>
                    ${t(`status_${status}`, { number: number(counts[status]) })}
                  </a>`,
              )}
            </div>
          </li>`,
      )}
    </ul>
  <//>`;
}

/** @param {Record<string, number>} counts */
function sum(counts) {
  return STATUSES.reduce((before, status) => before + (counts[status] ?? 0), 0);
}
