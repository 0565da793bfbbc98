// Addresses of stored pictures and videos, for whoever is logged in.

import { url } from "../../lib/address.js";

const BASE = "/api/v1/admin";

/**
 * @typedef {object} Media
 * @property {string} name
 * @property {number} size_bytes
 * @property {number} mtime_ms
 * @property {string} view_url
 * @property {string} link Signed, for others.
 * @property {string} [preview_url]
 */

/**
 * Return the path of a file below the gateway's root.
 *
 * @param {"image" | "video"} kind
 * @param {string} name
 */
export function mediaPath(kind, name) {
  return `${BASE}/cache/file?${new URLSearchParams({ type: kind, name })}`;
}

/**
 * Return the full address of a file.
 *
 * @param {"image" | "video"} kind
 * @param {string} name
 */
export function mediaUrl(kind, name) {
  return url(mediaPath(kind, name)).href;
}

/**
 * Return the address of the picture of a file; null: there is none.
 *
 * @param {"image" | "video"} kind
 * @param {Media | undefined} media
 */
export function stillUrl(kind, media) {
  if (!media) return null;
  if (kind === "image") return mediaUrl(kind, media.name);
  const told = media.preview_url;
  return told ? url(BASE + told.slice(told.indexOf(BASE) + BASE.length)).href : null;
}
