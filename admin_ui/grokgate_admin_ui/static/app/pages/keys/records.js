// A key as the admin API tells it, and what the page reads from it.

/** @typedef {"chat" | "heavy" | "image" | "video"} Kind */

/**
 * @typedef {object} Key
 * @property {string} id
 * @property {string} key
 * @property {string} display_key
 * @property {string} name
 * @property {"managed" | "config"} source
 * @property {boolean} is_active
 * @property {number} created_at Seconds; 0: not known.
 * @property {Record<string, number>} usage_today
 * @property {Record<Kind, number | null>} remaining_today
 * @property {number} chat_limit -1: none.
 * @property {number} heavy_limit
 * @property {number} image_limit
 * @property {number} video_limit
 * @property {number | null} expires_at Seconds.
 * @property {string[]} allowed_models
 * @property {string[]} allowed_endpoints
 * @property {string[]} allowed_ips
 * @property {number | null} rpm
 * @property {number | null} max_inflight
 * @property {string[]} token_tags
 * @property {boolean} is_short
 * @property {boolean} confirmed
 */

/** @type {Kind[]} */
export const KINDS = ["chat", "heavy", "image", "video"];

/** What the daily limits of most keys should be (F-UI-32). */
export const RECOMMENDED = { chat_limit: 300, heavy_limit: 100, image_limit: 100, video_limit: 20 };
export const UNLIMITED = { chat_limit: -1, heavy_limit: -1, image_limit: -1, video_limit: -1 };

/**
 * @param {Key} key
 * @param {Kind} kind
 */
export function limitOf(key, kind) {
  return /** @type {Record<string, number>} */ (/** @type {unknown} */ (key))[`${kind}_limit`];
}

/** @param {Key} key */
export function isExhausted(key) {
  return KINDS.some((kind) => limitOf(key, kind) > 0 && key.remaining_today[kind] === 0);
}

/** @param {Key} key */
export function isExpired(key) {
  return key.expires_at !== null && key.expires_at * 1000 <= Date.now();
}

/**
 * Tell whether a key is one of those that were asked for.
 *
 * @param {Key} key
 * @param {string} q
 * @param {string} status
 */
export function fits(key, q, status) {
  if (status === "active" && !key.is_active) return false;
  if (status === "inactive" && key.is_active) return false;
  if (status === "exhausted" && !isExhausted(key)) return false;
  const words = `${key.name} ${key.display_key} ${key.id}`.toLowerCase();
  return words.includes(q.trim().toLowerCase());
}
