// The corner where short messages appear.

import { Button, CopyButton, IconButton } from "../components/button.js";
import { Icon } from "../components/icon.js";
import { messageOf } from "../components/states.js";
import { texts } from "../lib/i18n.js";
import { html } from "../lib/preact.js";
import { close, toasts } from "../lib/toasts.js";

const t = texts("common");
const ICONS = { ok: "check", info: "info", bad: "alert" };

/** Stands in the window on top, see lib/modal.js. */
export function Toasts() {
  return html`<div class="toasts" role="region" aria-label=${t("messages")}>
    ${toasts.value.map(
      (toast) =>
        html`<div
          key=${toast.id}
          class=${`toast tone-${toast.tone === "info" ? "accent" : toast.tone}`}
          role=${toast.tone === "bad" ? "alert" : "status"}
        >
          <${Icon} name=${ICONS[toast.tone]} />
          <div class="toast-words">
            <p class="break">${messageOf({ code: toast.code, message: toast.text })}</p>
            ${toast.details && html`<${CopyButton} text=${toast.details}>${t("copy_details")}<//>`}
            ${toast.requestId &&
            html`<p class="muted small">
              <code>${toast.requestId}</code>
              <${CopyButton}
                text=${`${toast.text} (${toast.requestId})`}
                label=${t("copy_request_id")}
              />
            </p>`}
          </div>
          ${toast.action &&
          html`<${Button}
            small
            onClick=${() => {
              close(toast.id);
              toast.action?.run();
            }}
          >
            ${toast.action.label}
          <//>`}
          <${IconButton} small icon="close" label=${t("close")} onClick=${() => close(toast.id)} />
        </div>`,
    )}
  </div>`;
}
