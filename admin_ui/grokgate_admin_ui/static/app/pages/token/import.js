// Importing accounts: a file or a paste, a preview with counts per pool, then the import (F-UI-28).

import { Button } from "../../components/button.js";
import { confirm, Dialog } from "../../components/dialog.js";
import { FileDrop, SelectField, TextArea } from "../../components/fields.js";
import { Stack } from "../../components/layout.js";
import { Progress } from "../../components/progress.js";
import { api } from "../../lib/api.js";
import { follow } from "../../lib/chores.js";
import { bytes } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { Report } from "./import-report.js";
import { LabelFields, LABELS, UNLABELED } from "./labels.js";
import { OtherProblem } from "./problems.js";

const t = texts("token");
const MODES = /** @type {const} */ (["add", "update", "label", "replace"]);
/** Changes beyond which the import is a job that goes on when the dialog is closed. */
const MANY = 1000;

/** @typedef {import("./records.js").ImportReport} ImportReport */

/** @param {{onClose: () => void, onDone: () => Promise<void>}} props */
export default function ImportDialog({ onClose, onDone }) {
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [text, setText] = useState("");
  const [mode, setMode] = useState(/** @type {string} */ ("add"));
  const [labels, setLabels] = useState(/** @type {import("./labels.js").Labels} */ (UNLABELED));
  const [problem, setProblem] = useState(/** @type {import("./problems.js").Problem} */ (null));
  const [preview, setPreview] = useState(/** @type {ImportReport | null} */ (null));
  const [done, setDone] = useState(/** @type {ImportReport | null} */ (null));

  const body = (/** @type {boolean} */ dry) => formOf({ file, text, mode, labels, dry });
  const [looking, look] = useAction(async () => {
    setProblem(null);
    setPreview(await api.post("/tokens/import", body(true)));
  }, setProblem);
  const [busy, save] = useAction(async () => {
    const report = /** @type {ImportReport} */ (preview);
    if (report.removed && !(await mayRemove(report.removed))) return;
    setDone(changesOf(report) > MANY ? await importAsJob(body(false)) : await api.post("/tokens/import", body(false)));
    await onDone();
  }, setProblem);

  if (done) {
    return html`<${Dialog}
      title=${t("imported_title", { count: done.added + done.restored })}
      wide
      onClose=${onClose}
      footer=${html`<${Button} kind="primary" onClick=${onClose}>${t("done")}<//>`}
    >
      <${Report} report=${done} />
    <//>`;
  }
  if (preview) {
    const changes = changesOf(preview);
    return html`<${Dialog}
      title=${t("preview_title")}
      lead=${t("preview_lead")}
      wide
      onClose=${onClose}
      onSubmit=${save}
      footer=${html`<${Button} icon="chevronLeft" disabled=${busy} onClick=${() => setPreview(null)}>${t("back")}<//>
        <${Button}
          kind=${preview.removed ? "danger" : "primary"}
          type="submit"
          busy=${busy}
          disabled=${!changes}
        >
          ${changes ? t("import_count", { count: changes }) : t("import_nothing")}
        <//>`}
    >
      <${Stack}>
        <${OtherProblem} problem=${problem} fields=${[]} />
        ${busy && html`<${Progress} label=${t("importing")} />`}
        <${Report} report=${preview} />
      <//>
    <//>`;
  }
  return html`<${Dialog}
    title=${t("import_title")}
    lead=${t("import_lead")}
    wide
    onClose=${onClose}
    onSubmit=${look}
    footer=${html`<${Button} onClick=${onClose}>${t("cancel")}<//>
      <${Button}
        kind="primary"
        type="submit"
        busy=${looking}
        disabled=${!file && !text.trim()}
      >
        ${t("preview")}
      <//>`}
  >
    <${Stack}>
      <${OtherProblem} problem=${problem} fields=${LABELS} />
      ${file
        ? html`<div class="token-file">
            <span class="ellipsis"><strong>${file.name}</strong> <span class="muted">${bytes(file.size)}</span></span>
            <${Button} small kind="ghost" icon="close" onClick=${() => setFile(null)}>${t("other_source")}<//>
          </div>`
        : html`<${FileDrop}
              label=${t("drop")}
              help=${t("drop_help")}
              accept=".txt,.json,.csv,text/plain,application/json"
              onFiles=${(/** @type {File[]} */ files) => setFile(files[0])}
            />
            <${TextArea} label=${t("paste")} mono rows=${4} value=${text} onInput=${setText} />`}
      <${SelectField}
        label=${t("mode")}
        help=${t(`mode_${mode}_help`)}
        value=${mode}
        onInput=${setMode}
        options=${MODES.map((value) => ({ value, label: t(`mode_${value}`) }))}
      />
      <${LabelFields}
        labels=${labels}
        onInput=${setLabels}
        help=${t("import_pool_help")}
        problem=${problem}
      />
    <//>
  <//>`;
}

/**
 * @param {{file: File | null, text: string, mode: string, dry: boolean,
 *   labels: import("./labels.js").Labels}} fields
 */
function formOf({ file, text, mode, labels, dry }) {
  const form = new FormData();
  if (file) form.append("file", file);
  else form.append("text", text);
  form.append("mode", mode);
  form.append("pool", labels.pool);
  form.append("tags", labels.tags.join(","));
  form.append("note", labels.note);
  if (dry) form.append("dry_run", "true");
  return form;
}

/** @param {ImportReport} report */
function changesOf({ added, updated, restored, removed }) {
  return added + updated + restored + removed;
}

/** @param {number} count */
function mayRemove(count) {
  return confirm({ title: t("import_removes", { count }), body: t("delete_body"), action: t("import"), danger: true });
}

/**
 * @param {FormData} form
 * @returns {Promise<ImportReport>}
 */
async function importAsJob(form) {
  const { task_id } = await api.post("/tokens/import/async", form);
  const job = await follow(task_id, { kind: "tokens_import" });
  if (job?.status !== "done") throw new Error(job?.error ?? t("import_ended"));
  return job.result.report;
}
