// What the gateway tells of its settings, and what may be made of them. Pure.

import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";

const t = texts("config");

/** @typedef {"bool" | "int" | "float" | "text" | "choice" | "list" | "map"} Kind */
/** @typedef {{en: string, zh: string}} Words */

/**
 * @typedef {object} Field
 * @property {string} key
 * @property {Kind} type
 * @property {unknown} default
 * @property {unknown} value In force; of a secret its mask.
 * @property {boolean} changed It is not the default.
 * @property {"default" | "file" | "database" | "env" | "overlay"} origin
 * @property {number | null} min
 * @property {number | null} max
 * @property {boolean} min_open
 * @property {boolean} max_open
 * @property {string | null} unit
 * @property {boolean} nullable
 * @property {unknown[] | null} choices
 * @property {{type: Kind, choices: unknown[] | null, min: number | null, max: number | null} | null} items
 * @property {Words} help
 * @property {boolean} secret
 * @property {boolean} startup
 * @property {string | null} locked_by
 */

/** @typedef {{name: string, title: Words, owner: string, fields: Field[]}} Section */
/** @typedef {{key: string, value: unknown}} Unknown A key of the file that is no setting. */
/** @typedef {{revision: number, sections: Section[], unknown: Unknown[]}} Settings */
/** @typedef {{base: unknown, value: unknown}} Edit Base: the value in force when it was begun. */
/** @typedef {Record<string, Edit>} Edits By key. */

/** Stands for what was typed as long as it is no value; *reason* is the key of a text. */
export class Unread {
  /** @param {string} reason */
  constructor(reason) {
    this.reason = reason;
  }
}

/**
 * @param {unknown} one
 * @param {unknown} other
 */
export function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * Tell whether a field is written in the file only, or comes from outside it.
 *
 * @param {Field} field
 */
export function isFixed(field) {
  return field.startup || field.locked_by !== null;
}

/**
 * Say what is wrong with a value, as far as that is known here; the gateway knows the rest.
 *
 * @param {Field} field
 * @param {unknown} value
 */
export function faultOf(field, value) {
  if (value instanceof Unread) return t(value.reason);
  if (field.type === "int" || field.type === "float") return numberFault(field, value);
  if (field.type !== "list" || !Array.isArray(value) || !field.items) return "";
  const { items } = field;
  if (items.type !== "int" && items.type !== "float") return "";
  const rules = { ...items, type: items.type, nullable: false, min_open: false, max_open: false };
  return value.map((item) => numberFault(rules, item)).find(Boolean) ?? "";
}

/**
 * @param {Pick<Field, "type" | "nullable" | "min" | "max" | "min_open" | "max_open">} rules
 * @param {unknown} value
 */
function numberFault(rules, value) {
  if (value === null && rules.nullable) return "";
  if (typeof value !== "number" || Number.isNaN(value)) return t("fault_number");
  if (rules.type === "int" && !Number.isInteger(value)) return t("fault_whole");
  const { min, max } = rules;
  const isLow = min !== null && (rules.min_open ? value <= min : value < min);
  const isHigh = max !== null && (rules.max_open ? value >= max : value > max);
  return isLow || isHigh ? t("fault_range", { range: rangeOf(rules) }) : "";
}

/**
 * Write the limits of a number: 1 – 10, > 0, ≤ 250; "" without any.
 *
 * @param {{min: number | null, max: number | null, min_open: boolean, max_open: boolean}} rules
 */
export function rangeOf({ min, max, min_open: minOpen, max_open: maxOpen }) {
  if (min !== null && max !== null && !minOpen && !maxOpen) return `${number(min)} – ${number(max)}`;
  const low = min === null ? "" : `${minOpen ? ">" : "≥"} ${number(min)}`;
  const high = max === null ? "" : `${maxOpen ? "<" : "≤"} ${number(max)}`;
  return [low, high].filter(Boolean).join(", ");
}

/**
 * Return what the API takes: section → key → value, null for a default.
 *
 * @param {Edits} edits
 * @param {Map<string, Field>} fields
 */
export function patchOf(edits, fields) {
  /** @type {Record<string, any>} */
  const patch = {};
  for (const [key, { value }] of Object.entries(edits)) {
    const parts = key.split(".");
    const name = /** @type {string} */ (parts.pop());
    let place = patch;
    for (const part of parts) place = place[part] ??= {};
    place[name] = same(value, fields.get(key)?.default) ? null : value;
  }
  return patch;
}

/**
 * @param {Settings} settings
 * @returns {Map<string, Field>}
 */
export function fieldsOf({ sections }) {
  return new Map(sections.flatMap((section) => section.fields.map((field) => [field.key, field])));
}

/**
 * Tell whether a field answers a search: all words of it are somewhere in what is shown.
 *
 * @param {Section} section
 * @param {Field} field
 * @param {string} q
 */
export function fits(section, field, q) {
  const { key, help } = field;
  const place = [key, help.en, help.zh, section.title.en, section.title.zh].join(" ").toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => place.includes(word));
}

/**
 * Return the value of a key in a tree of values.
 *
 * @param {Record<string, any>} tree
 * @param {string} key
 */
export function valueIn(tree, key) {
  return key.split(".").reduce((/** @type {any} */ place, part) => place?.[part], tree);
}

/**
 * Write a setting as lines of config.toml.
 *
 * @param {Field} field
 */
export function tomlOf({ key, value, default: usual }) {
  const at = key.lastIndexOf(".");
  return `[${key.slice(0, at)}]\n${key.slice(at + 1)} = ${JSON.stringify(value ?? usual ?? "")}\n`;
}

/**
 * Write a value in one line.
 *
 * @param {unknown} value
 * @param {string | null} [unit]
 */
export function brief(value, unit = null) {
  if (typeof value === "boolean") return t(value ? "on" : "off");
  if (typeof value === "number") return unit ? `${number(value)} ${t(`unit_${unit}`)}` : number(value);
  if (value === null || value === "" || same(value, []) || same(value, {})) return t("empty");
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}
