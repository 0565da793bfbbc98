// Which accounts are chosen: some by name, over all pages, or all that the filter finds (F-UI-24).

import { useEffect, useState } from "../../lib/preact.js";
import { filterOf } from "./asked.js";

/** @type {Set<string>} */
const NOBODY = new Set();

/**
 * @typedef {object} Chosen
 * @property {boolean} all All that the filter finds.
 * @property {Set<string>} shown Those on this page.
 * @property {number} count
 * @property {number} elsewhere Chosen ones that this page does not show.
 * @property {import("./records.js").Choice} choice
 * @property {(ids: Set<string>) => void} choose
 * @property {() => void} chooseAll
 * @property {() => void} clear
 * @property {(id: string) => void} drop
 */

/**
 * Choosing by name survives paging, sorting and other filters; choosing all ends with the filter.
 *
 * @param {import("./asked.js").Asked} asked
 * @param {import("./records.js").Account[]} rows
 * @param {number} total
 * @returns {Chosen}
 */
export function useSelection(asked, rows, total) {
  const [ids, setIds] = useState(NOBODY);
  const [allOf, setAllOf] = useState("");
  const filter = filterOf(asked);
  const wanted = JSON.stringify(filter);
  const all = allOf === wanted;
  const isDeleted = asked.status === "deleted";
  useEffect(() => setAllOf(""), [wanted]);
  useEffect(() => setIds(NOBODY), [isDeleted]);

  const page = rows.map((row) => row.id);
  const clear = () => {
    setIds(NOBODY);
    setAllOf("");
  };
  return {
    all,
    shown: all ? new Set(page) : ids,
    count: all ? total : ids.size,
    elsewhere: all ? 0 : ids.size - page.filter((id) => ids.has(id)).length,
    choice: all ? { filter } : { ids: [...ids] },
    choose: (next) => {
      setIds(next);
      setAllOf("");
    },
    chooseAll: () => setAllOf(wanted),
    clear,
    drop: (id) => setIds((now) => new Set([...now].filter((each) => each !== id))),
  };
}
