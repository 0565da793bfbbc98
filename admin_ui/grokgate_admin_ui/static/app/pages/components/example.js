// The frame of one example.

import { html } from "../../lib/preact.js";

/**
 * An example, with what it is written with.
 *
 * @param {{title: string, code?: string, wide?: boolean, children?: unknown}} props Wide: it needs
 *   the whole width.
 */
export function Example({ title, code, wide = false, children }) {
  return html`<div class=${`card kit-example ${wide ? "kit-wide" : ""}`}>
    <header class="card-header">
      <h3>${title}</h3>
      ${code && html`<code class="kit-names">${code}</code>`}
    </header>
    <div class="card-body">${children}</div>
  </div>`;
}
