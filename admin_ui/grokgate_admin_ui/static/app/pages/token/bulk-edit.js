// The same change for many accounts: pool, tags, note (F-UI-25).

import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { ChipsField, Checkbox, SelectField, TextField } from "../../components/fields.js";
import { Stack } from "../../components/layout.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { changeMany } from "./acts.js";
import { NOTE_LENGTH } from "./labels.js";
import { OtherProblem, problemAt } from "./problems.js";
import { poolOptions } from "./words.js";

const t = texts("token");
const FIELDS = ["pool", "add_tags", "remove_tags", "note"];

/**
 * @param {{choice: import("./records.js").Choice, count: number, onClose: () => void,
 *   onDone: () => Promise<void>}} props
 */
export default function BulkEdit({ choice, count, onClose, onDone }) {
  const [pool, setPool] = useState("");
  const [added, setAdded] = useState(/** @type {string[]} */ ([]));
  const [removed, setRemoved] = useState(/** @type {string[]} */ ([]));
  const [noted, setNoted] = useState(false);
  const [note, setNote] = useState("");
  const [problem, setProblem] = useState(/** @type {import("./problems.js").Problem} */ (null));
  const changes = {
    ...(pool ? { pool } : {}),
    ...(added.length ? { add_tags: added } : {}),
    ...(removed.length ? { remove_tags: removed } : {}),
    ...(noted ? { note } : {}),
  };
  const [busy, save] = useAction(async () => {
    setProblem(null);
    const { ended } = await changeMany(choice, changes);
    onClose();
    void ended.then(onDone);
  }, setProblem);
  return html`<${Dialog}
    title=${t("bulk_title", { count })}
    lead=${t("bulk_lead")}
    onClose=${onClose}
    onSubmit=${save}
    footer=${html`<${Button} onClick=${onClose}>${t("cancel")}<//>
      <${Button} kind="primary" type="submit" busy=${busy} disabled=${!Object.keys(changes).length}>
        ${t("bulk_save", { count })}
      <//>`}
  >
    <${Stack}>
      <${OtherProblem} problem=${problem} fields=${FIELDS} />
      <${SelectField}
        label=${t("move_to")}
        value=${pool}
        onInput=${setPool}
        error=${problemAt(problem, "pool")}
        options=${[{ value: "", label: t("unchanged") }, ...poolOptions()]}
      />
      <${ChipsField}
        label=${t("add_tags")}
        value=${added}
        onInput=${setAdded}
        error=${problemAt(problem, "add_tags")}
        help=${t("tags_help")}
      />
      <${ChipsField}
        label=${t("remove_tags")}
        value=${removed}
        onInput=${setRemoved}
        error=${problemAt(problem, "remove_tags")}
      />
      <${Checkbox} label=${t("replace_notes")} value=${noted} onInput=${setNoted} />
      ${noted &&
      html`<${TextField}
        label=${t("note")}
        value=${note}
        onInput=${setNote}
        maxLength=${NOTE_LENGTH}
        error=${problemAt(problem, "note")}
      />`}
    <//>
  <//>`;
}
