// Text of programs, and values as a tree.

import { texts } from "../lib/i18n.js";
import { html, useState } from "../lib/preact.js";
import { Button, CopyButton, IconButton } from "./button.js";

export { Json } from "./json.js";

const t = texts("kit");

/**
 * A block of code: copied with one click, wrapped when asked for, scrolled within itself.
 *
 * @param {{text: string, language?: string, label?: string, wrap?: boolean, maxHeight?: string,
 *   actions?: unknown}} props `wrap` is how it starts. `maxHeight`: a CSS length.
 */
export function Code({ text, language = "", label, wrap = false, maxHeight, actions }) {
  const [wrapped, setWrapped] = useState(wrap);
  const name = label ?? (language ? t("code_in", { language }) : t("code"));
  return html`<div class="code">
    <div class="code-head">
      <span class="code-language">${label ?? language}</span>
      ${actions}
      <${IconButton}
        small
        icon="wrap"
        label=${t("wrap")}
        pressed=${wrapped}
        onClick=${() => setWrapped(!wrapped)}
      />
      <${CopyButton} text=${text} label=${t("copy_code")} />
    </div>
    <pre
      class=${`code-text ${wrapped ? "code-wrapped" : ""}`}
      style=${maxHeight ? { maxHeight } : {}}
      tabindex="0"
      role="group"
      aria-label=${name}
    ><code>${text}</code></pre>
  </div>`;
}

/**
 * Code that is too long to be shown at once.
 *
 * @param {{text: string, language?: string, label?: string, lines?: number}} props
 */
export function FoldedCode({ text, language, label, lines = 20 }) {
  const [open, setOpen] = useState(false);
  const all = text.split("\n");
  if (all.length <= lines) return html`<${Code} text=${text} language=${language} label=${label} />`;
  return html`<div class="code-folded">
    <${Code}
      text=${open ? text : all.slice(0, lines).join("\n")}
      language=${language}
      label=${label}
    />
    <${Button} small kind="ghost" expanded=${open} onClick=${() => setOpen(!open)}>
      ${open ? t("fold") : t("unfold", { count: all.length - lines })}
    <//>
  </div>`;
}
