// Which columns the table shows; this browser remembers it.

import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Checkbox } from "../../components/fields.js";
import { Stack } from "../../components/layout.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { chosenColumns, COLUMN_IDS, usualColumns } from "./columns.js";

const t = texts("token");

/** @param {{onClose: () => void}} props */
export default function ColumnsDialog({ onClose }) {
  const shown = chosenColumns.value ?? usualColumns();
  const choose = (/** @type {string} */ id, /** @type {boolean} */ on) => {
    chosenColumns.value = on ? [...shown, id] : shown.filter((each) => each !== id);
  };
  return html`<${Dialog}
    title=${t("columns")}
    lead=${t("columns_lead")}
    onClose=${onClose}
    footer=${html`<${Button}
        kind="ghost"
        disabled=${chosenColumns.value === null}
        onClick=${() => {
          chosenColumns.value = null;
        }}
      >
        ${t("columns_usual")}
      <//>
      <${Button} kind="primary" onClick=${onClose}>${t("done")}<//>`}
  >
    <${Stack} gap=${2}>
      ${COLUMN_IDS.map(
        (id) =>
          html`<${Checkbox}
            key=${id}
            label=${t(id === "pool" || id === "note" ? id : `column_${id}`)}
            value=${shown.includes(id)}
            onInput=${(/** @type {boolean} */ on) => choose(id, on)}
          />`,
      )}
    <//>
  <//>`;
}
