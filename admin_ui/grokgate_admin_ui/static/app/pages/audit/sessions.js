// Who is logged in, and ending that.

import { Badge, Time } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { confirm } from "../../components/dialog.js";
import { Card } from "../../components/layout.js";
import { Loaded } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { agentName } from "../../lib/agent.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useAction, useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";

const t = texts("audit");

/**
 * @typedef {object} Session
 * @property {string} id
 * @property {number} created_at
 * @property {number} used_at
 * @property {string} address
 * @property {string} agent
 * @property {boolean} current
 */

export function Sessions() {
  const state = useLoad(async (signal) => {
    const { sessions } = await api.get("/sessions", { signal });
    return /** @type {Session[]} */ (sessions);
  }, []);
  const [busy, end] = useAction(async (/** @type {{id: string} | {others: true}} */ wanted, /** @type {number} */ count) => {
    const isSure = await confirm({ title: t("end_title", { count }), action: t("end"), danger: true });
    if (!isSure) return;
    await api.post("/sessions/revoke", wanted);
    await state.reload();
  }, toast.error);
  const others = (state.data ?? []).filter((session) => !session.current).length;
  /** @type {import("../../components/table.js").Column<Session>[]} */
  const columns = [
    {
      id: "agent",
      label: t("agent"),
      width: "minmax(min(16rem, 45vw), 2fr)",
      sticky: true,
      render: (session) =>
        html`<span class="audit-agent" title=${session.agent}>
          <span class="ellipsis">${agentName(session.agent) || t("agent_unknown")}</span>
          ${session.current && html`<${Badge} tone="ok">${t("this_one")}<//>`}
        </span>`,
    },
    { id: "id", label: t("session"), width: "6rem", render: (session) => html`<code>…${session.id.slice(-6)}</code>` },
    { id: "address", label: t("address"), width: "10rem", render: (session) => html`<span class="mono">${session.address}</span>` },
    { id: "used_at", label: t("used"), width: "10rem", render: (session) => html`<${Time} ms=${session.used_at} />` },
    { id: "created_at", label: t("begun"), width: "10rem", render: (session) => html`<${Time} ms=${session.created_at} />` },
    {
      id: "end",
      label: t("end"),
      quiet: true,
      width: "7rem",
      align: "end",
      render: (session) =>
        !session.current &&
        html`<${Button} small disabled=${busy} onClick=${() => end({ id: session.id }, 1)}>${t("end")}<//>`,
    },
  ];
  return html`<${Card}
    flush
    title=${t("sessions")}
    lead=${t("sessions_lead")}
    actions=${others > 0 &&
    html`<${Button} icon="logout" disabled=${busy} onClick=${() => end({ others: true }, others)}>${t("end_others")}<//>`}
  >
    <${Loaded} state=${state} kind="table" rows=${3}>
      ${(/** @type {Session[]} */ sessions) =>
        html`<${DataTable}
          label=${t("sessions")}
          columns=${columns}
          rows=${sessions}
          rowKey=${(/** @type {Session} */ session) => session.id}
        />`}
    <//>
  <//>`;
}
