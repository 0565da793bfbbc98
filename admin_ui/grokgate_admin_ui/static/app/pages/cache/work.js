// Jobs on the files of accounts: started here, followed in the tray, seen to at their end.

import { confirm } from "../../components/dialog.js";
import { api } from "../../lib/api.js";
import { follow } from "../../lib/chores.js";
import { texts } from "../../lib/i18n.js";
import { navigate } from "../../lib/router.js";
import { toast } from "../../lib/toasts.js";

const t = texts("cache");

/** @typedef {"assets_load" | "assets_clear"} Kind */
/** @typedef {{ids: string[]} | {filter: Record<string, string | boolean>} | {scope: "all"}} Choice */

/** @type {Record<Kind, string>} */
const ROUTES = {
  assets_load: "/cache/online/load/async",
  assets_clear: "/cache/online/clear/async",
};

/**
 * Tell whether a job is one of this page.
 *
 * @param {string} kind
 * @returns {kind is Kind}
 */
export function isWork(kind) {
  return kind in ROUTES;
}

/**
 * Start a job and see to its end; what goes wrong is told.
 *
 * @param {Kind} kind
 * @param {Choice} choice
 */
export async function start(kind, choice) {
  try {
    const { task_id: id, total, warning } = await api.post(ROUTES[kind], choice);
    if (warning) toast.info(warning);
    const job = await follow(id, { kind, total });
    if (job?.error) toast.error(job.error);
    else if (job?.fail) tellFailures(job);
    else if (job?.status === "done") toast.ok(t(`done_${kind}`, { count: job.ok }));
  } catch (error) {
    toast.error(error);
  }
}

/** @param {import("../../lib/chores.js").Chore} job */
function tellFailures({ task_id: id, fail }) {
  const show = () => void navigate("/admin/cache", { query: { list: "online", failed: id } });
  toast.info(t("failed_some", { count: fail }), { label: t("show_failures"), run: show });
}

/**
 * Delete all files of accounts, after a question.
 *
 * @param {Choice} choice
 * @param {number} count Accounts.
 */
export async function clear(choice, count) {
  const isSure = await confirm({
    title: t("clear_online_title", { count }),
    body: t("clear_online_body"),
    action: t("delete_files"),
    danger: true,
  });
  if (isSure) void start("assets_clear", choice);
  return isSure;
}
