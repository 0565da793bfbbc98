// Maps of texts as rows of two fields, and what else has a structure as JSON.

import { Button, IconButton } from "../../components/button.js";
import { TextArea } from "../../components/fields.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { same, Unread } from "./records.js";

const t = texts("config");

/** @typedef {[string, string]} Pair */

/**
 * @param {Pair[]} rows
 * @returns {Record<string, string> | Unread}
 */
function mapOf(rows) {
  const said = rows.filter(([name, value]) => name || value);
  const names = said.map(([name]) => name.trim());
  if (names.some((name) => !name)) return new Unread("fault_name");
  if (new Set(names).size < names.length) return new Unread("fault_twice");
  return Object.fromEntries(said.map(([name, value]) => [name.trim(), value]));
}

/** @param {import("./control.js").ControlProps} props */
export function PairsControl(props) {
  const { field, value, error, disabled, onInput } = props;
  const entries = /** @type {[string, unknown][]} */ (Object.entries(value ?? {}));
  const [own, setOwn] = useState(/** @type {{rows: Pair[], value: unknown}} */ ({ rows: [], value: null }));
  const isOwn = same(own.value, value);
  if (!isOwn && entries.some(([, each]) => typeof each !== "string")) return html`<${JsonControl} ...${props} />`;
  const rows = isOwn ? own.rows : /** @type {Pair[]} */ (entries);
  const change = (/** @type {Pair[]} */ next) => {
    const made = mapOf(next);
    setOwn({ rows: next, value: made });
    onInput(made);
  };
  const put = (/** @type {number} */ at, /** @type {Pair} */ pair) => change(rows.map((row, index) => (index === at ? pair : row)));
  return html`<div class="config-pairs" role="group" aria-label=${field.key}>
    ${rows.map(
      ([name, meaning], at) =>
        html`<div class="config-pair" key=${at}>
          <input
            class="input mono"
            value=${name}
            disabled=${disabled}
            spellcheck="false"
            aria-label=${t("pair_name", { number: at + 1 })}
            onInput=${(/** @type {any} */ event) => put(at, [event.target.value, meaning])}
          />
          <span class="muted" aria-hidden="true">→</span>
          <input
            class="input mono"
            value=${meaning}
            disabled=${disabled}
            spellcheck="false"
            aria-label=${t("pair_value", { number: at + 1 })}
            onInput=${(/** @type {any} */ event) => put(at, [name, event.target.value])}
          />
          <${IconButton}
            icon="close"
            label=${t("pair_remove", { number: at + 1 })}
            disabled=${disabled}
            onClick=${() => change(rows.filter((_, index) => index !== at))}
          />
        </div>`,
    )}
    <div>
      <${Button} small icon="plus" disabled=${disabled} onClick=${() => change([...rows, ["", ""]])}>${t("pair_add")}<//>
    </div>
    ${error && html`<p class="field-error" role="alert">${error}</p>`}
  </div>`;
}

/** @param {import("./control.js").ControlProps} props */
export function JsonControl({ field, value, error, disabled, onInput }) {
  const [own, setOwn] = useState(/** @type {{text: string, value: unknown}} */ ({ text: "", value: null }));
  const text = same(own.value, value) ? own.text : JSON.stringify(value, null, 2);
  const change = (/** @type {string} */ next) => {
    const made = read(next, field.type);
    setOwn({ text: next, value: made });
    onInput(made);
  };
  return html`<${TextArea}
    ariaLabel=${field.key}
    mono
    rows=${Math.min(12, Math.max(2, text.split("\n").length))}
    value=${text}
    error=${error}
    disabled=${disabled}
    onInput=${change}
  />`;
}

/**
 * @param {string} text
 * @param {import("./records.js").Kind} type
 */
function read(text, type) {
  try {
    const value = JSON.parse(text);
    const isList = Array.isArray(value);
    if (type === "list") return isList ? value : new Unread("fault_json_list");
    return typeof value === "object" && value && !isList ? value : new Unread("fault_json_map");
  } catch {
    return new Unread("fault_json");
  }
}
