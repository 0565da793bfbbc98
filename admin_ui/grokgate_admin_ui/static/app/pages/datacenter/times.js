// Moments as lists of requests and log lines need them: to the second, and further.

import { day } from "../../lib/format.js";

/** @param {number} value @param {number} [digits] */
const padded = (value, digits = 2) => String(value).padStart(digits, "0");

/**
 * Write the time of day to the second, 14:05:09, or to the millisecond.
 *
 * @param {number} ms Unix milliseconds.
 * @param {{exact?: boolean}} [options]
 */
export function timeOfDay(ms, { exact = false } = {}) {
  const at = new Date(ms);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => padded(part)).join(":");
  return exact ? `${time}.${padded(at.getMilliseconds(), 3)}` : time;
}

/**
 * Write a moment to the second; without its day when that is today.
 *
 * @param {number} ms Unix milliseconds.
 */
export function moment(ms) {
  return isToday(ms) ? timeOfDay(ms) : `${day(ms)} ${timeOfDay(ms)}`;
}

/**
 * Tell whether a moment is of today, as the browser's clock counts days.
 *
 * @param {number} ms Unix milliseconds.
 */
export function isToday(ms) {
  return new Date(ms).toDateString() === new Date().toDateString();
}

/**
 * Return the local midnight of a day that the gateway names by its own zone.
 *
 * @param {string} date Month and day: 11-22.
 * @param {number} near Unix milliseconds, at most a day away; tells the year.
 */
export function midnightOf(date, near) {
  const [month, dayOfMonth] = date.split("-").map(Number);
  const year = new Date(near).getFullYear();
  const found = [year - 1, year, year + 1].map((each) => new Date(each, month - 1, dayOfMonth).getTime());
  return found.reduce((best, at) => (Math.abs(at - near) < Math.abs(best - near) ? at : best));
}

/**
 * Write a moment as a field of type `datetime-local` holds it.
 *
 * @param {number} ms Unix milliseconds; 0: none.
 */
export function fieldText(ms) {
  if (!ms) return "";
  const at = new Date(ms);
  const date = [padded(at.getFullYear(), 4), padded(at.getMonth() + 1), padded(at.getDate())].join("-");
  return `${date}T${padded(at.getHours())}:${padded(at.getMinutes())}`;
}

/**
 * Read what a field of type `datetime-local` holds.
 *
 * @param {string} text
 * @returns {number} Unix milliseconds; 0: none.
 */
export function fieldMoment(text) {
  const at = new Date(text).getTime();
  return Number.isFinite(at) ? at : 0;
}
