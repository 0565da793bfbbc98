// What opens over a page: dialogs, questions, menus, messages.

import { Button } from "../../components/button.js";
import { confirm, Dialog } from "../../components/dialog.js";
import { Row } from "../../components/layout.js";
import { Menu } from "../../components/menu.js";
import { TabPanel, Tabs } from "../../components/tabs.js";
import { ApiError } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { Example } from "./example.js";

const t = texts("components");

/** What comes and goes. */
export function Windows() {
  return html`<div class="kit-grid">
    <${Example} title=${t("dialogs")} code="Dialog, confirm()"><${Dialogs} /><//>
    <${Example} title=${t("menus")} code="Menu"><${Menus} /><//>
    <${Example} title=${t("messages")} code="toast.ok(), toast.info(), toast.error()"><${Messages} /><//>
    <${Example} title=${t("tabs")} code="Tabs, TabPanel"><${Views} /><//>
  </div>`;
}

function Dialogs() {
  const [open, setOpen] = useState(/** @type {"" | "plain" | "side"} */ (""));
  const close = () => setOpen("");
  const ask = () =>
    confirm({ title: t("ask_title", { count: 12 }), body: t("ask_body"), action: t("ask_action"), danger: true });
  return html`<${Row}>
      <${Button} onClick=${() => setOpen("plain")}>${t("open_dialog")}<//>
      <${Button} onClick=${() => setOpen("side")}>${t("open_side")}<//>
      <${Button} icon="trash" onClick=${ask}>${t("open_question")}<//>
    <//>
    ${open &&
    html`<${Dialog}
      title=${t("dialog_title")}
      lead=${t("dialog_lead")}
      side=${open === "side"}
      onClose=${close}
      footer=${html`<${Button} kind="primary" onClick=${close}>${t("dialog_done")}<//>`}
    >
      <p>${t("dialog_text")}</p>
    <//>`}`;
}

function Menus() {
  const [compact, setCompact] = useState(true);
  const items = [
    { label: t("edit"), icon: "edit", onSelect: () => toast.info(t("edit")) },
    { label: t("button_disabled"), icon: "lock", disabled: true },
    { label: t("button_danger"), icon: "trash", danger: true, onSelect: () => toast.info(t("button_danger")) },
  ];
  const checks = [{ label: t("menu_check"), checked: compact, onSelect: () => setCompact(!compact) }];
  return html`<${Row}>
    <${Menu} label=${t("menu_more")} items=${items} />
    <${Menu} kind="plain" label=${t("menu_columns")} text=${t("menu_columns")} icon="columns" items=${checks} />
  <//>`;
}

function Messages() {
  const undo = { label: t("toast_undo"), run: () => toast.ok(t("toast_undone")) };
  const failed = () => toast.error(new ApiError(t("failure_text"), { requestId: "req_4be1f0c2" }));
  return html`<${Row}>
    <${Button} onClick=${() => toast.ok(t("toast_ok"))}>${t("tone_ok")}<//>
    <${Button} onClick=${() => toast.info(t("toast_deleted"), undo)}>${t("toast_with_undo")}<//>
    <${Button} onClick=${failed}>${t("failure_state")}<//>
  <//>`;
}

function Views() {
  const [view, setView] = useState("kit-all");
  const tabs = [
    { id: "kit-all", label: t("tab_all"), count: 12480 },
    { id: "kit-ok", label: t("tone_ok"), count: 11902, tone: /** @type {const} */ ("ok") },
    { id: "kit-bad", label: t("tone_bad"), count: 37, tone: /** @type {const} */ ("bad") },
  ];
  return html`<${Tabs} label=${t("tabs")} tabs=${tabs} selected=${view} onSelect=${setView} />
    <${TabPanel} id=${view}><p class="muted">${t("tab_text")}</p><//>`;
}
