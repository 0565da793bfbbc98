// One upstream and wire that could serve a model: who would be taken, and why the others are out.

import { Badge } from "../../components/badge.js";
import { BarList } from "../../components/bar-list.js";
import { Card, Facts } from "../../components/layout.js";
import { duration, number } from "../../lib/format.js";
import { knows, texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { poolName } from "./words.js";

const t = texts("token");
/** The API names no more than this many. */
const MOST = 20;

/**
 * @typedef {object} WayView
 * @property {string} upstream
 * @property {string} wire
 * @property {string} policy
 * @property {string[]} pools
 * @property {string[]} buckets
 * @property {number} units
 * @property {{token: string, score: number, terms: Record<string, number>, pool: string,
 *   preferred: boolean}[]} candidates
 * @property {Record<string, number>} out
 * @property {{token: string, pool: string, reason: string, back_in_s: number | null}[]} ruled_out
 * @property {string[]} undetected
 * @property {number | null} next_reset_s
 * @property {string | null} told
 */

/**
 * @param {{way: WayView, number: number, of: number, onOpen: (id: string) => void}} props
 */
export function Way({ way, number: place, of, onOpen }) {
  const { candidates, out, ruled_out: ruledOut } = way;
  const facts = [
    [t("way_pools"), way.pools.map(poolName).join(" → ")],
    [t("way_buckets"), html`${way.buckets.map((name) => html`<code key=${name}>${name}</code> `)}`],
    [t("way_units"), t("way_units_value", { count: way.units })],
    [t("way_policy"), knows("token", `policy_${way.policy}`) ? t(`policy_${way.policy}`) : way.policy],
  ];
  return html`<${Card}
    title=${html`${of > 1 ? `${place}. ` : ""}${way.upstream} <code class="muted">${way.wire}</code>`}
    lead=${of > 1 ? t("way_order") : undefined}
  >
    <div class="stack token-form">
      <${Verdict} way=${way} onOpen=${onOpen} />
      <${Facts} items=${facts} />
      <div class="token-sides">
        <section>
          <h3>${t("candidates", { count: candidates.length })}</h3>
          ${candidates.length
            ? html`<${Candidates} way=${way} onOpen=${onOpen} />`
            : html`<p class="muted">${t("candidates_none")}</p>`}
        </section>
        <section>
          <h3>${t("out")}</h3>
          <${BarList}
            label=${t("out")}
            format=${number}
            items=${barsOf(out)}
            empty=${html`<p class="muted">${t("out_none")}</p>`}
          />
          ${ruledOut.length > 0 && html`<${RuledOut} way=${way} onOpen=${onOpen} />`}
        </section>
      </div>
    </div>
  <//>`;
}

/** @param {{way: WayView, onOpen: (id: string) => void}} props */
function Verdict({ way, onOpen }) {
  const [first] = way.candidates;
  if (first) {
    return html`<p class="token-verdict">
      <${Badge} tone="ok" icon="check">${t("serves")}<//>
      <span>${t("next_is")} <${Id} id=${first.token} onOpen=${onOpen} /></span>
    </p>`;
  }
  const seconds = way.next_reset_s;
  return html`<p class="token-verdict">
    <${Badge} tone="bad" icon="ban">${t("serves_not")}<//>
    <span>${way.told}</span>
    ${seconds !== null && html`<strong>${backIn(seconds)}</strong>`}
  </p>`;
}

/** @param {{id: string, onOpen: (id: string) => void}} props */
function Id({ id, onOpen }) {
  return html`<button
    type="button"
    class="link-button"
    onClick=${() => onOpen(id)}
  >
    <span class="mono">${id}</span>
  </button>`;
}

/** @param {{way: WayView, onOpen: (id: string) => void}} props */
function Candidates({ way, onOpen }) {
  return html`<ol class="token-ranks">
      ${way.candidates.map(
        (each) =>
          html`<li key=${each.token}>
            <${Id} id=${each.token} onOpen=${onOpen} />
            <span class="muted small">${poolOf(way, each)}${each.preferred ? ` · ${t("preferred")}` : ""}</span>
            <span class="token-score" title=${t("score")}>${number(each.score)}</span>
            <span class="token-terms muted small">${termsOf(each.terms)}</span>
          </li>`,
      )}
    </ol>
    ${way.candidates.length === MOST && html`<p class="muted small">${t("first_only", { count: MOST })}</p>`}`;
}

/** @param {{way: WayView, onOpen: (id: string) => void}} props */
function RuledOut({ way, onOpen }) {
  return html`<ul class="token-ranks" role="list">
      ${way.ruled_out.map(
        (each) =>
          html`<li key=${each.token}>
            <${Id} id=${each.token} onOpen=${onOpen} />
            <span class="muted small">${poolOf(way, each)}</span>
            <span class="token-score small">${backIn(each.back_in_s)}</span>
            <span class="token-terms small">${outName(each.reason)}</span>
          </li>`,
      )}
    </ul>
    ${way.ruled_out.length === MOST && html`<p class="muted small">${t("some_only", { count: MOST })}</p>`}`;
}

/**
 * @param {WayView} way
 * @param {{token: string, pool: string}} each
 */
function poolOf(way, { token, pool }) {
  return way.undetected.includes(token) ? t("counts_as", { pool: poolName(pool) }) : poolName(pool);
}

/** @param {number | null} seconds */
function backIn(seconds) {
  return seconds === null ? "" : t("back_in", { time: duration(seconds * 1000) });
}

/** @param {Record<string, number>} terms */
function termsOf(terms) {
  return Object.entries(terms)
    .filter(([, value]) => value)
    .map(([name, value]) => `${knows("token", `term_${name}`) ? t(`term_${name}`) : name} ${number(value)}`)
    .join(" · ");
}

/** @param {string} reason */
function outName(reason) {
  return knows("token", `out_${reason}`) ? t(`out_${reason}`) : reason;
}

/** @param {Record<string, number>} out */
function barsOf(out) {
  const sorted = Object.entries(out).sort(([, one], [, other]) => other - one);
  return sorted.map(([reason, count]) => barOf(reason, count));
}

/** Filters of the table that show the accounts of a reason. @type {Record<string, Record<string, string>>} */
const PLACES = {
  disabled: { status: "disabled" },
  expired: { status: "expired" },
  cooling: { status: "cooling" },
};

/** @type {Record<string, import("../../components/badge.js").Tone>} */
const BAR_TONES = { expired: "bad", cooling: "warn", empty: "warn", busy: "accent" };

/**
 * @param {string} reason
 * @param {number} count
 * @returns {import("../../components/bar-list.js").BarItem}
 */
function barOf(reason, count) {
  const place = PLACES[reason];
  return {
    label: outName(reason),
    value: count,
    tone: BAR_TONES[reason] ?? "muted",
    to: place ? `/admin/token?${new URLSearchParams(place)}` : undefined,
    hint: knows("token", `out_${reason}_hint`) ? t(`out_${reason}_hint`) : undefined,
  };
}
