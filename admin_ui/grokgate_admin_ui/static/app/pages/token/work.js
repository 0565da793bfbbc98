// Jobs that this page starts: followed in the tray, and at their end it is told what failed.

import { untouched } from "../../components/progress.js";
import { texts } from "../../lib/i18n.js";
import { useEffect, useRef } from "../../lib/preact.js";
import { navigate } from "../../lib/router.js";
import { toast } from "../../lib/toasts.js";
import { runJob } from "./acts.js";

const t = texts("token");

/** @typedef {{reload: () => Promise<void>, ask: (changes: {failed: string}) => void}} Page */

/**
 * Return what starts a job and sees to its end, even when the page was left meanwhile.
 *
 * @param {Page} page
 * @returns {(kind: import("./acts.js").JobKind, choice: import("./records.js").Choice) => void}
 */
export function useWork(page) {
  const latest = useRef(/** @type {Page | null} */ (page));
  latest.current = page;
  useEffect(
    () => () => {
      latest.current = null;
    },
    [],
  );
  return (kind, choice) => {
    void (async () => {
      try {
        const job = await runJob(kind, choice);
        if (job) ended(job, latest);
      } catch (error) {
        toast.error(error);
      }
    })();
  };
}

/**
 * @param {import("../../lib/chores.js").Chore} job
 * @param {{current: Page | null}} latest Null: the page was left.
 */
function ended(job, latest) {
  void latest.current?.reload();
  if (job.error) toast.error(job.error);
  const left = untouched(job);
  if (left) toast.info(t("job_cancelled_at", { count: left }));
  if (!job.fail) {
    if (job.status === "done") toast.ok(t("job_went_well", { count: job.ok }));
    return;
  }
  const show = () => {
    if (latest.current) latest.current.ask({ failed: job.task_id });
    else void navigate("/admin/token", { query: { failed: job.task_id } });
  };
  toast.info(t("job_failures", { count: job.fail }), { label: t("job_show"), run: show });
}
