// What the pages before the login look like: one card in the middle.

import { PageHeader } from "../../components/layout.js";
import { html } from "../../lib/preact.js";

/**
 * @param {{title: unknown, lead?: unknown, children?: unknown, below?: unknown}} props
 *   Below: help that stands under the card.
 */
export function Entry({ title, lead, children, below }) {
  return html`<div class="entry">
    <div class="entry-card">
      <${PageHeader} title=${title} lead=${lead} />
      ${children}
    </div>
    ${below && html`<div class="entry-below small muted">${below}</div>`}
  </div>`;
}
