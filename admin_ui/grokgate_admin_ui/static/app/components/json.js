// A value of JSON as a tree that opens and closes. All of it is shown as text.

import { texts } from "../lib/i18n.js";
import { html, useState } from "../lib/preact.js";
import { Button, CopyButton } from "./button.js";
import { Icon } from "./icon.js";

const t = texts("kit");

/** Entries of one list or object that are shown at first, and by each "more". */
const STEP = 100;
const LONG_TEXT = 400;

/**
 * @param {{value: unknown, label?: string, depth?: number}} props Depth: levels that start open.
 */
export function Json({ value, label, depth = 2 }) {
  const [levels, setLevels] = useState(depth);
  const [turn, setTurn] = useState(0);
  const openTo = (/** @type {number} */ next) => {
    setLevels(next);
    setTurn(turn + 1);
  };
  const name = label ?? t("json");
  return html`<div class="code json">
    <div class="code-head">
      <span class="code-language">${name}</span>
      ${isBranch(value) &&
      html`<${Button} small kind="ghost" onClick=${() => openTo(Infinity)}>${t("open_all")}<//>
        <${Button} small kind="ghost" onClick=${() => openTo(1)}>${t("close_all")}<//>`}
      <${CopyButton} load=${async () => JSON.stringify(value, null, 2)} label=${t("copy_json")} />
    </div>
    <div class="json-tree" role="group" aria-label=${name} tabindex="0">
      <${Node} key=${turn} value=${value} depth=${levels} />
    </div>
  </div>`;
}

/**
 * @param {unknown} value
 * @returns {value is object}
 */
function isBranch(value) {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

/** @param {{name?: string, value: unknown, depth: number}} props */
function Node({ name, value, depth }) {
  if (isBranch(value)) return html`<${Branch} name=${name} value=${value} depth=${depth} />`;
  return html`<div class="json-leaf"><${Name} name=${name} /><${Leaf} value=${value} /></div>`;
}

/** @param {{name?: string}} props */
function Name({ name }) {
  return name === undefined
    ? null
    : html`<span class="json-name">${name}</span><span class="json-mark">: </span>`;
}

/** @param {{name?: string, value: object, depth: number}} props */
function Branch({ name, value, depth }) {
  const [open, setOpen] = useState(depth > 0);
  const [most, setMost] = useState(STEP);
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const count = t(isList ? "json_items" : "json_keys", { count: entries.length });
  return html`<div class="json-branch">
    <button type="button" class="json-switch" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Icon} name=${open ? "chevronDown" : "chevronRight"} size=${14} />
      <${Name} name=${name} />
      <span class="json-mark">${isList ? "[" : "{"}</span>
      <span class="json-count">${count}</span>
      <span class="json-mark">${isList ? "]" : "}"}</span>
    </button>
    ${open &&
    html`<div class="json-entries">
      ${entries
        .slice(0, most)
        .map(
          ([each, item]) => html`<${Node} key=${each} name=${each} value=${item} depth=${depth - 1} />`,
        )}
      ${entries.length > most &&
      html`<${Button} small kind="ghost" onClick=${() => setMost(most + STEP)}>
        ${t("json_more", { count: entries.length - most })}
      <//>`}
    </div>`}
  </div>`;
}

/** @param {{value: unknown}} props */
function Leaf({ value }) {
  const [whole, setWhole] = useState(false);
  if (typeof value !== "string" || value.length <= LONG_TEXT || whole) {
    return html`<span class=${`json-value json-${kindOf(value)}`}>${JSON.stringify(value)}</span>`;
  }
  return html`<span class="json-value json-text">${JSON.stringify(value.slice(0, LONG_TEXT))}…</span>
    <${Button} small kind="ghost" onClick=${() => setWhole(true)}>
      ${t("json_rest", { count: value.length - LONG_TEXT })}
    <//>`;
}

/** @param {unknown} value */
function kindOf(value) {
  if (typeof value === "string") return "text";
  return typeof value === "number" ? "number" : "word";
}
