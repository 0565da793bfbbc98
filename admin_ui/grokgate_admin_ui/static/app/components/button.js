// Buttons, and links that look like them.

import { texts } from "../lib/i18n.js";
import { topmost } from "../lib/modal.js";
import { html, useState } from "../lib/preact.js";
import { href } from "../lib/router.js";
import { toast } from "../lib/toasts.js";
import { Icon } from "./icon.js";

const t = texts("common");

/**
 * @typedef {object} ButtonProps
 * @property {"primary" | "plain" | "ghost" | "danger"} [kind]
 * @property {boolean} [small]
 * @property {string} [icon]
 * @property {boolean} [busy] Shows that it works, and takes no clicks.
 * @property {boolean} [disabled]
 * @property {string} [to] Makes it a link to a page.
 * @property {string} [title]
 * @property {"button" | "submit"} [type]
 * @property {(event: MouseEvent) => unknown} [onClick]
 * @property {boolean} [pressed]
 * @property {boolean} [expanded]
 * @property {boolean} [autofocus]
 * @property {string} [class]
 * @property {unknown} [children]
 */

/** @param {ButtonProps} props */
export function Button({
  kind = "plain",
  small = false,
  icon,
  busy = false,
  disabled = false,
  to,
  type = "button",
  pressed,
  expanded,
  children,
  class: more = "",
  ...rest
}) {
  const name = `button button-${kind} ${small ? "button-small" : ""} ${more}`;
  const inner = html`${busy
    ? html`<span class="spinner" aria-hidden="true"></span>`
    : icon && html`<${Icon} name=${icon} size=${small ? 16 : 18} />`}
  ${children}`;
  if (to !== undefined) return html`<a class=${name} href=${href(to)} ...${rest}>${inner}</a>`;
  return html`<button
    class=${name}
    type=${type}
    disabled=${disabled || busy}
    aria-busy=${busy ? "true" : undefined}
    aria-pressed=${pressed}
    aria-expanded=${expanded}
    ...${rest}
  >
    ${inner}
  </button>`;
}

/**
 * A button of a picture alone; its label is for screen readers and the pointer.
 *
 * @param {ButtonProps & {label: string, icon: string}} props
 */
export function IconButton({ label, kind = "ghost", class: more = "", ...rest }) {
  return html`<${Button}
    kind=${kind}
    class=${`button-icon ${more}`}
    title=${label}
    aria-label=${label}
    ...${rest}
  />`;
}

/**
 * Copies a text; *load* fetches it first, for what is not shown.
 *
 * @param {{text?: string, load?: () => Promise<string>, label?: string, small?: boolean,
 *   children?: unknown}} props
 */
export function CopyButton({ text, load, label, small = true, children }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await copyText(load ? await load() : (text ?? ""));
    } catch (error) {
      toast.error(error);
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  const icon = copied ? "check" : "copy";
  const name = copied ? t("copied") : (label ?? t("copy"));
  if (!children) {
    return html`<${IconButton} icon=${icon} label=${name} small=${small} onClick=${copy} />`;
  }
  return html`<${Button} icon=${icon} small=${small} onClick=${copy}>
    ${copied ? t("copied") : children}
  <//>`;
}

/**
 * Put a text on the clipboard; also on pages without https, where browsers know only the old way.
 *
 * @param {string} text
 */
export async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  topmost().append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  if (!isDone) throw new Error(t("copy_refused"));
}
