// What can be done with one account, from its row and from its drawer (F-UI-23).

import { Button, IconButton } from "../../components/button.js";
import { Menu } from "../../components/menu.js";
import { texts } from "../../lib/i18n.js";
import { html, signal } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { mayClear, refreshOne, removeMany, restoreMany, switchOne } from "./acts.js";

const t = texts("token");

/** @typedef {import("./records.js").Account} Account */

/**
 * @typedef {object} RowTools
 * @property {import("./records.js").Dialogs} dialogs
 * @property {(account: Account) => void} put Show an account as the gateway answered it.
 * @property {() => Promise<void>} reload
 * @property {(kind: import("./acts.js").JobKind, ids: string[]) => void} work Start a job.
 * @property {(id: string) => void} gone An account was deleted.
 */

/** Accounts that something is being done with. */
const busy = signal(/** @type {Set<string>} */ (new Set()));

/**
 * Do something with an account, one thing at a time.
 *
 * @param {string} id
 * @param {() => Promise<unknown>} act
 */
async function once(id, act) {
  if (busy.value.has(id)) return;
  busy.value = new Set(busy.value).add(id);
  try {
    await act();
  } catch (error) {
    toast.error(error);
  } finally {
    busy.value = new Set([...busy.value].filter((each) => each !== id));
  }
}

/**
 * Return the things to do that stand in a menu.
 *
 * @param {Account} account
 * @param {RowTools} tools
 * @returns {(import("../../components/menu.js").Item | false)[]}
 */
export function menuOf(account, { put, reload, work, gone }) {
  const { id, status } = account;
  const isOff = status === "disabled";
  const flip = async () => put(await switchOne(id, !isOff));
  const clear = async () => (await mayClear(1)) && work("assets_clear", [id]);
  const remove = async () => (await removeMany({ ids: [id] }, 1, reload)) && gone(id);
  return [
    {
      label: isOff ? t("enable") : t("disable"),
      icon: isOff ? "play" : "ban",
      onSelect: () => once(id, flip),
    },
    status === "cooling" && {
      label: t("end_cooling"),
      icon: "bolt",
      onSelect: () => once(id, async () => put(await switchOne(id, false))),
    },
    { label: t("nsfw_on"), icon: "flame", onSelect: () => work("nsfw_enable", [id]) },
    { label: t("nsfw_off"), icon: "eyeOff", onSelect: () => work("nsfw_disable", [id]) },
    { label: t("clear_action"), icon: "box", onSelect: () => once(id, clear) },
    { label: t("delete_action"), icon: "trash", danger: true, onSelect: () => once(id, remove) },
  ];
}

/** @param {{account: Account, tools: RowTools}} props */
export function RefreshButton({ account, tools }) {
  const { id } = account;
  return html`<${IconButton}
    icon="refresh"
    small
    label=${t("refresh_named", { id })}
    busy=${busy.value.has(id)}
    onClick=${() => once(id, async () => tools.put(await refreshOne(id)))}
  />`;
}

/** @param {{account: Account, tools: RowTools}} props */
export function RestoreButton({ account, tools }) {
  const { id } = account;
  return html`<${Button}
    icon="undo"
    small
    busy=${busy.value.has(id)}
    onClick=${() => once(id, () => restoreMany({ ids: [id] }, tools.reload))}
  >
    ${t("restore")}
  <//>`;
}

/** @param {{account: Account, tools: RowTools}} props */
export function RowActions({ account, tools }) {
  const { id } = account;
  if (account.deleted_at) return html`<${RestoreButton} account=${account} tools=${tools} />`;
  return html`<div class="token-actions">
    <${RefreshButton} account=${account} tools=${tools} />
    <${IconButton}
      icon="edit"
      small
      label=${t("edit_named", { id })}
      onClick=${() => tools.dialogs.open("edit", { id, onDone: tools.put })}
    />
    <${Menu} small label=${t("more_named", { id })} items=${menuOf(account, tools)} />
  </div>`;
}
