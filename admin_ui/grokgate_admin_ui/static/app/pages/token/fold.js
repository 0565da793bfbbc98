// A part that is folded away until it is wanted.

import { Icon } from "../../components/icon.js";
import { html } from "../../lib/preact.js";

/**
 * @param {{title: unknown, open?: boolean, children?: unknown}} props
 */
export function Fold({ title, open = false, children }) {
  return html`<details class="token-fold" open=${open}>
    <summary><${Icon} name="chevronRight" size=${16} />${title}</summary>
    ${children}
  </details>`;
}
