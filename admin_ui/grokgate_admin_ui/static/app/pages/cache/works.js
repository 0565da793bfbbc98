// The jobs on files of accounts that run, or ended while the page was seen.

import { Button } from "../../components/button.js";
import { JobBar } from "../../components/progress.js";
import { chores } from "../../lib/chores.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { isWork } from "./work.js";

const t = texts("cache");
const MOST = 3;

/** @param {{onFailures: (task: string) => void}} props */
export function Works({ onFailures }) {
  const jobs = chores.value
    .filter((job) => isWork(job.kind) && (job.status === "running" || job.fail > 0))
    .slice(0, MOST);
  if (!jobs.length) return null;
  return html`<div class="card cache-works" role="group" aria-label=${t("jobs")}>
    ${jobs.map(
      (job) =>
        html`<div class="cache-work" key=${job.task_id}>
          <${JobBar} job=${job} />
          ${job.fail > 0 &&
          job.status !== "running" &&
          html`<${Button} small icon="alert" onClick=${() => onFailures(job.task_id)}>${t("show_failures")}<//>`}
        </div>`,
    )}
  </div>`;
}
