// What stands around a page that needs no login: the sign, language and theme.

import { DialogHost } from "../components/dialog.js";
import { Logo } from "../components/icon.js";
import { html } from "../lib/preact.js";
import { LanguageMenu, ThemeMenu } from "./choices.js";

/** @param {{children?: unknown}} props */
export function Frame({ children }) {
  return html`<div class="frame">
    <header class="frame-header">
      <span class="brand"><${Logo} size=${28} /> <span>Grokgate</span></span>
      <div class="row"><${LanguageMenu} /><${ThemeMenu} /></div>
    </header>
    ${children}
    <${DialogHost} />
  </div>`;
}
