// How well a text answers what was typed. Pure.

const WHOLE = 100;
const BEGINS = 80;
const BEGINS_WORD = 60;
const WITHIN = 40;
const SCATTERED = 10;

/**
 * Rate how well *text* answers *query*, every word of which must be found.
 *
 * @param {string} query
 * @param {string} text
 * @param {{scattered?: boolean}} [options] Scattered: letters in order are enough, as "dc" in
 *   "data center".
 * @returns {number | null} Higher is better; null: it does not answer.
 */
export function rate(query, text, { scattered = false } = {}) {
  const target = text.toLowerCase();
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  let sum = 0;
  for (const word of words) {
    const found = rateWord(word, target, scattered);
    if (found === null) return null;
    sum += found;
  }
  return words.length ? sum / words.length - Math.min(9, target.length / 20) : 0;
}

/**
 * @param {string} word
 * @param {string} target
 * @param {boolean} scattered
 */
function rateWord(word, target, scattered) {
  if (target === word) return WHOLE;
  const at = target.indexOf(word);
  if (at === 0) return BEGINS;
  if (at > 0) return /[\p{L}\p{N}]/u.test(target[at - 1]) ? WITHIN : BEGINS_WORD;
  return scattered && isScattered(word, target) ? SCATTERED : null;
}

/**
 * @param {string} word
 * @param {string} target
 */
function isScattered(word, target) {
  let from = 0;
  for (const char of word) {
    const at = target.indexOf(char, from);
    if (at < 0) return false;
    from = at + 1;
  }
  return true;
}
