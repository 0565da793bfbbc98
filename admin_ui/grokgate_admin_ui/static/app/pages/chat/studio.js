// What the views share that make pictures and videos: a form, and what comes of it.

import { Button } from "../../components/button.js";
import { Card } from "../../components/layout.js";
import { duration, NONE, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { problemWords } from "./problem.js";

const t = texts("chat");

/**
 * @param {{fields: unknown, onGo: () => void, files?: {over: boolean, handlers: object},
 *   children?: unknown}} props Files: may be dropped anywhere. Children: the results.
 */
export function Studio({ fields, onGo, files, children }) {
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    onGo();
  };
  return html`<div class="studio" ...${files?.handlers}>
    <${Card} class=${`studio-form ${files?.over ? "studio-over" : ""}`}>
      <form class="stack" onSubmit=${submit}>${fields}</form>
    <//>
    <div class="studio-results">${children}</div>
  </div>`;
}

/** Show what comes of a form, where it lies below the form or was scrolled away. */
export function toResults() {
  const results = document.querySelector(".studio-results");
  const top = results?.getBoundingClientRect().top ?? 0;
  if (top >= 0 && top < innerHeight / 2) return;
  results?.scrollIntoView({ block: "start", behavior: "smooth" });
}

/**
 * What stands over the results.
 *
 * @param {{count: number, onClear: () => void}} props Count: of pictures.
 */
export function ResultsBar({ count, onClear }) {
  return html`<div class="studio-bar">
    <span class="muted small">${t("pictures_count", { count })}</span>
    <${Button} small kind="ghost" icon="close" onClick=${onClear}>${t("clear_results")}<//>
  </div>`;
}

/**
 * How an endless run fares.
 *
 * @param {{made: number, active: number, averageMs: number | null, pace?: number | null,
 *   lastError: import("./sessions.js").Problem | null}} props Pace: pictures in a minute.
 */
export function Fares({ made, active, averageMs, pace, lastError }) {
  const facts = [
    [t("fares_made"), number(made)],
    [t("fares_active"), number(active)],
    [t("fares_average"), averageMs === null ? NONE : duration(averageMs)],
    ...(pace === undefined ? [] : [[t("fares_pace"), number(pace)]]),
  ];
  return html`<div class="fares" role="group" aria-label=${t("fares")}>
    <dl class="fares-facts">
      ${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>
    ${lastError &&
    html`<p class="fares-error">${t("fares_error", { error: problemWords(lastError) })}</p>`}
  </div>`;
}
