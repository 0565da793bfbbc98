// Many lines of text, of which only those that are seen exist; keys move from one to the next.

import { texts } from "../../lib/i18n.js";
import { html, useId, useLayoutEffect, useRef, useState } from "../../lib/preact.js";
import { parts } from "./log-lines.js";
import { timeOfDay } from "./times.js";

/** @typedef {import("./log-lines.js").Line} Line */

const t = texts("datacenter");
const HEIGHT = 24;
const AHEAD = 20;

/**
 * Stays at the end while it follows; else what is read stays where it is when lines come.
 *
 * @param {{lines: Line[], word: string, follow: boolean, chosen: Line | null, label: string,
 *   onFollow: (on: boolean) => void, onChoose: (line: Line | null) => void}} props
 */
export function Lines({ lines, word, follow, chosen, label, onFollow, onChoose }) {
  const id = useId();
  const region = useRef(/** @type {HTMLDivElement | null} */ (null));
  const before = useRef(/** @type {Line[]} */ ([]));
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const first = Math.max(0, Math.floor(top / HEIGHT) - AHEAD);
  const last = Math.min(lines.length, Math.ceil((top + height) / HEIGHT) + AHEAD);
  const at = chosen ? lines.findIndex((line) => line.text === chosen.text) : -1;

  useLayoutEffect(() => {
    const place = /** @type {HTMLDivElement} */ (region.current);
    if (follow) place.scrollTop = place.scrollHeight;
    else place.scrollTop += moved(before.current, lines, Math.floor(place.scrollTop / HEIGHT)) * HEIGHT;
    before.current = lines;
    setTop(place.scrollTop);
    setHeight(place.clientHeight);
  }, [lines, follow]);

  const onScroll = () => {
    const place = /** @type {HTMLDivElement} */ (region.current);
    setTop(place.scrollTop);
    setHeight(place.clientHeight);
    const isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < HEIGHT;
    if (isAtEnd !== follow) onFollow(isAtEnd);
  };
  const choose = (/** @type {number} */ next) => {
    const place = /** @type {HTMLDivElement} */ (region.current);
    const within = Math.min(lines.length - 1, Math.max(0, next));
    onChoose(lines[within] ?? null);
    const [over, under] = [within * HEIGHT, (within + 1) * HEIGHT];
    if (over < place.scrollTop) place.scrollTop = over;
    else if (under > place.scrollTop + place.clientHeight) place.scrollTop = under - place.clientHeight;
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const page = Math.max(1, Math.floor(height / HEIGHT) - 1);
    const from = at < 0 ? (follow ? lines.length : Math.floor(top / HEIGHT) - 1) : at;
    /** @type {Record<string, number>} */
    const places = {
      ArrowDown: from + 1,
      ArrowUp: from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: lines.length - 1,
    };
    if (event.key === "Escape" && chosen) onChoose(null);
    else if (places[event.key] !== undefined && lines.length) choose(places[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return html`<div
    class="dc-lines"
    ref=${region}
    role="listbox"
    tabindex="0"
    aria-label=${label}
    aria-activedescendant=${at >= first && at < last ? `${id}-${at}` : undefined}
    onScroll=${onScroll}
    onKeyDown=${onKeyDown}
  >
    <div class="dc-lines-all" role="presentation" style=${{ height: `${lines.length * HEIGHT}px` }}>
      <div class="dc-lines-seen" role="presentation" style=${{ transform: `translateY(${first * HEIGHT}px)` }}>
        ${lines.slice(first, last).map(
          (line, offset) =>
            html`<${Row}
              key=${first + offset}
              id=${`${id}-${first + offset}`}
              line=${line}
              word=${word}
              place=${first + offset + 1}
              total=${lines.length}
              isChosen=${first + offset === at}
              onClick=${() => onChoose(first + offset === at ? null : line)}
            />`,
        )}
      </div>
    </div>
  </div>`;
}

/**
 * @param {{id: string, line: Line, word: string, place: number, total: number, isChosen: boolean,
 *   onClick: () => void}} props
 */
function Row({ id, line, word, place, total, isChosen, onClick }) {
  return html`<div
    id=${id}
    class=${`dc-line dc-line-${line.level} ${isChosen ? "dc-line-chosen" : ""}`}
    role="option"
    aria-selected=${isChosen ? "true" : "false"}
    aria-posinset=${place}
    aria-setsize=${total}
    onClick=${onClick}
  >
    <span class="dc-line-time">${line.at === null ? "" : timeOfDay(line.at, { exact: true })}</span>
    <span class="dc-line-level">${line.isHead ? t(`level_${line.level}`) : ""}</span>
    <span class="dc-line-words"><${Marked} text=${line.words} word=${word} /></span>
  </div>`;
}

/**
 * A text whose hits are marked.
 *
 * @param {{text: string, word: string}} props
 */
export function Marked({ text, word }) {
  return parts(text, word).map((part) => (part.isHit ? html`<mark>${part.text}</mark>` : part.text));
}

/**
 * Return by how many places a line moved when older ones left and others came.
 *
 * @param {Line[]} before
 * @param {Line[]} now
 * @param {number} at
 */
function moved(before, now, at) {
  const text = before[at]?.text;
  if (text === undefined || now[at]?.text === text) return 0;
  const found = now.findLastIndex((line, index) => line.text === text && index <= at + before.length);
  return found < 0 ? 0 : found - at;
}
