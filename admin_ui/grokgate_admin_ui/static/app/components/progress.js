// How far something is.

import { chores, cancelChore } from "../lib/chores.js";
import { number, percent } from "../lib/format.js";
import { knows, texts } from "../lib/i18n.js";
import { html } from "../lib/preact.js";
import { Badge } from "./badge.js";
import { Button } from "./button.js";

const t = texts("common");

/**
 * A bar of work done; without *max* it only shows that something goes on.
 *
 * @param {{value?: number, max?: number, tone?: string, label: string}} props
 */
export function Progress({ value = 0, max, tone = "accent", label }) {
  const share = max ? Math.min(1, value / max) : 0;
  return html`<div
    class=${`progress tone-${tone} ${max ? "" : "progress-unknown"}`}
    role="progressbar"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax=${max ? 100 : undefined}
    aria-valuenow=${max ? Math.round(share * 100) : undefined}
  >
    <div class="progress-bar" style=${max ? { width: `${share * 100}%` } : {}}></div>
  </div>`;
}

/**
 * A bar of what is left or used of something.
 *
 * @param {{value: number, max: number, tone?: string, label: string, text?: unknown}} props
 */
export function Meter({ value, max, tone = "accent", label, text }) {
  const share = max > 0 ? Math.max(0, Math.min(1, value / max)) : 0;
  return html`<div class="meter">
    <div
      class=${`meter-track tone-${tone}`}
      role="meter"
      aria-label=${label}
      aria-valuemin="0"
      aria-valuemax=${Math.max(max, 0)}
      aria-valuenow=${Math.max(0, Math.min(value, max))}
    >
      <div class="meter-bar" style=${{ width: `${share * 100}%` }}></div>
    </div>
    ${text !== undefined && html`<span class="meter-text">${text}</span>`}
  </div>`;
}

/** @type {Record<string, import("./badge.js").Tone>} */
const TONES = { running: "accent", done: "ok", error: "bad", cancelled: "warn", queued: "muted" };

/**
 * Return the name of a kind of job.
 *
 * @param {string} kind
 */
export function choreName(kind) {
  return knows("common", `chore_${kind}`) ? t(`chore_${kind}`) : kind;
}

/**
 * A job under way: how far, how it fares, cancel.
 *
 * @param {{job: import("../lib/chores.js").Chore, compact?: boolean}} props
 */
export function JobBar({ job, compact = false }) {
  const running = job.status === "running";
  const share = job.total ? job.processed / job.total : 0;
  const left = untouched(job);
  return html`<div class=${`job ${compact ? "job-compact" : ""}`} data-task=${job.task_id}>
    <div class="job-head">
      <strong class="ellipsis">${choreName(job.kind)}</strong>
      <span aria-live="polite">
        <${Badge} tone=${TONES[job.status] ?? "muted"}>${t(`job_${job.status}`)}<//>
      </span>
      <span class="job-count muted">
        ${running ? percent(share) : ""} ${number(job.processed)} / ${number(job.total)}
      </span>
      ${running &&
      html`<${Button} small kind="ghost" icon="stop" busy=${job.ending} onClick=${() => cancelChore(job.task_id)}>
        ${t("cancel")}
      <//>`}
    </div>
    <${Progress}
      label=${choreName(job.kind)}
      value=${job.processed}
      max=${job.total || undefined}
      tone=${job.fail ? "warn" : TONES[job.status]}
    />
    <p class="job-outcome small muted">
      ${t("job_outcome", { ok: job.ok, fail: job.fail })}
      ${left > 0 && html` · ${t("job_untouched", { count: left })}`}
      ${running && job.lost && html` · <span class="tone-text-warn">${t("job_lost")}</span>`}
      ${job.warning && html` · <span class="tone-text-warn">${job.warning}</span>`}
      ${job.error && html` · <span class="tone-text-bad">${job.error}</span>`}
    </p>
  </div>`;
}

/**
 * Return on how many nothing was done before a job was cancelled; 0 for every other job.
 *
 * @param {Pick<import("../lib/chores.js").Chore, "status" | "total" | "processed">} job
 */
export function untouched({ status, total, processed }) {
  return status === "cancelled" ? Math.max(0, total - processed) : 0;
}

/** The jobs that run now. */
export function runningChores() {
  return chores.value.filter((job) => job.status === "running");
}
