// What a job could not do, and why; it can be tried again for these accounts (F-UI-25).

import { Button, CopyButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Empty, Loaded } from "../../components/states.js";
import { choreName, untouched } from "../../components/progress.js";
import { api } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { JOBS } from "./acts.js";
import { Fold } from "./fold.js";

const t = texts("token");

/** @typedef {{id: string | null, item: string, error: string}} Failed */

/**
 * @param {{task: string, onClose: () => void,
 *   work: (kind: import("./acts.js").JobKind, choice: {ids: string[]}) => void}} props
 */
export default function Failures({ task, onClose, work }) {
  const state = useLoad((signal) => api.get(`/batch/${task}`, { signal }), [task]);
  const job = state.data?.task;
  /** @type {Failed[]} */
  const failures = state.data?.failures ?? [];
  const ids = failures.flatMap(({ id }) => (id ? [id] : []));
  const again = () => {
    work(job.kind, { ids });
    onClose();
  };
  return html`<${Dialog}
    title=${job ? t("failures_title", { count: job.fail, job: choreName(job.kind) }) : t("failures")}
    lead=${job && leadOf(job)}
    wide
    onClose=${onClose}
    footer=${html`<${CopyButton} text=${failures.map(line).join("\n")} small=${false}>${t("copy_list")}<//>
      <${Button} onClick=${onClose}>${t("close")}<//>
      ${job?.kind in JOBS &&
      html`<${Button}
        kind="primary"
        icon="refresh"
        disabled=${!ids.length || job.status === "running"}
        onClick=${again}
      >
        ${t("retry_failed", { count: ids.length })}
      <//>`}`}
  >
    <${Loaded}
      state=${state}
      rows=${4}
      isEmpty=${() => !failures.length}
      empty=${html`<${Empty} icon="check" title=${t("failures_none")} />`}
    >
      ${() =>
        html`<${ByReason} failures=${failures} />
          ${job.fail > failures.length &&
          html`<p class="muted small">${t("failures_more", { shown: number(failures.length) })}</p>`}`}
    <//>
  <//>`;
}

/** @param {import("../../lib/chores.js").Chore} job */
function leadOf(job) {
  const left = untouched(job);
  const went = t("failures_lead", { ok: number(job.ok), total: number(job.total) });
  return left ? `${went} ${t("job_cancelled_at", { count: left })}` : went;
}

/** @param {Failed} failed */
function line({ id, item, error }) {
  return [id ?? "", item, error].join("\t");
}

/**
 * Equal reasons stand together, the most frequent first.
 *
 * @param {{failures: Failed[]}} props
 */
function ByReason({ failures }) {
  /** @type {Map<string, Failed[]>} */
  const groups = new Map();
  for (const failed of failures) {
    groups.set(failed.error, [...(groups.get(failed.error) ?? []), failed]);
  }
  const sorted = [...groups].sort(([, one], [, other]) => other.length - one.length);
  return html`<div class="token-failures">
    ${sorted.map(
      ([error, members], at) =>
        html`<${Fold} key=${error} open=${at === 0} title=${titleOf(error, members.length)}>
          <ul class="token-lines">
            ${members.map(
              ({ id, item }) =>
                html`<li key=${`${id} ${item}`}>
                  <span class="mono">${id ?? item}</span>
                  ${id && html`<span class="mono muted">${item}</span>`}
                </li>`,
            )}
          </ul>
        <//>`,
    )}
  </div>`;
}

/**
 * @param {string} error
 * @param {number} count
 */
function titleOf(error, count) {
  return html`<strong class="break">${error}</strong>
    <span class="token-fold-end muted small nowrap">${t("accounts", { count })}</span>`;
}
