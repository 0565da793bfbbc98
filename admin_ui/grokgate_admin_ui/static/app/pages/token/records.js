// What the API tells of accounts.

/**
 * @typedef {object} Bucket One quota window. Times are Unix milliseconds.
 * @property {number} remaining -1: unknown.
 * @property {number | null} total
 * @property {number | null} window_seconds
 * @property {number | null} reset_at
 * @property {number | null} synced_at
 * @property {"default" | "real" | "estimated"} source
 */

/** @typedef {"active" | "cooling" | "expired" | "disabled"} Status */

/**
 * @typedef {object} Account
 * @property {string} id
 * @property {string} token Masked.
 * @property {string} upstream
 * @property {string} pool
 * @property {boolean} routed
 * @property {string | null} hint The pool that the last answer speaks for, if another.
 * @property {Status} status
 * @property {string | null} state_reason
 * @property {number | null} [state_since]
 * @property {string | null} [evidence]
 * @property {string | null} [tier]
 * @property {number} [sync_count]
 * @property {number} quota
 * @property {number} [image_quota]
 * @property {number} heavy_quota
 * @property {Record<string, Bucket>} buckets
 * @property {boolean} stale
 * @property {number} inflight
 * @property {number | null} max_inflight
 * @property {boolean} has_proxy
 * @property {string[]} tags
 * @property {string} note
 * @property {number} use_count
 * @property {number} consumed
 * @property {number} fail_count
 * @property {number} created_at
 * @property {number | null} last_used_at
 * @property {number | null} last_fail_at
 * @property {string | null} last_fail_reason
 * @property {number | null} last_sync_at
 * @property {number | null} last_asset_clear_at
 * @property {number | null} cooldown_until
 * @property {number | null} deleted_at
 * @property {number} revision
 */

/**
 * @typedef {object} Totals Of all accounts.
 * @property {number} total
 * @property {Record<Status, number>} statuses
 * @property {Record<string, number>} pools
 * @property {number} quota
 * @property {number} image_quota
 * @property {number} heavy_quota
 * @property {number} use_count
 * @property {number} inflight
 * @property {number | null} next_refresh_at
 */

/**
 * @typedef {object} AccountPage
 * @property {Account[]} items
 * @property {number} total
 * @property {Record<string, number>} counts By status, and `all`.
 * @property {Totals} totals
 */

/** @typedef {{pool?: string, status?: string, tag?: string, q?: string, all?: boolean}} Filter */

/** @typedef {{ids: string[]} | {filter: Filter}} Choice Which accounts something is done with. */

/** @typedef {{line: string, reason: string}} Line A place in what was sent. */

/**
 * @typedef {object} ImportReport
 * @property {number} added
 * @property {number} updated
 * @property {number} restored
 * @property {number} unchanged
 * @property {number} removed
 * @property {Record<string, Record<string, number>>} pools By pool, then outcome.
 * @property {Line[]} rejected
 * @property {Line[]} doubles
 * @property {Line[]} remarks
 */

/**
 * @typedef {object} Dialogs Opens the dialogs of the page, one at a time.
 * @property {(name: string, props?: Record<string, unknown>) => void} open
 * @property {() => void} close
 */

export {};
