// Jobs: what runs now, what ran lately, and what failed in it (F-UI-90).

import { Badge, Time } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { Segmented } from "../../components/fields.js";
import { Card, PageHeader, Stack } from "../../components/layout.js";
import { JobBar, choreName } from "../../components/progress.js";
import { Empty, Loaded } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { chores, learnChores } from "../../lib/chores.js";
import { duration, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useEffect } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { JobDetails } from "./details.js";
import { actorName, TONES } from "./words.js";

const t = texts("jobs");
const EVERY_MS = 5000;

/** @typedef {import("./words.js").Task} Task */

export default function JobsPage() {
  const [{ status, job }, set] = useQuery({ status: "", job: "" });
  const state = useLoad(async (signal) => {
    const { tasks } = await api.get("/batch", { signal });
    return /** @type {Task[]} */ (tasks);
  }, [], { everyMs: EVERY_MS });
  const ended = chores.value.filter((each) => each.status !== "running").length;
  useEffect(() => learnChores(state.data ?? []), [state.data]);
  useEffect(() => {
    if (ended) void state.reload();
  }, [ended]);

  return html`<${PageHeader}
      title=${t("title")}
      lead=${t("lead")}
      actions=${html`<${Button} icon="refresh" busy=${state.loading && state.data !== undefined} onClick=${state.reload}>
        ${t("reload")}
      <//>`}
    />
    <${Running} />
    <${Card}
      flush
      title=${t("recent")}
      actions=${html`<${Segmented}
        ariaLabel=${t("status")}
        value=${status}
        options=${["", "running", "done", "error", "cancelled"].map((value) => ({
          value,
          label: value ? t(`job_${value}`) : t("all"),
        }))}
        onInput=${(/** @type {string} */ value) => set({ status: value })}
      />`}
    >
      <${Loaded} state=${state} kind="table" isEmpty=${(/** @type {Task[]} */ tasks) => !tasks.length} empty=${html`<${Nothing} />`}>
        ${(/** @type {Task[]} */ tasks) =>
          html`<${Recent}
            tasks=${tasks.filter((task) => !status || task.status === status)}
            onOpen=${(/** @type {Task} */ task) => set({ job: task.task_id })}
          />`}
      <//>
    <//>
    ${job &&
    html`<${JobDetails}
      key=${job}
      id=${job}
      status=${state.data?.find((task) => task.task_id === job)?.status}
      onClose=${() => set({ job: "" })}
      onStarted=${state.reload}
    />`}`;
}

function Nothing() {
  return html`<${Empty}
    icon="jobs"
    title=${t("none")}
    action=${html`<${Button} to="/admin/token">${t("page_token")}<//>`}
  >
    ${t("none_more")}
  <//>`;
}

/** Live, by their events. */
function Running() {
  const running = chores.value.filter((job) => job.status === "running");
  if (!running.length) return null;
  return html`<${Card} title=${t("running")}>
    <${Stack}>${running.map((job) => html`<${JobBar} key=${job.task_id} job=${job} />`)}<//>
  <//>`;
}

/** @param {{tasks: Task[], onOpen: (task: Task) => void}} props */
function Recent({ tasks, onOpen }) {
  /** @type {import("../../components/table.js").Column<Task>[]} */
  const columns = [
    {
      id: "kind",
      label: t("kind"),
      width: "minmax(min(14rem, 45vw), 2fr)",
      sticky: true,
      render: (task) =>
        html`<button type="button" class="link-button" onClick=${() => onOpen(task)}>${choreName(task.kind)}</button>`,
    },
    {
      id: "status",
      label: t("status"),
      width: "6.5rem",
      render: (task) => html`<${Badge} tone=${TONES[task.status]}>${t(`job_${task.status}`)}<//>`,
    },
    { id: "processed", label: t("processed"), width: "7rem", align: "end", render: (task) => `${number(task.processed)} / ${number(task.total)}` },
    { id: "ok", label: t("ok"), width: "4.5rem", align: "end", render: (task) => number(task.ok) },
    {
      id: "fail",
      label: t("fail"),
      width: "5rem",
      align: "end",
      render: (task) => html`<span class=${task.fail ? "tone-text-bad" : ""}>${number(task.fail)}</span>`,
    },
    { id: "created_at_ms", label: t("started"), width: "8rem", render: (task) => html`<${Time} ms=${task.created_at_ms} />` },
    {
      id: "took",
      label: t("took"),
      width: "5.5rem",
      align: "end",
      render: (task) => (task.ended_at_ms ? duration(task.ended_at_ms - task.created_at_ms) : ""),
    },
    { id: "actor", label: t("actor"), width: "minmax(9.5rem, 1fr)", render: (task) => actorName(task.actor) },
  ];
  return html`<${DataTable}
    label=${t("recent")}
    columns=${columns}
    rows=${tasks}
    rowKey=${(/** @type {Task} */ task) => task.task_id}
    onOpen=${onOpen}
    empty=${html`<${Empty} icon="filter" title=${t("none_of_status")} />`}
  />`;
}
