// What stands in the file and is no setting (F-UI-50): shown as it is, changed there.

import { Button } from "../../components/button.js";
import { Card } from "../../components/layout.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";

const t = texts("config");

/**
 * @param {{unknown: import("./records.js").Unknown[], reveal: (key: string) => Promise<unknown>}} props
 *   What is not known may be secret, so its texts are masked at first.
 */
export function UnknownCard({ unknown, reveal }) {
  const [clear, setClear] = useState(/** @type {import("./records.js").Unknown[] | null} */ (null));
  const toggle = async () => {
    if (clear) {
      setClear(null);
      return;
    }
    setClear(await Promise.all(unknown.map(async ({ key }) => ({ key, value: await reveal(key) }))));
  };
  const [busy, turn] = useAction(toggle, toast.error);
  return html`<${Card}
    id="section-unknown"
    class="config-section"
    title=${t("unknown")}
    lead=${t("unknown_lead")}
    actions=${html`<${Button} small icon=${clear ? "eyeOff" : "eye"} busy=${busy} onClick=${turn}>
      ${t(clear ? "unknown_hide" : "unknown_show")}
    <//>`}
  >
    <dl class="facts">
      ${(clear ?? unknown).map(
        ({ key, value }) =>
          html`<dt key=${key}><code class="break">${key}</code></dt>
            <dd><code class="break">${JSON.stringify(value)}</code></dd>`,
      )}
    </dl>
  <//>`;
}
