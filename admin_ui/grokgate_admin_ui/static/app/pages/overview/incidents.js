// What needed an operator, and still may.

import { Badge, Time } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Card } from "../../components/layout.js";
import { Empty, Loaded } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";
import { ofIncident } from "./links.js";

const t = texts("overview");

/** @typedef {import("./types.js").Incident} Incident */

/** @type {Record<string, "bad" | "warn" | "accent">} */
const TONES = {
  incident: "bad",
  job_failed: "bad",
  pool_low: "warn",
  account_expired: "warn",
  drift: "accent",
};
/** Kinds that end by themselves. */
const ENDING = ["incident", "pool_low"];

/** @param {{incidents: Incident[], onAll: () => void}} props */
export function Incidents({ incidents, onAll }) {
  return html`<${Card}
    title=${t("incidents")}
    lead=${t("incidents_lead")}
    actions=${incidents.length > 0 &&
    html`<${Button} small kind="ghost" onClick=${onAll}>${t("incidents_all")}<//>`}
  >
    <${List} incidents=${incidents} />
  <//>`;
}

/** @param {{onClose: () => void}} props */
export function AllIncidents({ onClose }) {
  const state = useLoad((signal) => api.get("/incidents", { signal }), [], { everyMs: 10_000 });
  return html`<${Dialog} side title=${t("incidents")} lead=${t("incidents_lead")} onClose=${onClose}>
    <${Loaded} state=${state}>
      ${(/** @type {{incidents: Incident[]}} */ data) => html`<${List} incidents=${data.incidents} />`}
    <//>
  <//>`;
}

/** @param {{incidents: Incident[]}} props */
function List({ incidents }) {
  if (!incidents.length) {
    return html`<${Empty} icon="shield" title=${t("incidents_none")}>${t("incidents_none_lead")}<//>`;
  }
  return html`<ul class="incidents" role="list">
    ${incidents.map(
      (incident) =>
        html`<li key=${`${incident.kind} ${incident.subject} ${incident.at_ms}`} class="incident">
          <span class=${`dot tone-${TONES[incident.kind] ?? "muted"}`} aria-hidden="true"></span>
          <div class="incident-words">
            <${Link} to=${ofIncident(incident)}>${told(incident)}<//>
            <p class="muted small">
              <${Time} ms=${incident.at_ms} />
              ${incident.ended_at_ms
                ? html` · ${t("incident_over")} <${Time} ms=${incident.ended_at_ms} />`
                : ENDING.includes(incident.kind) &&
                  html` <${Badge} tone=${TONES[incident.kind]}>${t("incident_open")}<//>`}
            </p>
          </div>
        </li>`,
    )}
  </ul>`;
}

/** @param {Incident} incident */
function told({ kind, subject, detail }) {
  if (kind === "pool_low") {
    const bucket = subject.split("/").pop() ?? subject;
    const words = { bucket, left: number(detail.units), total: number(detail.total) };
    return t(detail.candidates === 0 ? "i_pool_empty" : "i_pool_low", words);
  }
  if (kind === "account_expired") return t("i_account_expired", { count: detail.count ?? 1, subject });
  return t(`i_${kind}`, { subject });
}
