// Rows of the request log: what they hold, which are asked for, how pages are joined.

import { api } from "../../lib/api.js";

/**
 * @typedef {object} RequestRow
 * @property {string} id
 * @property {string} request_id
 * @property {number} time Of its end, Unix milliseconds.
 * @property {string} ip
 * @property {string} endpoint
 * @property {string} model
 * @property {number} status
 * @property {string | null} error
 * @property {number} duration_ms
 * @property {number | null} first_byte_ms
 * @property {string} key_id
 * @property {string} key_name
 * @property {string | null} token
 * @property {number} attempts
 * @property {number} units
 * @property {{input?: number, output?: number, reasoning?: number, estimated?: boolean, outputs?: number}} usage
 * @property {boolean} stream
 */

/** What the address tells of the rows that are wanted. */
export const FILTER = {
  known: false,
  range: "",
  since: 0,
  until: 0,
  outcome: "",
  status: "",
  endpoint: "",
  model: "",
  key: "",
  token: "",
  error: "",
  id: "",
};

/** @typedef {typeof FILTER} Filter */

/** The list of what numbers count: they leave out requests without a good key. */
export const COUNTED = "/admin/datacenter?view=requests&known=true";

const MINUTE_MS = 60_000;
/** @type {Record<string, number>} */
export const RANGES = {
  "15m": 15 * MINUTE_MS,
  "1h": 60 * MINUTE_MS,
  "24h": 24 * 60 * MINUTE_MS,
  "7d": 7 * 24 * 60 * MINUTE_MS,
};

const PAGE = 100;
/** Rows that are held while new ones come on top; older ones can be loaded again. */
const MOST = 2000;

/**
 * Tell how many conditions a filter has.
 *
 * @param {Filter} filter
 */
export function conditions({ since, until, ...rest }) {
  return Object.values(rest).filter(Boolean).length;
}

/**
 * Return the filter as the gateway takes it.
 *
 * @param {Filter} filter
 * @param {number} [now]
 */
export function asked(filter, now = Date.now()) {
  const { range, since, until, outcome, status, id } = filter;
  const isOwn = range === "own";
  return {
    known: filter.known ? "true" : null,
    since: isOwn ? since || null : RANGES[range] ? now - RANGES[range] : null,
    until: isOwn ? until || null : null,
    failed: outcome ? String(outcome === "failed") : null,
    status: /^[1-5]\d\d$/.test(status) ? status : null,
    endpoint: filter.endpoint.trim(),
    model: filter.model.trim(),
    key: filter.key.trim(),
    token: filter.token.trim(),
    error: filter.error.trim(),
    request_id: id.trim(),
  };
}

/**
 * @typedef {{of: string, rows: RequestRow[], next: string | null}} Rows Newest first. Of: their
 *   filter. Next: the id of the last one, while there are older ones.
 */

/**
 * Read one page, newest first.
 *
 * @param {Filter} filter
 * @param {{signal?: AbortSignal, before?: string | null}} [options]
 * @returns {Promise<Rows>}
 */
export async function readRows(filter, { signal, before = null } = {}) {
  const query = { ...asked(filter), limit: PAGE, before };
  const { items, next } = await api.get("/requests", { query, signal });
  return { of: JSON.stringify(filter), rows: items, next };
}

/**
 * Join the newest page to what is known: new rows come on top. When rows may lie between, or the
 * filter is another one, the page takes the place of all.
 *
 * @param {Rows} known
 * @param {Rows} newest
 * @returns {Rows}
 */
export function joined(known, newest) {
  const ids = new Set(known.rows.map((row) => row.id));
  const fresh = newest.rows.filter((row) => !ids.has(row.id));
  if (known.of !== newest.of || fresh.length === newest.rows.length) return newest;
  if (!fresh.length) return known;
  const rows = [...fresh, ...known.rows].sort((one, other) => (one.id < other.id ? 1 : -1));
  if (rows.length <= MOST) return { ...known, rows };
  return { ...known, rows: rows.slice(0, MOST), next: rows[MOST - 1].id };
}

/**
 * Return the colour of a status.
 *
 * @param {number} status
 * @param {string | null} [error] Streams may break after a good head.
 * @returns {import("../../components/badge.js").Tone}
 */
export function statusTone(status, error = null) {
  if (status >= 500) return "bad";
  if (status === 499) return "muted";
  if (status >= 400) return "warn";
  return error ? "bad" : "ok";
}
