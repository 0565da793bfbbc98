// A new key is shown once, with a call that uses it.

import { Button, CopyButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Stack } from "../../components/layout.js";
import { Snippets } from "../../components/snippets.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";

const t = texts("keys");

/** @param {{made: import("./records.js").Key, onClose: () => void}} props */
export function MadeDialog({ made, onClose }) {
  return html`<${Dialog}
    wide
    title=${t("made_title")}
    lead=${t("made_lead")}
    onClose=${onClose}
    footer=${html`<${Button} kind="primary" onClick=${onClose}>${t("made_done")}<//>`}
  >
    <${Stack}>
      <div class="keys-made">
        <code class="break">${made.key}</code>
        <${CopyButton} text=${made.key}>${t("copy")}<//>
      </div>
      <${Snippets} path="/v1/chat/completions" stream />
    <//>
  <//>`;
}
