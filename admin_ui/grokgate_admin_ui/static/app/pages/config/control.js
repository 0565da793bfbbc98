// The control of a setting, by its type.

import { Checkbox, ChipsField, NumberField, SelectField, SwitchField, TextArea, TextField } from "../../components/fields.js";
import { texts } from "../../lib/i18n.js";
import { html, useId } from "../../lib/preact.js";
import { JsonControl, PairsControl } from "./maps.js";
import { SecretList, SecretText } from "./secret.js";

const t = texts("config");

/** Texts that are paragraphs. */
const LONG = new Set(["grok.custom_instruction"]);

/**
 * @typedef {object} ControlProps
 * @property {import("./records.js").Field} field
 * @property {unknown} value
 * @property {boolean} isEdited
 * @property {string} error
 * @property {boolean} disabled
 * @property {(value: unknown) => void} onInput
 * @property {(key: string) => Promise<unknown>} reveal Asks for the password; resolves to the value in clear.
 * @property {string[]} suggestions
 */

/** @param {ControlProps} props */
export function Control(props) {
  const { field, value, error, disabled, onInput } = props;
  const shared = { ariaLabel: field.key, error, disabled, onInput };
  if (field.secret) return field.type === "list" ? html`<${SecretList} ...${props} />` : html`<${SecretText} ...${props} />`;
  switch (field.type) {
    case "bool":
      return html`<${SwitchField} ...${shared} value=${value === true} />`;
    case "int":
    case "float":
      return html`<${NumberField}
        ...${shared}
        value=${value}
        min=${field.min ?? undefined}
        max=${field.max ?? undefined}
        step=${field.type === "int" ? 1 : "any"}
        unit=${field.unit && t(`unit_${field.unit}`)}
        placeholder=${field.nullable ? t("unset") : undefined}
      />`;
    case "choice":
      return html`<${SelectField}
        ...${shared}
        value=${String(value)}
        options=${(field.choices ?? []).map((each) => ({ value: String(each), label: String(each) }))}
        onInput=${(/** @type {string} */ text) => onInput(field.choices?.find((each) => String(each) === text))}
      />`;
    case "list":
      return html`<${ListControl} ...${props} />`;
    case "map":
      return html`<${PairsControl} ...${props} />`;
    default:
      return html`<${TextControl} ...${props} />`;
  }
}

/** @param {ControlProps} props */
function TextControl({ field, value, error, disabled, onInput, suggestions }) {
  const list = useId();
  const shared = { ariaLabel: field.key, error, disabled, onInput, value: String(value ?? ""), placeholder: t("empty") };
  if (LONG.has(field.key)) return html`<${TextArea} ...${shared} rows=${3} />`;
  if (!suggestions.length) return html`<${TextField} ...${shared} mono />`;
  return html`<${TextField} ...${shared} mono list=${list} autocomplete="off" />
    <datalist id=${list}>${suggestions.map((each) => html`<option key=${each} value=${each}></option>`)}</datalist>`;
}

/** @param {ControlProps} props */
function ListControl(props) {
  const { field, value, error, disabled, onInput } = props;
  const items = field.items;
  const list = /** @type {unknown[]} */ (value ?? []);
  if (items?.choices) return html`<${ChoicesControl} ...${props} />`;
  if (items && items.type !== "text" && items.type !== "int" && items.type !== "float") {
    return html`<${JsonControl} ...${props} />`;
  }
  const isNumeric = items?.type === "int" || items?.type === "float";
  return html`<${ChipsField}
    ariaLabel=${field.key}
    error=${error}
    disabled=${disabled}
    placeholder=${disabled ? t("empty") : t("list_hint")}
    value=${list.map(String)}
    onInput=${(/** @type {string[]} */ next) => onInput(isNumeric ? next.map(numberOrText) : next)}
  />`;
}

/** @param {string} text */
function numberOrText(text) {
  return Number.isNaN(Number(text)) ? text : Number(text);
}

/** @param {ControlProps} props */
function ChoicesControl({ field, value, error, disabled, onInput }) {
  const chosen = /** @type {unknown[]} */ (value ?? []);
  const choices = field.items?.choices ?? [];
  return html`<div class="config-choices" role="group" aria-label=${field.key}>
    ${choices.map(
      (each) =>
        html`<${Checkbox}
          key=${each}
          label=${html`<code>${each}</code>`}
          value=${chosen.includes(each)}
          disabled=${disabled}
          onInput=${(/** @type {boolean} */ on) => onInput(choices.filter((other) => (other === each ? on : chosen.includes(other))))}
        />`,
    )}
    ${error && html`<p class="field-error" role="alert">${error}</p>`}
  </div>`;
}
