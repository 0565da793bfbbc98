// The attempts of a request on a line of time, each with the decision for its account.

import { Badge } from "../../components/badge.js";
import { duration, NONE, number } from "../../lib/format.js";
import { knows, texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";
import { kindTone } from "./story.js";

const t = texts("datacenter");
/** @typedef {import("./story.js").Step} Step */
/** @typedef {import("./story.js").Decision} Decision */

/** Reasons whose accounts the page of accounts can list. */
const LISTED = ["cooling", "expired", "disabled"];

/** @param {{course: import("./story.js").Course}} props */
export function Course({ course: { from, to, steps } }) {
  const span = to - from;
  const place = (/** @type {number} */ at) => Math.min(100, Math.max(0, ((at - from) / span) * 100));
  return html`<div>
    <ol class="dc-steps" role="list">
      ${steps.map(
        (step, at) =>
          html`<${StepRow}
            key=${step.id}
            step=${step}
            attempt=${steps.slice(0, at + 1).filter((each) => each.attempt).length}
            place=${place}
          />`,
      )}
    </ol>
    <p class="dc-scale muted" aria-hidden="true"><span>0</span><span>${duration(span)}</span></p>
  </div>`;
}

/** @param {{step: Step, attempt: number, place: (at: number) => number}} props Attempt: which one it is. */
function StepRow({ step, attempt: which, place }) {
  const { decision, attempt } = step;
  const account = attempt?.account ?? decision?.chosen;
  const tone = attempt ? kindTone(attempt.observation) : account ? "accent" : "bad";
  return html`<li class="dc-step">
    <div class="dc-step-head">
      <span class="muted">${attempt ? number(which) : NONE}</span>
      ${account
        ? html`<${Link} class="mono" to="/admin/token" query=${{ q: account }}>${account}<//>`
        : html`<strong>${t("no_account")}</strong>`}
      ${attempt
        ? html`<${Badge} tone=${tone} title=${attempt.observation.kind}>${named("kind", attempt.observation.kind)}<//>
            <span class="dc-step-end muted small">
              ${t("charged", { count: attempt.units })} · ${duration(attempt.duration_s * 1000)}
            </span>`
        : account && html`<span class="dc-step-end muted small">${t("still_runs")}</span>`}
    </div>
    <${Track} step=${step} tone=${tone} place=${place} />
    ${attempt && html`<${After} attempt=${attempt} />`}
    ${decision && html`<${Choice} decision=${decision} />`}
  </li>`;
}

/** @param {{step: Step, tone: string, place: (at: number) => number}} props */
function Track({ step, tone, place }) {
  const style = (/** @type {number} */ from, /** @type {number} */ to) => ({
    left: `${place(from)}%`,
    width: `${Math.max(0, place(to) - place(from))}%`,
  });
  return html`<div class="dc-track" aria-hidden="true">
    ${step.from > step.waitsFrom &&
    html`<span class="dc-wait" style=${style(step.waitsFrom, step.from)}></span>`}
    <span class=${`dc-run tone-${tone}`} style=${style(step.from, step.to)}></span>
  </div>`;
}

/** @param {{attempt: import("./story.js").Attempt}} props */
function After({ attempt: { observation, penalized, upstream } }) {
  const { kind, stage, status, marker, buckets, reset_in_s: reset } = observation;
  if (kind === "ok") return null;
  const words = [
    named("stage", stage),
    knows("datacenter", `effect_${kind}`) ? t(`effect_${kind}`) : "",
    penalized ? t("penalized") : "",
    reset === null ? "" : t("refills_in", { time: duration(reset * 1000) }),
  ].filter(Boolean);
  const told = [upstream, status !== null && `${t("status")} ${status}`, marker, ...buckets].filter(Boolean);
  return html`<p class="small">${words.join(" ")}</p>
    <p class="muted small">${told.join(" · ")}</p>`;
}

/** @param {{decision: Decision}} props */
function Choice({ decision }) {
  const { chosen, policy, pools, out, best, queued_s: queued, moved, next_reset_s: reset, told } = decision;
  const reasons = Object.entries(out);
  return html`<details class="dc-choice" open=${!chosen}>
    <summary class="small">
      ${t(chosen ? "why_chosen" : "why_none")}${" "}
      <span class="muted">
        ${reasons.length
          ? t("ruled_out", { count: reasons.reduce((sum, [, count]) => sum + count, 0) })
          : t("ruled_out_none")}
      </span>
    </summary>
    <div class="dc-choice-body small">
      <p>
        ${t("chosen_by", { policy: named("policy", policy), pools: pools.join(" → ") || "–" })}
        ${queued > 0 && ` ${t("queued", { time: duration(queued * 1000) })}`} ${moved && ` ${t("moved")}`}
      </p>
      ${told && html`<p>${t("client_told")} <q>${told}</q></p>`}
      ${reset !== null && html`<p>${t("next_back", { time: duration(reset * 1000) })}</p>`}
      ${reasons.length > 0 &&
      html`<ul class="dc-reasons" role="list">
        ${reasons.map(([reason, count]) => html`<${Reason} key=${reason} reason=${reason} count=${count} />`)}
      </ul>`}
      ${best.length > 0 && html`<${Candidates} best=${best} chosen=${chosen} />`}
    </div>
  </details>`;
}

/** @param {{reason: string, count: number}} props */
function Reason({ reason, count }) {
  const words = html`<strong>${number(count)}</strong> ${named("out", reason)}`;
  if (!LISTED.includes(reason)) return html`<li>${words}</li>`;
  return html`<li><${Link} to="/admin/token" query=${{ status: reason }}>${words}<//></li>`;
}

/** @param {{best: import("./story.js").Scored[], chosen: string | null}} props */
function Candidates({ best, chosen }) {
  return html`<ul class="dc-candidates" role="list" aria-label=${t("candidates")}>
    ${best.map(
      ({ token, score, terms, pool, preferred }) =>
        html`<li key=${token}>
          <span class="mono">${token}</span>
          ${token === chosen && html`<${Badge} tone="ok">${t("chosen")}<//>`}
          ${preferred && html`<${Badge} tone="accent">${t("preferred")}<//>`}
          <span class="muted">
            ${pool} · ${t("score", { score: rounded(score) })}
            ${Object.entries(terms).map(([name, value]) => ` · ${name} ${rounded(value)}`)}
          </span>
        </li>`,
    )}
  </ul>`;
}

/** @param {number} value */
function rounded(value) {
  return number(Math.round(value * 100) / 100);
}

/**
 * Return the words for a value of a closed set; a new one is shown as it is.
 *
 * @param {string} set
 * @param {string} value
 */
function named(set, value) {
  return knows("datacenter", `${set}_${value}`) ? t(`${set}_${value}`) : value;
}
