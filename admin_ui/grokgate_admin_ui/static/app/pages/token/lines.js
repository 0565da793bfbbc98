// What the gateway says about single lines of what was sent.

import { Badge } from "../../components/badge.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { Fold } from "./fold.js";

const t = texts("token");
const SHOWN = 200;

/**
 * @param {{lines: import("./records.js").Line[], kind: "rejected" | "doubles" | "remarks", open?: boolean}} props
 */
export function Lines({ lines, kind, open = false }) {
  if (!lines.length) return null;
  const tone = kind === "rejected" ? "bad" : kind === "doubles" ? "muted" : "warn";
  const title = html`<${Badge} tone=${tone}>${number(lines.length)}<//> ${t(`lines_${kind}`, { count: lines.length })}`;
  return html`<${Fold} title=${title} open=${open}>
    <ul class="token-lines">
      ${lines.slice(0, SHOWN).map(
        ({ line, reason }, at) =>
          html`<li key=${at}><span class="mono nowrap">${line}</span> <span class="break">${reason}</span></li>`,
      )}
    </ul>
    ${lines.length > SHOWN && html`<p class="muted small">${t("lines_more", { count: lines.length - SHOWN })}</p>`}
  <//>`;
}
