// Controls of a form. Each is told its value and tells changes with `onInput(value)`.

import { texts } from "../lib/i18n.js";
import { html, useId, useState } from "../lib/preact.js";
import { IconButton } from "./button.js";
import { Field } from "./field.js";
import { Icon } from "./icon.js";

export { Field, Note } from "./field.js";
export { ChipsField, FileDrop, Segmented } from "./pickers.js";

/** @typedef {import("./field.js").Common} Common */

const t = texts("common");

/**
 * @param {Common & {value: string, onInput: (value: string) => void, type?: string,
 *   placeholder?: string, maxLength?: number, autocomplete?: string, autofocus?: boolean,
 *   mono?: boolean, after?: unknown, onKeyDown?: (event: KeyboardEvent) => void, list?: string}} props
 */
export function TextField({ value, onInput, type = "text", mono = false, after, ...rest }) {
  const { label, help, error, class: more, ariaLabel, maxLength, ...own } = rest;
  return html`<${Field} label=${label} help=${help} error=${error} class=${more} required=${own.required}>
    ${(/** @type {string} */ id, /** @type {string | undefined} */ describedBy) =>
      html`<div class="control-line">
        <input
          ...${own}
          id=${id}
          class=${`input ${mono ? "mono" : ""}`}
          type=${type}
          value=${value}
          maxlength=${maxLength}
          spellcheck=${mono ? "false" : undefined}
          aria-label=${ariaLabel}
          aria-describedby=${describedBy}
          aria-invalid=${error ? "true" : undefined}
          onInput=${(/** @type {any} */ event) => onInput(event.target.value)}
        />
        ${after}
      </div>`}
  <//>`;
}

/**
 * A number; null while the field is empty or holds no number.
 *
 * @param {Common & {value: number | null, onInput: (value: number | null) => void, min?: number,
 *   max?: number, step?: number | "any", unit?: string, placeholder?: string}} props
 */
export function NumberField({ value, onInput, unit, ...rest }) {
  const { label, help, error, class: more, ariaLabel, ...own } = rest;
  const take = (/** @type {any} */ event) => {
    const text = event.target.value;
    onInput(text === "" || Number.isNaN(Number(text)) ? null : Number(text));
  };
  return html`<${Field} label=${label} help=${help} error=${error} class=${more} required=${own.required}>
    ${(/** @type {string} */ id, /** @type {string | undefined} */ describedBy) =>
      html`<div class="control-line">
        <input
          ...${own}
          id=${id}
          class="input input-number"
          type="number"
          inputmode="decimal"
          value=${value ?? ""}
          aria-label=${ariaLabel}
          aria-describedby=${describedBy}
          aria-invalid=${error ? "true" : undefined}
          onInput=${take}
        />
        ${unit && html`<span class="control-unit">${unit}</span>`}
      </div>`}
  <//>`;
}

/**
 * @param {Common & {value: string, onInput: (value: string) => void, rows?: number, mono?: boolean,
 *   placeholder?: string, maxLength?: number, onKeyDown?: (event: KeyboardEvent) => void}} props
 */
export function TextArea({ value, onInput, rows = 4, mono = false, ...rest }) {
  const { label, help, error, class: more, ariaLabel, maxLength, ...own } = rest;
  return html`<${Field} label=${label} help=${help} error=${error} class=${more} required=${own.required}>
    ${(/** @type {string} */ id, /** @type {string | undefined} */ describedBy) =>
      html`<textarea
        ...${own}
        id=${id}
        class=${`input textarea ${mono ? "mono" : ""}`}
        rows=${rows}
        maxlength=${maxLength}
        spellcheck=${mono ? "false" : undefined}
        aria-label=${ariaLabel}
        aria-describedby=${describedBy}
        aria-invalid=${error ? "true" : undefined}
        value=${value}
        onInput=${(/** @type {any} */ event) => onInput(event.target.value)}
      ></textarea>`}
  <//>`;
}

/**
 * @param {Common & {value: string, onInput: (value: string) => void,
 *   options: {value: string, label: unknown, disabled?: boolean}[]}} props
 */
export function SelectField({ value, onInput, options, ...rest }) {
  const { label, help, error, class: more, ariaLabel, ...own } = rest;
  return html`<${Field} label=${label} help=${help} error=${error} class=${more} required=${own.required}>
    ${(/** @type {string} */ id, /** @type {string | undefined} */ describedBy) =>
      html`<div class="select">
        <select
          ...${own}
          id=${id}
          class="input"
          value=${value}
          aria-label=${ariaLabel}
          aria-describedby=${describedBy}
          onChange=${(/** @type {any} */ event) => onInput(event.target.value)}
        >
          ${options.map(
            (option) =>
              html`<option
                key=${option.value}
                value=${option.value}
                disabled=${option.disabled}
                selected=${option.value === value}
              >
                ${option.label}
              </option>`,
          )}
        </select>
        <${Icon} name="chevronDown" size=${16} />
      </div>`}
  <//>`;
}

/**
 * On or off, at once.
 *
 * @param {Common & {value: boolean, onInput: (value: boolean) => void, busy?: boolean}} props
 */
export function SwitchField({ value, onInput, label, ariaLabel, help, error, disabled, busy, class: more = "" }) {
  const id = useId();
  return html`<div class=${`switch-field ${more}`}>
    <button
      type="button"
      role="switch"
      class="switch"
      id=${id}
      aria-checked=${value ? "true" : "false"}
      aria-label=${ariaLabel}
      aria-labelledby=${label ? `${id}-label` : undefined}
      aria-describedby=${help ? `${id}-help` : undefined}
      aria-busy=${busy ? "true" : undefined}
      disabled=${disabled || busy}
      onClick=${() => onInput(!value)}
    >
      <span class="switch-knob"></span>
    </button>
    ${(label || help || error) &&
    html`<div>
      ${label && html`<label class="field-label" for=${id} id=${`${id}-label`}>${label}</label>`}
      ${help && html`<p class="field-help" id=${`${id}-help`}>${help}</p>`}
      ${error && html`<p class="field-error" role="alert">${error}</p>`}
    </div>`}
  </div>`;
}

/**
 * @param {Common & {value: boolean | "mixed", onInput: (value: boolean) => void}} props
 */
export function Checkbox({ value, onInput, label, ariaLabel, disabled, class: more = "" }) {
  return html`<label class=${`checkbox ${more}`}>
    <input
      type="checkbox"
      checked=${value === true}
      indeterminate=${value === "mixed"}
      disabled=${disabled}
      aria-label=${ariaLabel}
      onChange=${(/** @type {any} */ event) => onInput(event.target.checked)}
    />
    ${label && html`<span>${label}</span>`}
  </label>`;
}

/**
 * A password or another secret that is typed: hidden unless asked for.
 *
 * @param {Common & {value: string, onInput: (value: string) => void, autocomplete?: string,
 *   placeholder?: string, autofocus?: boolean, after?: unknown}} props
 */
export function SecretField({ after, ...rest }) {
  const [shown, setShown] = useState(false);
  const toggle = html`<${IconButton}
    icon=${shown ? "eyeOff" : "eye"}
    label=${shown ? t("hide") : t("show")}
    pressed=${shown}
    onClick=${() => setShown(!shown)}
  />`;
  return html`<${TextField}
    autocomplete="off"
    ...${rest}
    type=${shown ? "text" : "password"}
    after=${html`${toggle}${after}`}
  />`;
}

/**
 * @param {Common & {value: string, onInput: (value: string) => void, placeholder?: string}} props
 */
export function SearchField({ value, onInput, placeholder, ariaLabel, class: more = "" }) {
  return html`<div class=${`search ${more}`} role="search">
    <${Icon} name="search" size=${16} />
    <input
      class="input"
      type="search"
      value=${value}
      placeholder=${placeholder ?? t("search")}
      aria-label=${ariaLabel ?? placeholder ?? t("search")}
      data-search
      onInput=${(/** @type {any} */ event) => onInput(event.target.value)}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Escape" && value) {
          event.preventDefault();
          event.stopPropagation();
          onInput("");
        }
      }}
    />
  </div>`;
}
