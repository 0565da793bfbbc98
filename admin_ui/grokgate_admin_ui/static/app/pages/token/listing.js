// The page of accounts that is shown, kept fresh without flicker.

import { api } from "../../lib/api.js";
import { useLoad } from "../../lib/poll.js";
import { pref } from "../../lib/prefs.js";
import { useEffect, useMemo, useRef, useState } from "../../lib/preact.js";
import { listQuery } from "./asked.js";

/** Rows on a page that can be chosen (F-UI-24). */
export const SIZES = [20, 50, 100, 200, 500, 2000];

export const pageSize = pref("token.page_size", 50);

const POLL_MS = 5000;
/** Large pages are fetched less often; their cards come with a small one. */
const LARGE = 200;
const LARGE_POLL_MS = 15_000;

/** @type {Map<string, import("./records.js").Account>} */
const NONE = new Map();

/**
 * @typedef {object} Listing
 * @property {import("../../lib/poll.js").Load<import("./records.js").AccountPage & {key: string}>} state
 * @property {import("./records.js").Account[]} rows
 * @property {import("./records.js").Totals | undefined} totals
 * @property {boolean} isOld What is shown is not yet what was asked for.
 * @property {(account: import("./records.js").Account) => void} put Show an account as the
 *   gateway has just answered it.
 * @property {() => Promise<void>} reload
 */

/**
 * @param {import("./asked.js").Asked} asked
 * @param {number} size Rows on a page.
 * @param {boolean} paused A dialog is open: nothing moves behind it.
 * @returns {Listing}
 */
export function useListing(asked, size, paused) {
  const query = listQuery(asked, size);
  const key = JSON.stringify(query);
  const isLarge = size > LARGE;
  const everyMs = paused ? 0 : isLarge ? LARGE_POLL_MS : POLL_MS;
  const state = useLoad(
    async (signal) => {
      /** @type {import("./records.js").AccountPage} */
      const page = await api.get("/tokens/list", { query, signal });
      return { ...page, key };
    },
    [key],
    { everyMs },
  );
  const cards = useLoad(
    async (signal) => {
      const page = await api.get("/tokens/list", { query: { page_size: SIZES[0] }, signal });
      return /** @type {import("./records.js").Totals} */ (page.totals);
    },
    [],
    { everyMs: paused ? 0 : POLL_MS, enabled: isLarge },
  );

  const [newer, setNewer] = useState(NONE);
  const { data, reload } = state;
  useEffect(() => setNewer(NONE), [data]);
  const shown = useRef(NONE);
  const rows = useMemo(() => {
    const items = data?.items ?? [];
    const found = items.map((row) => unchanged(shown.current.get(row.id), newer.get(row.id) ?? row));
    shown.current = new Map(found.map((row) => [row.id, row]));
    return found;
  }, [data, newer]);
  const put = (/** @type {import("./records.js").Account} */ account) => {
    setNewer((known) => new Map(known).set(account.id, account));
    void reload();
  };
  return {
    state,
    rows,
    totals: (isLarge && cards.data) || data?.totals,
    isOld: data !== undefined && data.key !== key,
    put,
    reload,
  };
}

/**
 * Return the object that is shown already, if nothing in it is another: its row is not drawn again.
 *
 * @param {import("./records.js").Account | undefined} before
 * @param {import("./records.js").Account} now
 */
function unchanged(before, now) {
  return before && isSame(before, now) ? before : now;
}

/**
 * Compare what was read from JSON; of 2000 accounts in some milliseconds, as texts it takes ten times that.
 *
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
function isSame(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => isSame(one[name], other[name]));
}
