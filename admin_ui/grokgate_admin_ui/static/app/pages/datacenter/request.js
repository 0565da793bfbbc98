// One request: how it ended, what to do about it, its attempts and why these accounts.

import { Badge } from "../../components/badge.js";
import { Button, CopyButton } from "../../components/button.js";
import { Json } from "../../components/code.js";
import { Dialog } from "../../components/dialog.js";
import { Facts, Stack } from "../../components/layout.js";
import { Empty, Loaded } from "../../components/states.js";
import { api, ApiError } from "../../lib/api.js";
import { dateTime, duration, number } from "../../lib/format.js";
import { knows, texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { remedy, tokens } from "../../lib/remedies.js";
import { Link } from "../../lib/router.js";
import { statusTone } from "./rows.js";
import { Course } from "./steps.js";
import { causeOf, course, mainRow } from "./story.js";

const t = texts("datacenter");
/** @typedef {import("./rows.js").RequestRow} RequestRow */
/** @typedef {import("./story.js").Told} Told */

/**
 * @param {{id: string, onClose: () => void}} props Id: of the request, as clients get it.
 */
export function RequestDialog({ id, onClose }) {
  const state = useLoad((signal) => read(id, signal), [id]);
  const row = state.data && mainRow(state.data.rows);
  const lead = row && [row.endpoint, row.model, dateTime(row.time)].filter(Boolean).join(" · ");
  return html`<${Dialog}
    side
    wide
    title=${html`<span class="mono dc-title">${id}</span>`}
    lead=${lead}
    onClose=${onClose}
    footer=${html`<${CopyButton} text=${id} small=${false}>${t("copy_id")}<//>
      <${Button} icon="list" to=${`/admin/datacenter?view=logs&lines=5000&word=${encodeURIComponent(id)}`}>
        ${t("in_log")}
      <//>
      <${Button} kind="primary" onClick=${onClose}>${t("close")}<//>`}
  >
    <${Loaded}
      state=${state}
      isEmpty=${(/** @type {Told | null} */ told) => told === null}
      empty=${html`<${Empty} icon="help" title=${t("request_unknown")}>${t("request_unknown_lead")}<//>`}
    >
      ${(/** @type {Told} */ told) => html`<${Story} told=${told} />`}
    <//>
  <//>`;
}

/**
 * @param {string} id
 * @param {AbortSignal} signal
 * @returns {Promise<Told | null>} Null: nothing is known of it.
 */
async function read(id, signal) {
  try {
    return await api.get(`/requests/${encodeURIComponent(id)}`, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** @param {{told: Told}} props */
function Story({ told }) {
  const [raw, setRaw] = useState(false);
  const row = mainRow(told.rows);
  const ordered = course(told);
  return html`<${Stack} gap=${5}>
    ${row && html`<${Outcome} row=${row} cause=${causeOf(told.story.decisions)} />`}
    ${told.rows.length > 1 && html`<${Rows} rows=${told.rows} />`}
    <section>
      <h3>${t("course")}</h3>
      ${ordered.steps.length
        ? html`<${Course} course=${ordered} />`
        : html`<p class="muted small">${t(row?.attempts ? "course_lost" : "course_none")}</p>`}
      ${row?.model &&
      html`<p class="small">
        <${Link} to="/admin/token" query=${{ view: "explain", model: row.model }}>
          ${t("explain_now", { model: row.model })}
        <//>
      </p>`}
    </section>
    ${row &&
    html`<section>
      <h3>${t("facts")}</h3>
      <${Facts} items=${facts(row)} />
    </section>`}
    <section>
      <${Button} small kind="ghost" icon="code" expanded=${raw} onClick=${() => setRaw(!raw)}>
        ${t("raw")}
      <//>
      ${raw && html`<${Json} value=${told} label=${t("raw")} />`}
    </section>
  <//>`;
}

/** @param {{row: RequestRow, cause: string}} props See `causeOf`. */
function Outcome({ row, cause }) {
  const { status, error } = row;
  const tone = statusTone(status, error);
  const name = error ?? (status === 499 ? "client_left" : status >= 400 ? `status_${Math.floor(status / 100)}` : "");
  const known = name && knows("datacenter", `error_${name}`) ? name : status >= 500 ? "status_5" : "status_4";
  const isMended = error === "no_tokens_configured" && cause !== "";
  const place = isMended ? tokens({ status: cause }) : remedy(name);
  return html`<div class=${`dc-outcome tone-${tone}`}>
    <p class="dc-outcome-head">
      <${Badge} tone=${tone}>${String(status)}<//>
      <strong>${name ? t(`error_${known}`) : t("answered_in", { time: duration(row.duration_ms) })}</strong>
      ${error && html`<code>${error}</code>`}
    </p>
    ${name && html`<p><span class="dc-outcome-do">${t("to_do")}</span> ${t(isMended ? `todo_${cause}` : `todo_${known}`)}</p>`}
    ${place && html`<p><${Link} to=${place}>${t("go_there")}<//></p>`}
  </div>`;
}

/** @param {{rows: RequestRow[]}} props */
function Rows({ rows }) {
  return html`<section>
    <h3>${t("rows_of_request")}</h3>
    <ul class="dc-rows" role="list">
      ${[...rows].reverse().map(
        (row) =>
          html`<li key=${row.id}>
            <${Badge} tone=${statusTone(row.status, row.error)}>${String(row.status)}<//>
            <span class="ellipsis">${row.endpoint}</span>
            <span class="muted small nowrap">${duration(row.duration_ms)} · ${dateTime(row.time)}</span>
          </li>`,
      )}
    </ul>
  </section>`;
}

/**
 * @param {RequestRow} row
 * @returns {[unknown, unknown][]}
 */
function facts(row) {
  const { usage } = row;
  const texts = [
    usage.input !== undefined && t("usage_input", { count: usage.input }),
    usage.output !== undefined && t("usage_output", { count: usage.output }),
    usage.reasoning ? t("usage_reasoning", { count: usage.reasoning }) : "",
  ].filter(Boolean);
  const estimated = usage.estimated ? ` (${t("usage_estimated")})` : "";
  return [
    [t("key"), row.key_name && html`${row.key_name} <code class="muted">${row.key_id}</code>`],
    [t("address"), row.ip],
    [t("model"), row.model],
    [t("duration"), durations(row)],
    [t("attempts"), number(row.attempts)],
    [t("charge"), t("charge_units", { count: row.units })],
    [t("usage"), texts.length ? texts.join(", ") + estimated : ""],
    [t("made"), usage.outputs ? t("outputs", { count: usage.outputs }) : ""],
    [t("last_account"), row.token && html`<${Link} class="mono" to="/admin/token" query=${{ q: row.token }}>${row.token}<//>`],
  ];
}

/** @param {RequestRow} row */
function durations({ duration_ms: whole, first_byte_ms: first, stream }) {
  const parts = [duration(whole)];
  if (first !== null) parts.push(t("first_byte_after", { time: duration(first) }));
  if (stream) parts.push(t("streamed"));
  return parts.join(" · ");
}
