// What the overview is told. Times are Unix milliseconds unless the name says otherwise.

/**
 * @typedef {object} Forecast
 * @property {"dry" | "runs_dry" | "may_run_dry" | "lasts" | "unknown"} state
 * @property {number | null} units_per_hour
 * @property {number | null} dry_in_s
 * @property {number | null} earliest_s
 * @property {number | null} latest_s
 */

/**
 * @typedef {object} ModelCapacity
 * @property {string} model
 * @property {string} capability
 * @property {number} accounts
 * @property {number} candidates
 * @property {number} unknown
 * @property {number} units
 * @property {number} total
 * @property {number | null} next_reset_ms
 * @property {boolean} low
 * @property {string} shares
 * @property {Forecast} forecast
 */

/** @typedef {{error: string, status: number, count: number}} Cause */
/** @typedef {{count: number, p50_ms: number | null, p90_ms: number | null, p95_ms: number | null,
 *   p99_ms: number | null}} Latency */
/** @typedef {{model: string, total: number, failed: number}} Served */

/**
 * @typedef {object} Period
 * @property {number} total
 * @property {number} failed
 * @property {number | null} success_rate Percent.
 * @property {Served[]} models
 * @property {Cause[]} errors
 * @property {Latency} duration
 * @property {Latency} first_byte
 */

/**
 * @typedef {object} Incident
 * @property {"pool_low" | "account_expired" | "incident" | "drift" | "job_failed"} kind
 * @property {string} subject
 * @property {number} at_ms
 * @property {number | null} ended_at_ms
 * @property {Record<string, any>} detail
 */

/** @typedef {"hour" | "day"} Span */
/** @typedef {{begins_at: number, total: number, success: number, failed: number,
 *   p50_ms: number | null, p95_ms: number | null, p99_ms: number | null}} Hour */

/**
 * @typedef {object} Overview
 * @property {number} at_ms
 * @property {number} measured_at
 * @property {{inflight: number, sockets: number, leases_open: number, queue_depth: number,
 *   jobs: number, chores: number, draining: boolean}} live
 * @property {Record<string, Record<string, number>>} tokens By pool and status.
 * @property {ModelCapacity[]} models
 * @property {Period} hour
 * @property {Period} day
 * @property {Hour[]} hours
 * @property {Incident[]} incidents
 */

/**
 * @typedef {object} Welcome
 * @property {string | null} base_url
 * @property {boolean} sandbox
 * @property {number} accounts
 * @property {number} usable_accounts
 * @property {number} keys
 * @property {boolean} anonymous
 * @property {string | null} model
 * @property {{id: "accounts" | "key" | "request", done: boolean}[]} steps
 * @property {{code: string, text: {en: string, zh: string}}[]} warnings
 */

export {};
