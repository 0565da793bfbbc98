// Names of pools, statuses and reasons in the operator's language.

import { knows, texts } from "../../lib/i18n.js";

const t = texts("token");

/** Pools of the web upstream, lowest first. */
export const POOLS = ["ssoBasic", "ssoSuper", "ssoHeavy"];

/** @type {Record<string, import("../../components/badge.js").Tone>} */
export const TONES = { active: "ok", cooling: "warn", expired: "bad", disabled: "muted", deleted: "muted" };

/**
 * @param {string} key
 * @param {string} fallback What is said where the page has no word for it.
 */
function word(key, fallback) {
  return knows("token", key) ? t(key) : fallback;
}

/** @param {string} pool */
export const poolName = (pool) => word(`pool_${pool}`, pool);

/** @param {string | null | undefined} reason A machine word; null: "". */
export const reasonName = (reason) => (reason ? word(`reason_${reason}`, reason) : "");

/**
 * @param {string} status
 * @param {string | null} reason
 */
export function reasonSentence(status, reason) {
  const known = word(`why_${status}_${reason}`, "");
  if (known) return known;
  const general = t(`why_${status}`);
  return reason ? `${general} (${reasonName(reason)})` : general;
}

/**
 * Return what a chooser of pools offers.
 *
 * @param {string[]} more Pools that accounts are in.
 */
export function poolOptions(more = []) {
  const names = [...new Set([...POOLS, ...more])].filter(Boolean);
  return names.map((value) => ({ value, label: poolName(value) }));
}

/** Order in which windows are shown; others follow by name. */
const BUCKETS =
  "auto fast expert default grok_4_3 heavy image image_pro image_edit video video_720p".split(" ");

/**
 * Return the windows that somebody knows something of, the usual ones first, and the number of others.
 *
 * @param {Record<string, import("./records.js").Bucket>} buckets
 * @returns {{known: [string, import("./records.js").Bucket][], unknown: string[]}}
 */
export function sortedBuckets(buckets) {
  const place = (/** @type {string} */ name) => {
    const at = BUCKETS.indexOf(name);
    return at < 0 ? BUCKETS.length : at;
  };
  const all = Object.entries(buckets).sort(
    ([one], [other]) => place(one) - place(other) || one.localeCompare(other),
  );
  const isKnown = (/** @type {import("./records.js").Bucket} */ bucket) =>
    bucket.remaining >= 0 || bucket.total !== null;
  return {
    known: all.filter(([, bucket]) => isKnown(bucket)),
    unknown: all.filter(([, bucket]) => !isKnown(bucket)).map(([name]) => name),
  };
}

/**
 * Return the tone of what is left in a window.
 *
 * @param {import("./records.js").Bucket} bucket
 */
export function bucketTone({ remaining, total }) {
  if (remaining === 0) return "bad";
  if (remaining < 0 || !total) return "accent";
  return remaining / total <= 0.2 ? "warn" : "accent";
}

/**
 * Write what is left of what: 7/20; "?" where nobody knows.
 *
 * @param {import("./records.js").Bucket} bucket
 */
export function bucketText({ remaining, total }) {
  const left = remaining < 0 ? "?" : String(remaining);
  return total === null ? left : `${left}/${total}`;
}
