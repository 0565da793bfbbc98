// One job: how it went, what failed and why, and the failed ones again.

import { Time } from "../../components/badge.js";
import { Button, CopyButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Facts, Stack } from "../../components/layout.js";
import { JobBar, choreName } from "../../components/progress.js";
import { Empty, Loaded } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { chores, follow } from "../../lib/chores.js";
import { duration } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useOwnClose } from "../../lib/modal.js";
import { useAction, useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { href } from "../../lib/router.js";
import { toast } from "../../lib/toasts.js";
import { actorName, AGAIN } from "./words.js";

const t = texts("jobs");

/** @typedef {import("../../lib/chores.js").Failed} Failed */
/** @typedef {import("../../lib/chores.js").Told<import("./words.js").Task>} Detail */

/**
 * @param {{id: string, status?: import("../../lib/chores.js").Chore["status"], onClose: () => void,
 *   onStarted: () => unknown}} props Status: as the list has it.
 */
export function JobDetails({ id, status, onClose, onStarted }) {
  const close = useOwnClose(onClose);
  const live = chores.value.find((job) => job.task_id === id);
  const isOver = (live?.status ?? status ?? "running") !== "running";
  const state = useLoad(
    async (signal) => /** @type {Detail} */ (await api.get(`/batch/${id}`, { signal })),
    [id, isOver],
  );
  const task = state.data?.task;
  const ids = (state.data?.failures ?? []).flatMap((failed) => failed.id ?? []);
  const route = task && AGAIN[task.kind];
  const [busy, again] = useAction(async () => {
    if (!task || !route) return;
    const started = await api.post(route, { ids });
    void follow(started.task_id, { kind: task.kind, total: started.total });
    onStarted();
    close();
  }, toast.error);
  const canRepeat = route && ids.length > 0 && task.status !== "running";

  return html`<${Dialog}
    side
    title=${task ? choreName(task.kind) : t("page_jobs")}
    lead=${html`<code>${id}</code>`}
    onClose=${onClose}
    footer=${canRepeat &&
    html`<${Button} kind="primary" icon="refresh" busy=${busy} onClick=${again}>
      ${t("retry_failed", { count: ids.length })}
    <//>`}
  >
    <${Loaded} state=${state}>
      ${(/** @type {Detail} */ detail) =>
        html`<${Stack}>
          <${JobBar} job=${{ ...detail.task, ...(live ?? {}) }} />
          <${Facts}
            items=${[
              [t("started"), html`<${Time} ms=${detail.task.created_at_ms} />`],
              [t("took"), detail.task.ended_at_ms ? duration(detail.task.ended_at_ms - detail.task.created_at_ms) : ""],
              [t("actor"), actorName(detail.task.actor)],
            ]}
          />
          <${Failures} detail=${detail} />
        <//>`}
    <//>
  <//>`;
}

/** @param {{detail: Detail}} props */
function Failures({ detail }) {
  const { task, failures } = detail;
  if (!task.fail) return html`<${Empty} icon="check" title=${t("no_failures")} />`;
  if (!failures.length) {
    return html`<${Empty} icon="clock" title=${t("failures_gone", { count: task.fail })} />`;
  }
  const title = t("failures", { count: task.fail });
  const text = failures.map((failed) => `${failed.item}\t${failed.error}`).join("\n");
  /** @type {import("../../components/table.js").Column<Failed>[]} */
  const columns = [
    {
      id: "item",
      label: t("account"),
      width: "minmax(9rem, 1fr)",
      render: (failed) =>
        failed.id
          ? html`<a href=${href("/admin/token", { q: failed.id })}><code>${failed.item}</code></a>`
          : html`<code>${failed.item}</code>`,
    },
    { id: "error", label: t("reason"), width: "minmax(16rem, 2fr)", render: (failed) => html`<span title=${failed.error}>${failed.error}</span>` },
  ];
  return html`<div class="failures">
    <div class="row row-between">
      <h3>${title}</h3>
      <${CopyButton} text=${text}>${t("copy")}<//>
    </div>
    ${task.fail > failures.length && html`<p class="muted small">${t("failures_more", { shown: failures.length })}</p>`}
    <${DataTable}
      label=${title}
      columns=${columns}
      rows=${failures}
      rowKey=${(/** @type {Failed} */ failed) => failed.id ?? failed.item}
      maxHeight="24rem"
    />
  </div>`;
}
