// "Show request": what was sent, what came back, and how to do it from elsewhere (F-UI-85).

import { Badge } from "../../components/badge.js";
import { Code, Json } from "../../components/code.js";
import { Dialog } from "../../components/dialog.js";
import { Facts } from "../../components/layout.js";
import { Snippets } from "../../components/snippets.js";
import { TabPanel, Tabs } from "../../components/tabs.js";
import { duration } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { recordOf } from "./records.js";
import { RequestId } from "./problem.js";

const t = texts("chat");

/**
 * @param {{id: string, onClose: () => void}} props Id: of what was answered.
 */
export function RequestDialog({ id, onClose }) {
  const [view, setView] = useState("request");
  const record = recordOf(id);
  const tabs = ["request", "answer", "code"].map((each) => ({ id: each, label: t(`request_${each}`) }));
  return html`<${Dialog}
    side
    wide
    title=${t("request")}
    lead=${record && html`<code>${record.method} ${record.path}</code>`}
    onClose=${onClose}
  >
    ${record
      ? html`<div class="request stack">
          <${Tabs} label=${t("request")} tabs=${tabs} selected=${view} onSelect=${setView} />
          <${TabPanel} id=${view}>
            ${view === "request" && html`<${Sent} record=${record} />`}
            ${view === "answer" && html`<${Came} record=${record} />`}
            ${view === "code" && html`<${Again} record=${record} />`}
          <//>
        </div>`
      : html`<p class="muted">${t("request_gone")}</p>`}
  <//>`;
}

/** @param {{record: import("./records.js").Record}} props */
function Sent({ record }) {
  if (!record.body) return html`<p class="muted">${t("request_bodiless")}</p>`;
  return html`<${Json} value=${record.body} label=${t("request_body")} depth=${8} />`;
}

/** @param {{record: import("./records.js").Record}} props */
function Came({ record }) {
  if (!record.status) return html`<p class="muted">${t("request_waiting")}</p>`;
  const facts = /** @type {[unknown, unknown][]} */ ([
    [t("status"), html`<${Badge} tone=${record.status < 400 ? "ok" : "bad"}>${record.status}<//>`],
    [t("request_id"), record.requestId && html`<${RequestId} id=${record.requestId} />`],
    [t("duration"), record.durationMs ? duration(record.durationMs) : ""],
  ]);
  const headers = record.headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  return html`<div class="stack request-parts">
    <${Facts} items=${facts} />
    ${headers && html`<${Code} text=${headers} label=${t("request_headers")} wrap />`}
    ${record.answer !== null &&
    html`<${Json} value=${record.answer} label=${t("request_answer_body")} depth=${6} />`}
    ${record.events.length > 0 &&
    html`<${Code}
      text=${record.events.join("\n\n")}
      label=${t("request_events", { count: record.events.length })}
      wrap
    />`}
  </div>`;
}

/** @param {{record: import("./records.js").Record}} props */
function Again({ record }) {
  const { stream, ...body } = record.body ?? {};
  return html`<${Snippets}
    path=${record.path}
    method=${record.method}
    body=${record.body ? body : null}
    stream=${record.body ? stream === true : undefined}
  />`;
}
