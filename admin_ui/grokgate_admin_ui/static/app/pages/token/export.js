// Exporting accounts with their credentials; the gateway asks for the password (F-UI-28).

import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Segmented } from "../../components/fields.js";
import { Icon } from "../../components/icon.js";
import { Stack } from "../../components/layout.js";
import { api } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { filterOf, isNarrowed } from "./asked.js";

const t = texts("token");
const FORMS = /** @type {const} */ (["json", "txt", "py2"]);

/**
 * @param {{choice: import("./records.js").Choice, count: number, total?: number,
 *   asked?: import("./asked.js").Asked, onClose: () => void}} props
 *   Count: of the chosen ones; with *asked* what is shown, or all, can be exported too.
 */
export default function ExportDialog({ choice, count, asked, total = 0, onClose }) {
  const isFiltered = asked && (asked.status !== "all" || isNarrowed(asked));
  /** @type {{value: string, label: string, choice: import("./records.js").Choice}[]} */
  const scopes = [];
  if (count) scopes.push({ value: "chosen", label: t("export_chosen", { number: number(count) }), choice });
  if (asked && isFiltered && total) {
    scopes.push({ value: "found", label: t("export_found", { number: number(total) }), choice: { filter: filterOf(asked) } });
  }
  if (asked) scopes.push({ value: "all", label: t("export_all"), choice: { filter: { all: true } } });
  const [scope, setScope] = useState(count || !asked ? "chosen" : "all");
  const [form, setForm] = useState(/** @type {string} */ ("json"));
  const [busy, save] = useAction(async () => {
    const chosen = scopes.find(({ value }) => value === scope)?.choice;
    await api.download("/tokens/export", { method: "POST", body: { format: form, ...chosen } });
    toast.ok(t("exported"));
    onClose();
  }, toast.error);
  return html`<${Dialog}
    title=${t("export_title")}
    onClose=${onClose}
    onSubmit=${save}
    footer=${html`<${Button} onClick=${onClose}>${t("cancel")}<//>
      <${Button} kind="primary" type="submit" icon="download" busy=${busy}>${t("export")}<//>`}
  >
    <${Stack}>
      <${Segmented}
        label=${t("export_scope")}
        value=${scope}
        onInput=${setScope}
        options=${scopes.map(({ value, label }) => ({ value, label }))}
      />
      <${Segmented}
        label=${t("export_form")}
        value=${form}
        onInput=${setForm}
        options=${FORMS.map((value) => ({ value, label: t(`form_${value}`) }))}
      />
      <p class="muted small">${t(`form_${form}_help`)}</p>
      <p class="token-caution small"><${Icon} name="lock" size=${16} /><span>${t("export_caution")}</span></p>
    <//>
  <//>`;
}
