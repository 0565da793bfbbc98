// Controls of a form that hold more than one word: lists, choices, files.

import { texts } from "../lib/i18n.js";
import { html, useId, useState } from "../lib/preact.js";
import { Field } from "./field.js";
import { Icon } from "./icon.js";

/** @typedef {import("./field.js").Common} Common */

const t = texts("common");

/**
 * A list of short texts: Enter or a comma adds one, Backspace takes the last.
 *
 * @param {Common & {value: string[], onInput: (value: string[]) => void, placeholder?: string,
 *   numeric?: boolean}} props
 */
export function ChipsField({ value, onInput, placeholder, disabled, ...rest }) {
  const [draft, setDraft] = useState("");
  const add = (/** @type {string} */ text) => {
    const parts = text.split(/[,\n]/).map((part) => part.trim());
    const fresh = parts.filter((part, at) => part && !value.includes(part) && parts.indexOf(part) === at);
    if (fresh.length) onInput([...value, ...fresh]);
    setDraft("");
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      add(draft);
    } else if (event.key === "Backspace" && !draft && value.length) {
      onInput(value.slice(0, -1));
    }
  };
  return html`<${Field} ...${rest}>
    ${(/** @type {string} */ id, /** @type {string | undefined} */ describedBy) =>
      html`<div class="input chips">
        ${value.map(
          (text) =>
            html`<span class="chip" key=${text}>
              ${text}
              ${!disabled &&
              html`<button
                type="button"
                aria-label=${t("remove_named", { name: text })}
                onClick=${() => onInput(value.filter((other) => other !== text))}
              >
                <${Icon} name="close" size=${12} />
              </button>`}
            </span>`,
        )}
        <input
          id=${id}
          value=${draft}
          disabled=${disabled}
          placeholder=${value.length ? "" : placeholder}
          aria-label=${rest.ariaLabel}
          aria-describedby=${describedBy}
          onInput=${(/** @type {any} */ event) => setDraft(event.target.value)}
          onKeyDown=${onKeyDown}
          onBlur=${() => draft && add(draft)}
        />
      </div>`}
  <//>`;
}

/**
 * One of few, all seen at once.
 *
 * @param {Common & {value: string, onInput: (value: string) => void,
 *   options: {value: string, label: unknown, icon?: string}[]}} props
 */
export function Segmented({ value, onInput, options, label, ariaLabel, disabled }) {
  const id = useId();
  return html`<div class="field">
    ${label && html`<span class="field-label" id=${id}>${label}</span>`}
    <div
      class="segmented"
      role="radiogroup"
      aria-label=${ariaLabel}
      aria-labelledby=${label ? id : undefined}
    >
      ${options.map(
        (option) =>
          html`<label key=${option.value} class=${option.value === value ? "segment segment-on" : "segment"}>
            <input
              type="radio"
              class="visually-hidden"
              name=${id}
              value=${option.value}
              checked=${option.value === value}
              disabled=${disabled}
              onChange=${() => onInput(option.value)}
            />
            ${option.icon && html`<${Icon} name=${option.icon} size=${16} />`}${option.label}
          </label>`,
      )}
    </div>
  </div>`;
}

/**
 * Takes files by drop, by paste or by choice.
 *
 * @param {{label: unknown, accept?: string, multiple?: boolean, disabled?: boolean, help?: unknown,
 *   onFiles: (files: File[]) => void}} props
 */
export function FileDrop({ label, accept, multiple = false, disabled, help, onFiles }) {
  const [over, setOver] = useState(false);
  const take = (/** @type {FileList | null | undefined} */ files) => {
    setOver(false);
    const found = [...(files ?? [])];
    if (found.length && !disabled) onFiles(multiple ? found : found.slice(0, 1));
  };
  return html`<label
    class=${`drop ${over ? "drop-over" : ""}`}
    onDragOver=${(/** @type {DragEvent} */ event) => {
      event.preventDefault();
      setOver(true);
    }}
    onDragLeave=${() => setOver(false)}
    onDrop=${(/** @type {DragEvent} */ event) => {
      event.preventDefault();
      take(event.dataTransfer?.files);
    }}
    onPaste=${(/** @type {ClipboardEvent} */ event) => take(event.clipboardData?.files)}
  >
    <${Icon} name="upload" />
    <span>${label}</span>
    ${help && html`<span class="muted small">${help}</span>`}
    <input
      type="file"
      class="visually-hidden"
      accept=${accept}
      multiple=${multiple}
      disabled=${disabled}
      onChange=${(/** @type {any} */ event) => {
        take(event.target.files);
        event.target.value = "";
      }}
    />
  </label>`;
}
