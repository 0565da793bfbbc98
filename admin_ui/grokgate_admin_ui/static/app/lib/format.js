// Numbers, sizes and times as the operator's language writes them.

import { language } from "./i18n.js";

/** @type {Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>} */
const made = new Map();

/**
 * @template {Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat} T
 * @param {string} name
 * @param {(locale: string) => T} make
 * @returns {T}
 */
function format(name, make) {
  const locale = language.value === "zh" ? "zh-CN" : "en";
  const key = `${locale} ${name}`;
  let found = made.get(key);
  if (!found) {
    found = make(locale);
    made.set(key, found);
  }
  return /** @type {T} */ (found);
}

/** Stands where a value is not known. */
export const NONE = "–";

/**
 * Write a number with its groups: 12,345.
 *
 * @param {number | null | undefined} value
 */
export function number(value) {
  if (value === null || value === undefined) return NONE;
  return format("number", (locale) => new Intl.NumberFormat(locale)).format(value);
}

/**
 * Write a number in few characters: 12.3K.
 *
 * @param {number | null | undefined} value
 */
export function compact(value) {
  if (value === null || value === undefined) return NONE;
  const options = /** @type {const} */ ({ notation: "compact", maximumFractionDigits: 1 });
  return format("compact", (locale) => new Intl.NumberFormat(locale, options)).format(value);
}

/**
 * Write a share: 0.123 as 12.3%.
 *
 * @param {number | null | undefined} value 0 to 1.
 */
export function percent(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const options = /** @type {const} */ ({ style: "percent", maximumFractionDigits: 1 });
  return format("percent", (locale) => new Intl.NumberFormat(locale, options)).format(value);
}

/**
 * Write a size in bytes: 1.5 MB (of 1024 KB).
 *
 * @param {number | null | undefined} value
 */
export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  const units = ["B", "KB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  const options = { maximumFractionDigits: digits };
  const shown = format(`bytes${digits}`, (locale) => new Intl.NumberFormat(locale, options));
  return `${shown.format(size)} ${units[unit]}`;
}

const STEPS = /** @type {const} */ ([
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
]);

/**
 * Write a duration with its two largest parts: 2h 5m, 1.4s, 320ms.
 *
 * @param {number | null | undefined} ms
 */
export function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  if (ms < 1000) return unit(Math.max(0, Math.round(ms)), "millisecond");
  if (ms < 10_000) return unit(Math.round(ms / 100) / 10, "second");
  let rest = Math.round(ms / 1000) * 1000;
  const parts = [];
  for (const [name, length] of STEPS) {
    const count = Math.floor(rest / length);
    if (count || parts.length) parts.push(count ? unit(count, name) : "");
    rest -= count * length;
    if (parts.length === 2) break;
  }
  return parts.filter(Boolean).join(" ");
}

/**
 * @param {number} value
 * @param {string} name
 */
function unit(value, name) {
  const options = /** @type {const} */ ({ style: "unit", unitDisplay: "narrow" });
  const make = (/** @type {string} */ locale) =>
    new Intl.NumberFormat(locale, { ...options, unit: name });
  return format(`unit ${name}`, make).format(value);
}

/**
 * Write a moment from now: 5 minutes ago, in 2 hours.
 *
 * @param {number | null | undefined} at Unix milliseconds.
 * @param {number} [now]
 */
export function ago(at, now = Date.now()) {
  if (!at) return NONE;
  const away = at - now;
  const make = (/** @type {string} */ locale) =>
    new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  for (const [name, length] of STEPS) {
    if (Math.abs(away) >= length || name === "second") {
      return format("ago", make).format(Math.trunc(away / length), name);
    }
  }
  return NONE;
}

/**
 * Write a moment with date and time, to the second.
 *
 * @param {number | null | undefined} at Unix milliseconds.
 */
export function dateTime(at) {
  if (!at) return NONE;
  const options = /** @type {const} */ ({ dateStyle: "medium", timeStyle: "medium" });
  return format("dateTime", (locale) => new Intl.DateTimeFormat(locale, options)).format(at);
}

/**
 * Write the time of day: 14:05.
 *
 * @param {number | null | undefined} at Unix milliseconds.
 */
export function clock(at) {
  if (!at) return NONE;
  const options = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", hour12: false });
  return format("clock", (locale) => new Intl.DateTimeFormat(locale, options)).format(at);
}

/**
 * Write a day: 21 Nov.
 *
 * @param {number | null | undefined} at Unix milliseconds.
 */
export function day(at) {
  if (!at) return NONE;
  const options = /** @type {const} */ ({ month: "short", day: "numeric" });
  return format("day", (locale) => new Intl.DateTimeFormat(locale, options)).format(at);
}
