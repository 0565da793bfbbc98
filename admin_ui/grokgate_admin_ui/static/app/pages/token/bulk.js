// What can be done with the chosen accounts (F-UI-25).

import { Button } from "../../components/button.js";
import { Menu } from "../../components/menu.js";
import { BulkBar } from "../../components/pager.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { mayClear, removeMany, restoreMany, switchMany } from "./acts.js";
import { keepFocus } from "./focus.js";

const t = texts("token");

/**
 * @param {object} props
 * @param {import("./selection.js").Chosen} props.chosen
 * @param {boolean} props.deleted They are deleted ones.
 * @param {number} props.total Accounts that the filter finds.
 * @param {import("./records.js").Dialogs} props.dialogs
 * @param {() => Promise<void>} props.reload
 * @param {(kind: import("./acts.js").JobKind, choice: import("./records.js").Choice) => void} props.work
 */
export function Bulk({ chosen, deleted, total, dialogs, reload, work }) {
  const { choice, count } = chosen;
  const [busy, act] = useAction(async (/** @type {() => Promise<unknown>} */ run) => void (await run()), toast.error);
  const clear = () => {
    chosen.clear();
    keepFocus();
  };
  const remove = () => act(async () => (await removeMany(choice, count, reload)) && clear());
  const flip = (/** @type {boolean} */ disabled) =>
    act(async () => {
      await switchMany(choice, count, disabled);
      await reload();
    });
  const restore = () =>
    act(async () => {
      await restoreMany(choice, reload);
      clear();
    });
  const clearFiles = () => act(async () => (await mayClear(count)) && work("assets_clear", choice));
  const save = () => dialogs.open("export", { choice, count });
  return html`<${BulkBar}
    count=${count}
    onClear=${clear}
    more=${html`<${Reach} chosen=${chosen} total=${total} />`}
  >
    ${deleted
      ? html`<${Button} small kind="primary" icon="undo" busy=${busy} onClick=${restore}>${t("restore")}<//>
          <${Button} small icon="download" onClick=${save}>${t("export")}<//>`
      : html`<${Button} small icon="refresh" disabled=${busy} onClick=${() => work("refresh_usage", choice)}>
            ${t("refresh")}
          <//>
          <${Button} small icon="play" disabled=${busy} onClick=${() => flip(false)}>${t("enable")}<//>
          <${Button} small icon="ban" disabled=${busy} onClick=${() => flip(true)}>${t("disable")}<//>
          <${Button}
            small
            icon="edit"
            disabled=${busy}
            onClick=${() => dialogs.open("bulk", { choice, count, onDone: reload })}
          >
            ${t("change")}
          <//>
          <${Menu}
            small
            kind="plain"
            label=${t("more_selected")}
            items=${[
              { label: t("nsfw_on"), icon: "flame", onSelect: () => work("nsfw_enable", choice) },
              { label: t("nsfw_off"), icon: "eyeOff", onSelect: () => work("nsfw_disable", choice) },
              { label: t("export"), icon: "download", onSelect: save },
              { label: t("clear_action"), icon: "box", danger: true, onSelect: clearFiles },
            ]}
          />
          <${Button}
            small
            kind="danger"
            icon="trash"
            busy=${busy}
            onClick=${remove}
          >
            ${t("delete_action")}
          <//>`}
  <//>`;
}

/** @param {{chosen: import("./selection.js").Chosen, total: number}} props */
function Reach({ chosen, total }) {
  if (chosen.all) return html`<span class="muted small">${t("all_that_match")}</span>`;
  return html`${chosen.elsewhere > 0 &&
    html`<span class="muted small">${t("elsewhere", { count: chosen.elsewhere })}</span>`}
    ${total > chosen.count &&
    html`<button type="button" class="link-button small" onClick=${chosen.chooseAll}>
      ${t("select_all", { number: number(total) })}
    </button>`}`;
}
