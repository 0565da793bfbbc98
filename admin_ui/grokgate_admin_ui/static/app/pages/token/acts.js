// What is done with accounts: each act asks where it must, tells how it went, and returns.

import { confirm } from "../../components/dialog.js";
import { api } from "../../lib/api.js";
import { follow } from "../../lib/chores.js";
import { texts } from "../../lib/i18n.js";
import { toast } from "../../lib/toasts.js";

const t = texts("token");

/** @typedef {import("./records.js").Choice} Choice */

/** Routes of the jobs that this page starts, and repeats for what failed. */
export const JOBS = /** @type {const} */ ({
  refresh_usage: "/tokens/refresh/async",
  nsfw_enable: "/tokens/nsfw/enable/async",
  nsfw_disable: "/tokens/nsfw/disable/async",
  assets_clear: "/cache/online/clear/async",
});

/** @typedef {keyof typeof JOBS} JobKind */

/** More accounts than these are deleted or switched by a job. */
const FEW = 500;

/**
 * Start a job and follow it to its end.
 *
 * @param {JobKind} kind
 * @param {Choice} choice
 */
export async function runJob(kind, choice) {
  return asJob(JOBS[kind], choice, kind);
}

/**
 * Ask before the files of accounts are deleted.
 *
 * @param {number} count
 */
export function mayClear(count) {
  return confirm({
    title: t("clear_title", { count }),
    body: t("clear_body"),
    action: t("clear_action"),
    danger: true,
  });
}

/**
 * Ask an account for its quota, and return it as it is then.
 *
 * @param {string} id
 * @returns {Promise<import("./records.js").Account>}
 */
export async function refreshOne(id) {
  const { results } = await api.post("/tokens/refresh", { token: id });
  const { item } = await api.get("/tokens/item", { query: { token: id } });
  if (Object.values(results).every(Boolean)) toast.ok(t("refreshed", { id }));
  else toast.error(t("refresh_failed", { id }));
  return item;
}

/**
 * Switch an account off or on, and return it as it is then.
 *
 * @param {string} id
 * @param {boolean} disabled
 * @returns {Promise<import("./records.js").Account>}
 */
export async function switchOne(id, disabled) {
  const { updated } = await api.post("/tokens/disabled", { token: id, disabled });
  if (!updated) toast.info(t("stays_expired"));
  const { item } = await api.get("/tokens/item", { query: { token: id } });
  return item;
}

/**
 * Switch accounts off or on; a large number as a job.
 *
 * @param {Choice} choice
 * @param {number} count
 * @param {boolean} disabled
 */
export async function switchMany(choice, count, disabled) {
  const path = "/tokens/disabled/batch";
  const updated =
    count > FEW
      ? (await asJob(`${path}/async`, { ...choice, disabled }, "tokens_edit"))?.ok
      : (await api.post(path, { ...choice, disabled })).updated;
  if (updated === undefined) return;
  toast.ok(t(disabled ? "switched_off" : "switched_on", { count: updated }));
  if (!disabled && updated < count) toast.info(t("stay_expired", { count: count - updated }));
}

/**
 * @param {string} path
 * @param {Record<string, unknown>} body
 * @param {string} kind
 */
async function asJob(path, body, kind) {
  const { task_id, total } = await api.post(path, body);
  return follow(task_id, { kind, total });
}

/**
 * Change many accounts alike; a large number as a job, which goes on in the tray.
 *
 * @param {Choice} choice
 * @param {Record<string, unknown>} changes
 * @returns {Promise<{ended: Promise<unknown>}>} What the gateway has accepted, until all are changed.
 */
export async function changeMany(choice, changes) {
  const { updated, total, task_id } = await api.patch("/tokens/items", { ...choice, ...changes });
  if (task_id) return { ended: follow(task_id, { kind: "tokens_edit", total }) };
  toast.ok(t("changed", { count: updated }));
  return { ended: Promise.resolve() };
}

/**
 * Ask, delete, and offer to undo it.
 *
 * @param {Choice} choice
 * @param {number} count
 * @param {() => Promise<void>} reload
 * @returns {Promise<boolean>} Whether something was deleted.
 */
export async function removeMany(choice, count, reload) {
  const title = t("delete_title", { count });
  const sure = await confirm({ title, body: t("delete_body"), action: t("delete_action"), danger: true });
  if (!sure) return false;
  const { deleted, ids } = await (count > FEW ? removeByJob(choice) : removeAtOnce(choice));
  const undo = () => restoreMany({ ids }, reload).catch(toast.error);
  const more = ids.length ? { label: t("undo"), run: () => void undo() } : undefined;
  toast.ok(t("deleted", { count: deleted }), more);
  await reload();
  return true;
}

/** @typedef {{deleted: number, ids: string[]}} Removed The ids are those that an undo restores. */

/**
 * @param {Choice} choice
 * @returns {Promise<Removed>}
 */
async function removeAtOnce(choice) {
  const ids = "ids" in choice ? choice.ids : await idsOf(choice.filter);
  const { deleted } = await api.post("/tokens/delete", { ids });
  return { deleted, ids };
}

/**
 * @param {Choice} choice
 * @returns {Promise<Removed>}
 */
async function removeByJob(choice) {
  const job = await asJob("/tokens/delete/async", choice, "tokens_delete");
  /** @type {string[]} */
  const worked = Object.values(job?.result?.ids ?? {});
  return { deleted: job?.ok ?? 0, ids: "ids" in choice ? choice.ids : worked };
}

/**
 * Bring deleted accounts back.
 *
 * @param {Choice} choice
 * @param {() => Promise<void>} reload
 */
export async function restoreMany(choice, reload) {
  const { restored } = await api.post("/tokens/restore", choice);
  toast.ok(t("restored", { count: restored }));
  await reload();
}

/**
 * Show the credential of an account; the gateway asks for the password first.
 *
 * @param {string} id
 * @returns {Promise<{token: string, proxy_url: string | null}>}
 */
export async function secretsOf(id) {
  const { secret } = await api.get("/tokens/item", { query: { token: id, reveal: 1 } });
  return secret;
}

/**
 * @param {import("./records.js").Filter} filter
 * @returns {Promise<string[]>}
 */
async function idsOf({ all: _, ...filter }) {
  const { items } = await api.get("/tokens/list", { query: { ...filter, page_size: 2000 } });
  return items.map((/** @type {import("./records.js").Account} */ item) => item.id);
}
