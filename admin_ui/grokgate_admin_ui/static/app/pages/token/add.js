// Adding accounts by hand: many lines, and an answer for each (F-UI-26).

import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { TextArea } from "../../components/fields.js";
import { Stack } from "../../components/layout.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { LabelFields, LABELS, UNLABELED } from "./labels.js";
import { Lines } from "./lines.js";
import { OtherProblem, problemAt } from "./problems.js";

const t = texts("token");

/**
 * @typedef {object} Added
 * @property {number} count
 * @property {import("./records.js").Line[]} doubles
 * @property {import("./records.js").Line[]} rejected
 * @property {import("./records.js").Line[]} remarks
 * @property {boolean} synced
 */

/** @param {{onClose: () => void, onDone: () => Promise<void>}} props */
export default function AddDialog({ onClose, onDone }) {
  const [text, setText] = useState("");
  const [labels, setLabels] = useState(/** @type {import("./labels.js").Labels} */ (UNLABELED));
  const [problem, setProblem] = useState(/** @type {import("./problems.js").Problem} */ (null));
  const [added, setAdded] = useState(/** @type {Added | null} */ (null));
  const count = text.split("\n").filter((line) => line.trim()).length;
  const [busy, add] = useAction(async () => {
    setProblem(null);
    const reply = await api.post("/tokens/add", { tokens: text, ...labels });
    setAdded(reply);
    if (reply.count) void onDone();
  }, setProblem);
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && count) void add();
  };
  const again = (/** @type {string} */ rest) => {
    setText(rest);
    setAdded(null);
  };
  if (added) {
    const rest = rejectedOf(text, added.rejected);
    return html`<${Dialog}
      key="added"
      title=${t("added_title", { count: added.count })}
      onClose=${onClose}
      footer=${html`<${Button} onClick=${() => again("")}>${t("add_more")}<//>
        ${rest && html`<${Button} onClick=${() => again(rest)}>${t("mend_rejected")}<//>`}
        <${Button} kind="primary" autofocus onClick=${onClose}>${t("done")}<//>`}
    >
      <${Stack}>
        <p>${added.synced ? t("added_synced") : added.count ? t("added_unsynced") : t("added_none")}</p>
        <${Lines} kind="rejected" lines=${added.rejected} open />
        <${Lines} kind="doubles" lines=${added.doubles} />
        <${Lines} kind="remarks" lines=${added.remarks} />
      <//>
    <//>`;
  }
  return html`<${Dialog}
    key="add"
    title=${t("add_title")}
    lead=${t("add_lead")}
    wide
    onClose=${onClose}
    onSubmit=${add}
    footer=${html`<span class="muted small token-count">${t("lines", { count })}</span>
      <${Button} onClick=${onClose}>${t("cancel")}<//>
      <${Button}
        kind="primary"
        type="submit"
        busy=${busy}
        disabled=${!count}
      >
        ${t("add_count", { count })}
      <//>`}
  >
    <${Stack}>
      <${OtherProblem} problem=${problem} fields=${["tokens", ...LABELS]} />
      <${TextArea}
        label=${t("tokens")}
        help=${t("tokens_help")}
        mono
        rows=${8}
        value=${text}
        onInput=${setText}
        onKeyDown=${onKeyDown}
        error=${problemAt(problem, "tokens")}
      />
      <${LabelFields} labels=${labels} onInput=${setLabels} help=${t("add_pool_help")} problem=${problem} />
    <//>
  <//>`;
}

/**
 * Return the lines that were rejected, as they were typed.
 *
 * @param {string} text
 * @param {import("./records.js").Line[]} rejected Their places read "line 3".
 */
function rejectedOf(text, rejected) {
  const typed = text.split("\n");
  return rejected
    .map(({ line }) => typed[Number(/(\d+)$/.exec(line)?.[1] ?? 0) - 1])
    .filter((line) => line?.trim())
    .join("\n");
}
