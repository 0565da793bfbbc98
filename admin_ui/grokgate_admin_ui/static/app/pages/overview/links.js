// Which page explains a number.

import { at, tokens } from "../../lib/remedies.js";

/** @typedef {import("./types.js").Span} Span */
/** @typedef {import("./types.js").Cause} Cause */
/** @typedef {import("./types.js").Incident} Incident */

/** @param {string} model */
export const explain = (model) => tokens({ view: "explain", model });

/** @type {Record<Span, string>} */
const RANGES = { hour: "1h", day: "24h" };

/**
 * The request log, narrowed down.
 *
 * @param {Span} span
 * @param {Record<string, string>} [query]
 */
export function requests(span, query = {}) {
  return at("/admin/datacenter", { view: "requests", range: RANGES[span], ...query });
}

/**
 * Those requests that numbers count: they leave out what came without a good key.
 *
 * @param {Span} span
 * @param {Record<string, string>} [query]
 */
export function counted(span, query = {}) {
  return requests(span, { known: "true", ...query });
}

/**
 * The failed requests of one cause.
 *
 * @param {Span} span
 * @param {Cause} cause
 */
export function failures(span, { error, status }) {
  return counted(span, { outcome: "failed", ...(error ? { error } : { status: String(status) }) });
}

/**
 * The page on which an incident is looked into.
 *
 * @param {Incident} incident
 */
export function ofIncident({ kind, detail }) {
  if (kind === "pool_low") return detail.models?.length ? explain(detail.models[0]) : "/admin/token";
  if (kind === "account_expired") {
    return tokens(detail.count === 1 ? { q: detail.accounts[0] } : { status: "expired" });
  }
  if (kind === "job_failed" && detail.request_id) {
    return at("/admin/datacenter", { view: "requests", request: detail.request_id });
  }
  if (kind === "drift") return "/admin/datacenter?view=logs";
  return requests("hour", { outcome: "failed" });
}
