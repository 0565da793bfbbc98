// Lines of a log, read and sifted. Pure.

/** @typedef {"debug" | "info" | "warning" | "error"} Level */

/**
 * @typedef {object} Line
 * @property {string} text As the gateway told it.
 * @property {number | null} at Unix milliseconds.
 * @property {Level} level Of a line without one: that of the line before it.
 * @property {boolean} isHead It begins an entry; else it goes on with one, as a traceback does.
 * @property {string} words What follows time and level.
 */

/** In rising order. */
export const LEVELS = /** @type {const} */ (["debug", "info", "warning", "error"]);

const HEAD = /^(\S+) \| ([A-Z]+) \| (.*)$/s;
/** A request of these pages. */
const OWN = / route=\/(?:api\/v1\/admin|admin|ui|login|setup)\b/;
/** @type {Record<string, Level>} */
const NAMES = { TRACE: "debug", DEBUG: "debug", WARNING: "warning", WARN: "warning", ERROR: "error", CRITICAL: "error" };

/**
 * @param {string[]} texts Oldest first.
 * @returns {Line[]}
 */
export function readLines(texts) {
  /** @type {Level} */
  let level = "info";
  return texts.map((text) => {
    const found = HEAD.exec(text);
    if (!found) return { text, at: null, level, isHead: false, words: text };
    level = NAMES[found[2]] ?? "info";
    const at = Date.parse(found[1]);
    return { text, at: Number.isNaN(at) ? null : at, level, isHead: true, words: found[3] };
  });
}

/**
 * Return the lines of at least a level that hold a word, whatever its case.
 *
 * @param {Line[]} lines
 * @param {{level: string, word: string, own: boolean}} wanted Level "": any. Own: also what the
 *   admin pages ask for, which is most of a quiet gateway's log.
 */
export function sifted(lines, { level, word, own }) {
  const least = LEVELS.indexOf(/** @type {Level} */ (level));
  const sought = word.trim().toLowerCase();
  if (least <= 0 && !sought && own) return lines;
  return lines.filter(
    (line) =>
      LEVELS.indexOf(line.level) >= least &&
      (own || line.level !== "info" || !OWN.test(line.words)) &&
      (!sought || line.text.toLowerCase().includes(sought)),
  );
}

/**
 * Split a text where it holds a word.
 *
 * @param {string} text
 * @param {string} word
 * @returns {{text: string, isHit: boolean}[]}
 */
export function parts(text, word) {
  const sought = word.trim().toLowerCase();
  if (!sought) return [{ text, isHit: false }];
  const low = text.toLowerCase();
  const found = [];
  let at = 0;
  for (let hit = low.indexOf(sought); hit >= 0; hit = low.indexOf(sought, at)) {
    if (hit > at) found.push({ text: text.slice(at, hit), isHit: false });
    at = hit + sought.length;
    found.push({ text: text.slice(hit, at), isHit: true });
  }
  if (at < text.length) found.push({ text: text.slice(at), isHit: false });
  return found;
}

/**
 * Return what a line names that has a page: requests and accounts.
 *
 * @param {string} text
 * @returns {{requests: string[], accounts: string[]}}
 */
export function named(text) {
  const all = (/** @type {RegExp} */ pattern) => [...new Set(text.match(pattern) ?? [])];
  return { requests: all(/\breq_[0-9a-f]{8,64}\b/g), accounts: all(/\btok_[0-9a-z]{4,20}\b/g) };
}
