// What the pool can serve now, by the quota that models draw from, and how long that will last.

import { Badge, Time } from "../../components/badge.js";
import { Icon } from "../../components/icon.js";
import { Card } from "../../components/layout.js";
import { Meter } from "../../components/progress.js";
import { Empty } from "../../components/states.js";
import { Button } from "../../components/button.js";
import { compact, duration, NONE, number } from "../../lib/format.js";
import { knows, texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { tokens } from "../../lib/remedies.js";
import { Link } from "../../lib/router.js";
import { grouped, toneOf } from "./groups.js";
import { explain } from "./links.js";

/** @typedef {import("./types.js").ModelCapacity} ModelCapacity */
/** @typedef {import("./groups.js").Group} Group */

const t = texts("overview");
const MODELS = 3;
/** @type {Record<string, string>} */
const ICONS = { chat: "chat", image: "image", image_edit: "edit", video: "film" };

/** @param {{models: ModelCapacity[]}} props */
export function Capacity({ models }) {
  const groups = grouped(models);
  return html`<${Card} flush title=${t("capacity")} lead=${t("capacity_lead")}>
    ${groups.every((group) => !group.room.accounts)
      ? html`<${Empty}
          icon="token"
          title=${t("capacity_none")}
          action=${html`<${Button} kind="primary" icon="plus" to=${tokens({ add: "1" })}>
            ${t("add_accounts")}
          <//>`}
        >
          ${t("capacity_none_lead")}
        <//>`
      : html`<div class="capacity" role="table" aria-label=${t("capacity")}>
          <div class="capacity-row capacity-head small muted" role="row">
            ${["models", "left", "ready", "forecast", "reset"].map(
              (name) => html`<span role="columnheader" key=${name}>${t(`col_${name}`)}</span>`,
            )}
          </div>
          ${groups.map((group) => html`<${Line} key=${group.id} group=${group} />`)}
        </div>`}
  <//>`;
}

/** @param {{group: Group}} props */
function Line({ group }) {
  const { room } = group;
  const tone = toneOf(room);
  return html`<div class="capacity-row" role="row">
    <div role="cell"><${Names} group=${group} /></div>
    <div role="cell" class="capacity-left">
      <span class="capacity-name">${t("col_left")}</span>
      <${Left} room=${room} tone=${tone} label=${t("left_of", { name: group.bucket })} />
    </div>
    <div role="cell">
      <span class="capacity-name">${t("col_ready")}</span>
      <${Link} class="plain-link nowrap" to=${explain(group.models[0])}>
        ${room.accounts
          ? html`<span class=${room.candidates ? "" : "tone-text-bad"}>${compact(room.candidates)}</span>
              <span class="muted"> / ${compact(room.accounts)}</span>`
          : NONE}
      <//>
    </div>
    <div role="cell">
      <span class="capacity-name">${t("col_forecast")}</span>
      <${Outlook} room=${room} />
    </div>
    <div role="cell" class="muted">
      <span class="capacity-name">${t("col_reset")}</span>
      <${Time} ms=${room.next_reset_ms} />
    </div>
  </div>`;
}

/** @param {{group: Group}} props */
function Names({ group }) {
  const [open, setOpen] = useState(false);
  const { models, pools, bucket, room } = group;
  const shown = open ? models : models.slice(0, MODELS);
  return html`<div class="capacity-names">
    <p class="capacity-title">
      <span class=${`dot tone-${toneOf(room)}`} aria-hidden="true"></span>
      <span class="visually-hidden">${t(`tone_${toneOf(room)}`)}</span>
      <strong>${bucket}</strong> <span class="capacity-pools">· ${pools.map(poolName).join(", ")}</span>
      ${group.capabilities.map(
        (capability) =>
          html`<span class="capacity-kind muted" key=${capability} title=${kindName(capability)}>
            <${Icon} name=${ICONS[capability] ?? "model"} size=${14} />
            <span class="visually-hidden">${kindName(capability)}</span>
          </span>`,
      )}
      ${room.low &&
      html`<${Badge} tone=${toneOf(room)}>${t(room.candidates ? "low" : "empty")}<//>`}
    </p>
    <p class="capacity-models small">
      ${shown.map(
        (model) =>
          html`<${Link} key=${model} to=${explain(model)} title=${t("explain", { model })}>
            ${model}
          <//>`,
      )}
      ${models.length > MODELS &&
      html`<button
        type="button"
        class="text-button"
        aria-expanded=${open ? "true" : "false"}
        onClick=${() => setOpen(!open)}
      >
        ${open ? t("less") : t("more", { count: models.length - MODELS })}
      </button>`}
    </p>
  </div>`;
}

/** @param {string} pool */
function poolName(pool) {
  return knows("overview", `pool_${pool}`) ? t(`pool_${pool}`) : pool;
}

/** @param {string} capability */
function kindName(capability) {
  return knows("overview", `kind_${capability}`) ? t(`kind_${capability}`) : capability;
}

/** @param {{room: ModelCapacity, tone: string, label: string}} props */
function Left({ room, tone, label }) {
  if (!room.accounts) return html`<span class="muted">${t("no_account")}</span>`;
  const known = room.candidates - room.unknown;
  if (room.unknown && !known && !room.units) {
    return html`<span class="muted">${t("units_unknown")}</span>`;
  }
  return html`<${Meter}
      value=${room.units}
      max=${room.total}
      tone=${tone === "ok" ? "accent" : tone}
      label=${label}
      text=${html`<span title=${`${number(room.units)} / ${number(room.total)}`}>
        ${compact(room.units)}<span class="muted"> / ${compact(room.total)}</span>
      </span>`}
    />
    ${room.unknown > 0 &&
    html`<span class="muted small">${t("and_unknown", { count: room.unknown })}</span>`}`;
}

/** @param {{room: ModelCapacity}} props */
function Outlook({ room }) {
  const { state, units_per_hour: rate, ...times } = room.forecast;
  if (!room.accounts) return html`<span class="muted">${NONE}</span>`;
  if (state === "unknown") return html`<span class="muted">${t("f_unknown")}</span>`;
  if (state === "dry") return html`<span class="tone-text-bad">${t("f_dry")}</span>`;
  const between = { earliest: roughly(times.earliest_s), latest: roughly(times.latest_s) };
  const notes = [
    state !== "lasts" && t("f_between", between),
    rate && t("f_rate", { rate: compact(rate) }),
  ].filter(Boolean);
  const isSure = state === "runs_dry";
  return html`<span class=${isSure ? "tone-text-warn" : ""}>
      ${isSure ? t("f_runs_dry", { when: roughly(times.dry_in_s) }) : t(`f_${state}`)}
    </span>
    <span class="muted small capacity-note">${notes.join(" · ")}</span>`;
}

/**
 * Write how long something lasts, no finer than a forecast is.
 *
 * @param {number | null} seconds Null: longer than the forecast looks.
 */
export function roughly(seconds) {
  if (seconds === null) return t("f_week");
  const step = seconds >= 36_000 ? 3600 : seconds >= 120 ? 60 : 1;
  return duration(Math.round(seconds / step) * step * 1000);
}
