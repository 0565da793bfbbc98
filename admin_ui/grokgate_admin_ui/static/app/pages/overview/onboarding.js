// From nothing to the first answered request.

import { Button, IconButton } from "../../components/button.js";
import { Icon } from "../../components/icon.js";
import { Progress } from "../../components/progress.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { AccountsStep, KeyStep, PasswordStep, RequestStep } from "./steps.js";

const t = texts("overview");

/** @typedef {import("./types.js").Welcome} Welcome */
/**
 * @typedef {object} StepProps
 * @property {Welcome} welcome
 * @property {() => Promise<void>} reload
 * @property {string} made Text of a key made here; it is kept in memory alone, and shown this once.
 * @property {(key: string) => void} onMade
 */

const STEPS = [
  { id: "password", body: PasswordStep },
  { id: "accounts", body: AccountsStep },
  { id: "key", body: KeyStep },
  { id: "request", body: RequestStep },
];

/**
 * Tell whether a step is done; the password is, or nobody would see this.
 *
 * @param {Welcome} welcome
 * @param {string} id
 */
function isDone(welcome, id) {
  return id === "password" || Boolean(welcome.steps.find((step) => step.id === id)?.done);
}

/** @param {Welcome} welcome */
export function isComplete(welcome) {
  return STEPS.every(({ id }) => isDone(welcome, id));
}

/** @param {Pick<StepProps, "welcome" | "reload"> & {onDismiss: () => void}} props */
export function Onboarding({ welcome, reload, onDismiss }) {
  const current = STEPS.find(({ id }) => !isDone(welcome, id))?.id ?? "";
  const [open, setOpen] = useState(current || "request");
  const [made, onMade] = useState("");
  const props = { welcome, reload, made, onMade };
  useEffect(() => {
    if (current) setOpen(current);
  }, [current]);
  const done = STEPS.filter(({ id }) => isDone(welcome, id)).length;
  const complete = done === STEPS.length;
  return html`<section class="card onboarding" aria-label=${t("start")}>
    <header class="card-header">
      <div>
        <h2>${complete ? t("start_done") : t("start")}</h2>
        <p class="muted small" aria-live="polite">
          ${complete ? t("start_done_lead") : t("start_lead", { done, total: STEPS.length })}
        </p>
      </div>
      ${complete
        ? html`<${Button} kind="primary" onClick=${onDismiss}>${t("start_close")}<//>`
        : html`<${IconButton} icon="close" label=${t("start_hide")} onClick=${onDismiss} />`}
    </header>
    <${Progress} label=${t("start")} value=${done} max=${STEPS.length} tone=${complete ? "ok" : "accent"} />
    <ol class="steps" role="list">
      ${STEPS.map(({ id, body: Body }, at) => {
        const ticked = isDone(welcome, id);
        const isOpen = id === open;
        return html`<li key=${id} class=${`step ${ticked ? "step-done" : ""}`}>
          <button
            type="button"
            class="step-head"
            aria-expanded=${isOpen ? "true" : "false"}
            onClick=${() => setOpen(isOpen ? "" : id)}
          >
            <span class="step-sign" aria-hidden="true">
              ${ticked ? html`<${Icon} name="check" size=${16} />` : String(at + 1)}
            </span>
            <span class="step-title">${t(`step_${id}`)}</span>
            <span class="visually-hidden">${ticked ? t("step_ticked") : t("step_open")}</span>
            <${Icon} name=${isOpen ? "chevronDown" : "chevronRight"} size=${16} />
          </button>
          ${isOpen &&
          html`<div class="step-body"><${Body} ...${props} /></div>`}
        </li>`;
      })}
    </ol>
  </section>`;
}
