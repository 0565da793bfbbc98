// The accounts on which a job failed, why, and the same job again for them (F-UI-62).

import { Button, CopyButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { choreName } from "../../components/progress.js";
import { Empty, Loaded } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";
import { isWork, start } from "./work.js";

const t = texts("cache");

/** @typedef {import("../../lib/chores.js").Failed} Failed */
/** @typedef {import("../../lib/chores.js").Told} Told */

/** @param {{task: string, onClose: () => void}} props */
export function Failures({ task, onClose }) {
  /** @type {import("../../lib/poll.js").Load<Told>} */
  const state = useLoad((signal) => api.get(`/batch/${task}`, { signal }), [task]);
  const failures = state.data?.failures ?? [];
  const kind = state.data?.task.kind ?? "";
  const ids = failures.flatMap(({ id }) => (id ? [id] : []));
  const again = () => {
    if (isWork(kind)) void start(kind, { ids });
    onClose();
  };
  return html`<${Dialog}
    wide
    title=${t("failures")}
    lead=${kind && choreName(kind)}
    onClose=${onClose}
    footer=${html`<${CopyButton} small=${false} text=${failures.map(asLine).join("\n")}>${t("copy")}<//>
      <${Button} onClick=${onClose}>${t("close")}<//>
      <${Button}
        kind="primary"
        icon="refresh"
        disabled=${!ids.length || !isWork(kind) || state.data?.task.status === "running"}
        onClick=${again}
      >
        ${t("retry_failed", { count: ids.length })}
      <//>`}
  >
    <${Loaded}
      state=${state}
      rows=${4}
      isEmpty=${() => !failures.length}
      empty=${html`<${None} failed=${state.data?.task.fail ?? 0} />`}
    >
      ${(/** @type {Told} */ told) =>
        html`<div class="cache-framed">
            <${DataTable}
              label=${t("failures")}
              columns=${columns()}
              rows=${told.failures}
              rowKey=${(/** @type {Failed} */ failed) => failed.id ?? failed.item}
              maxHeight="50dvh"
            />
          </div>
          ${told.task.fail > told.failures.length &&
          html`<p class="muted small">${t("failures_more", { count: told.task.fail })}</p>`}`}
    <//>
  <//>`;
}

/** @param {{failed: number}} props */
function None({ failed }) {
  if (failed) return html`<${Empty} icon="clock" title=${t("failures_gone", { count: failed })} />`;
  return html`<${Empty} icon="check" title=${t("failures_none")} />`;
}

/** @param {Failed} failed */
function asLine({ id, item, error }) {
  return [id ?? "", item, error].join("\t");
}

/** @returns {import("../../components/table.js").Column<Failed>[]} */
function columns() {
  return [
    {
      id: "account",
      label: t("account"),
      width: "12rem",
      render: ({ id, item }) =>
        id
          ? html`<${Link} class="mono" to="/admin/token" query=${{ q: id }}>${id}<//>`
          : html`<span class="mono">${item}</span>`,
    },
    {
      id: "error",
      label: t("reason"),
      width: "minmax(14rem, 1fr)",
      render: ({ error }) => html`<span title=${error}>${error}</span>`,
    },
  ];
}
