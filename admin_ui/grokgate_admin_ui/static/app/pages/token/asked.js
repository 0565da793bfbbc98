// Which accounts the page shows: what stands in the address, and how the API is asked for it.

/**
 * Of the address of the page. `open` is the account in the drawer, `failed` a job whose failures are
 * shown; `add` and `import` open these dialogs for links from elsewhere.
 */
export const DEFAULTS = {
  view: "",
  status: "all",
  pool: "",
  tag: "",
  q: "",
  sort: "-created_at",
  page: 1,
  open: "",
  failed: "",
  add: false,
  import: false,
};

/** @typedef {typeof DEFAULTS} Asked */

/** Tabs of the table; the last shows what can be restored. */
export const STATUSES = /** @type {const} */ (["all", "active", "cooling", "expired", "disabled", "deleted"]);

/** What the table can be sorted by. */
const SORTS = [
  ..."id pool status quota image_quota heavy_quota use_count fail_count".split(" "),
  ..."last_used_at last_sync_at created_at note tags".split(" "),
];

/**
 * Return what is asked for, without what an address of another hand has made up.
 *
 * @param {Asked} asked
 * @returns {Asked}
 */
export function sound(asked) {
  const { status, sort, page } = asked;
  return {
    ...asked,
    status: STATUSES.some((known) => known === status) ? status : DEFAULTS.status,
    sort: SORTS.includes(sort.replace(/^-/, "")) ? sort : DEFAULTS.sort,
    page: Math.min(1_000_000, Math.max(1, Math.floor(page))),
  };
}

/** What no filter narrows. */
export const UNFILTERED = { status: "all", pool: "", tag: "", q: "", page: 1 };

/**
 * Return the query of a page of the table.
 *
 * @param {Asked} asked
 * @param {number} pageSize
 */
export function listQuery({ status, pool, tag, q, sort, page }, pageSize) {
  return {
    page,
    page_size: pageSize,
    pool,
    status: status === "all" ? "" : status,
    tag,
    q: q.trim().slice(0, 200),
    sort,
  };
}

/**
 * Return what is shown as a choice of accounts for the routes that change many.
 *
 * @param {Asked} asked
 * @returns {import("./records.js").Filter}
 */
export function filterOf({ status, pool, tag, q }) {
  /** @type {import("./records.js").Filter} */
  const filter = {};
  if (status !== "all") filter.status = status;
  if (pool) filter.pool = pool;
  if (tag) filter.tag = tag;
  if (q.trim()) filter.q = q.trim().slice(0, 200);
  return Object.keys(filter).length ? filter : { all: true };
}

/**
 * Tell whether more than a status is asked for.
 *
 * @param {Asked} asked
 */
export function isNarrowed({ pool, tag, q }) {
  return Boolean(pool || tag || q.trim());
}
