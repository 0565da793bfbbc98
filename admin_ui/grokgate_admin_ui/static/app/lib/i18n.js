// Texts in the operator's language. Each page has one file per language; `common` is for all.

import { assets } from "./address.js";
import { reasonOf } from "./build.js";
import { batch, effect, signal } from "./preact.js";
import { pref } from "./prefs.js";

/** @typedef {"en" | "zh"} Language */
/** @typedef {Record<string, string>} Texts */
/** @typedef {(key: string, params?: Record<string, unknown>) => string} Translate */

// Made once: making one takes longer than what a table's row takes.
const RULES = { en: new Intl.PluralRules("en"), zh: new Intl.PluralRules("zh") };
const NUMBERS = { en: new Intl.NumberFormat("en"), zh: new Intl.NumberFormat("zh-CN") };

/** Names of the languages, in themselves. */
export const LANGUAGES = { en: "English", zh: "中文" };

const chosen = pref(
  "language",
  /** @type {Language | null} */ (null),
  (kept) => Object.hasOwn(LANGUAGES, kept),
);

/** The language shown now; set it with `speak`. */
export const language = signal(/** @type {Language} */ (first()));

/** @typedef {(language: Language) => URL} Source */

/** @type {Map<string, Source>} */
const sources = new Map();
/** Namespaces of plugins: a page is shown without them, with the keys in their place. */
const foreign = new Set();
/** @type {Language | null} */
let wished = null;
/** @type {import("../../vendor/signals.module.js").Signal<Record<string, Texts>>} */
const loaded = signal({});

function first() {
  return chosen.value ?? (document.documentElement.lang === "zh" ? "zh" : "en");
}

effect(() => {
  document.documentElement.lang = language.value;
});

/**
 * Load the texts of namespaces in the language shown now.
 *
 * @param {string[]} namespaces
 */
export async function loadTexts(...namespaces) {
  for (const namespace of namespaces) {
    if (!sources.has(namespace)) {
      sources.set(namespace, (spoken) => new URL(`i18n/${spoken}/${namespace}.json`, assets));
    }
  }
  await fetchTexts(language.value, namespaces);
}

/**
 * Name where the texts of a plugin lie, and load them.
 *
 * @param {string} namespace
 * @param {Source} source
 */
export async function loadForeignTexts(namespace, source) {
  sources.set(namespace, source);
  foreign.add(namespace);
  await fetchTexts(language.value, [namespace]);
}

/**
 * Speak another language: the texts of all namespaces in use come first, then the switch.
 *
 * @param {Language} wanted
 */
export async function speak(wanted) {
  wished = wanted;
  try {
    await fetchTexts(wanted, [...sources.keys()]);
  } catch (error) {
    throw await reasonOf(error);
  }
  if (wished !== wanted) return;
  batch(() => {
    chosen.value = wanted;
    language.value = wanted;
  });
}

/**
 * @param {Language} spoken
 * @param {string[]} namespaces
 */
async function fetchTexts(spoken, namespaces) {
  const missing = namespaces.filter((namespace) => !loaded.peek()[`${spoken}/${namespace}`]);
  const found = await Promise.all(
    missing.map(async (namespace) => [`${spoken}/${namespace}`, await fetchOne(spoken, namespace)]),
  );
  if (found.length) loaded.value = { ...loaded.peek(), ...Object.fromEntries(found) };
}

/**
 * @param {Language} spoken
 * @param {string} namespace
 * @returns {Promise<Texts>}
 */
async function fetchOne(spoken, namespace) {
  const source = /** @type {Source} */ (sources.get(namespace));
  try {
    const reply = await fetch(source(spoken));
    if (!reply.ok) throw new Error(`no texts: ${spoken}/${namespace}`);
    return await reply.json();
  } catch (error) {
    if (foreign.has(namespace)) return {};
    throw error;
  }
}

/**
 * Return what translates the keys of a namespace; it falls back to `common`, then to the key.
 *
 * With `{count}` it chooses `key_one` or `key_other` by the language's rules. Used while a
 * component renders, it makes the component follow the language.
 *
 * @param {string} namespace
 * @returns {Translate}
 */
export function texts(namespace) {
  return (key, params = {}) => {
    const spoken = language.value;
    const found = find(spoken, namespace, key, params.count);
    return found.replace(/\{(\w+)\}/g, (whole, name) =>
      name in params ? shown(params[name], spoken) : whole,
    );
  };
}

/**
 * @param {Language} spoken
 * @param {string} namespace
 * @param {string} key
 * @param {unknown} count
 */
function find(spoken, namespace, key, count) {
  const places = [loaded.value[`${spoken}/${namespace}`], loaded.value[`${spoken}/common`]];
  const keys = [key];
  if (typeof count === "number") {
    keys.unshift(`${key}_${RULES[spoken].select(count)}`, `${key}_other`);
  }
  for (const place of places) {
    for (const each of keys) if (place?.[each] !== undefined) return place[each];
  }
  return key;
}

/**
 * @param {unknown} value
 * @param {Language} spoken
 */
function shown(value, spoken) {
  return typeof value === "number" ? NUMBERS[spoken].format(value) : String(value);
}

/**
 * Tell whether a namespace knows a key, without falling back.
 *
 * @param {string} namespace
 * @param {string} key
 */
export function knows(namespace, key) {
  return loaded.value[`${language.value}/${namespace}`]?.[key] !== undefined;
}
