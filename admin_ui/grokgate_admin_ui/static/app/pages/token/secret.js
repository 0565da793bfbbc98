// The credential of an account: shown or copied once the password was given, forgotten when closed.

import { Button, CopyButton } from "../../components/button.js";
import { Row } from "../../components/layout.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { secretsOf } from "./acts.js";

const t = texts("token");

/** @param {{id: string}} props */
export function Secret({ id }) {
  const [shown, setShown] = useState(/** @type {{token: string, proxy_url: string | null} | null} */ (null));
  const [busy, reveal] = useAction(async () => setShown(await secretsOf(id)), toast.error);
  if (!shown) {
    return html`<${Row}>
      <${Button} small icon="eye" busy=${busy} onClick=${reveal}>${t("reveal")}<//>
      <${CopyButton} load=${async () => (await secretsOf(id)).token}>${t("copy_plain")}<//>
    <//>`;
  }
  return html`<div class="token-secret">
    <p class="mono small break">${shown.token}</p>
    ${shown.proxy_url && html`<p class="mono small break">${shown.proxy_url}</p>`}
    <${Row}>
      <${CopyButton} text=${shown.token}>${t("copy_plain")}<//>
      <${Button} small icon="eyeOff" onClick=${() => setShown(null)}>${t("conceal")}<//>
    <//>
  </div>`;
}
