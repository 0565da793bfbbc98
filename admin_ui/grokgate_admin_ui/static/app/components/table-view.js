// What is seen of a table: its rows and its columns.

import { useEffect, useState } from "../lib/preact.js";

/** Rows beyond the seen ones that exist already. */
const AHEAD = 8;
/** As many rows, or fewer, all exist; of more only those that are seen. */
const WHOLE = 30;

/**
 * Tell which rows are seen, from the first to before the last.
 *
 * @param {{current: HTMLElement | null}} region
 * @param {number} count
 * @param {number} rowHeight
 * @returns {[number, number]}
 */
export function useSeen(region, count, rowHeight) {
  const [seen, setSeen] = useState(/** @type {[number, number]} */ ([0, WHOLE]));
  useEffect(() => {
    const place = region.current;
    if (!place || count <= WHOLE) return undefined;
    let frame = 0;
    const look = () => {
      frame = 0;
      const first = Math.max(0, Math.floor(place.scrollTop / rowHeight) - AHEAD);
      const last = Math.ceil((place.scrollTop + place.clientHeight) / rowHeight) + AHEAD;
      setSeen((now) => (now[0] === first && now[1] === last ? now : [first, last]));
    };
    const ask = () => {
      frame ||= requestAnimationFrame(look);
    };
    place.addEventListener("scroll", ask, { passive: true });
    const sizes = new ResizeObserver(ask);
    sizes.observe(place);
    look();
    return () => {
      place.removeEventListener("scroll", ask);
      sizes.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [count, rowHeight]);
  return count <= WHOLE ? [0, count] : seen;
}

/**
 * Mark the region while there are columns to the right of what is seen, and to the left.
 *
 * @param {{current: HTMLElement | null}} region
 * @param {boolean} isFilled
 */
export function useCut(region, isFilled) {
  useEffect(() => {
    const place = region.current;
    if (!place) return undefined;
    let left = -1;
    const look = () => {
      left = place.scrollLeft;
      const isCut = isFilled && place.scrollWidth - place.clientWidth - left > 1;
      place.toggleAttribute("data-cut", isCut);
      place.toggleAttribute("data-moved", left > 0);
    };
    const scrolled = () => {
      if (place.scrollLeft !== left) look();
    };
    place.addEventListener("scroll", scrolled, { passive: true });
    const sizes = new ResizeObserver(look);
    sizes.observe(place);
    return () => {
      place.removeEventListener("scroll", scrolled);
      sizes.disconnect();
    };
  }, [isFilled]);
}
