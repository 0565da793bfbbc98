// What is around every control of a form.

import { html, useId } from "../lib/preact.js";

/**
 * @typedef {object} Common
 * @property {unknown} [label] Needed unless `ariaLabel` is given.
 * @property {string} [ariaLabel]
 * @property {unknown} [help]
 * @property {unknown} [error]
 * @property {boolean} [disabled]
 * @property {boolean} [required]
 * @property {string} [name]
 * @property {string} [class]
 */

/**
 * Label, help and error of a control, tied to it for screen readers.
 *
 * @param {Common & {children: (id: string, describedBy: string | undefined) => unknown}} props
 */
export function Field({ label, help, error, required, class: more = "", children }) {
  const id = useId();
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`<div class=${`field ${error ? "field-bad" : ""} ${more}`}>
    ${label &&
    html`<label class="field-label" for=${id}>
      ${label}${required && html`<span class="field-required" aria-hidden="true"> *</span>`}
    </label>`}
    ${children(id, described || undefined)}
    ${help && html`<p class="field-help" id=${`${id}-help`}>${help}</p>`}
    ${error && html`<p class="field-error" id=${`${id}-error`} role="alert">${error}</p>`}
  </div>`;
}

/**
 * Says something about a form as a whole; screen readers say it at once.
 *
 * @param {{tone?: "bad" | "warn" | "accent", children?: unknown}} props
 */
export function Note({ tone = "bad", children }) {
  return html`<p class=${`note tone-${tone}`} role=${tone === "bad" ? "alert" : "status"}>${children}</p>`;
}
