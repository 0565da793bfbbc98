// A line as high as a word.

import { html } from "../lib/preact.js";

/**
 * Shows how a value went; a value beside it says how it is. Without a label it is decoration.
 *
 * @param {{values: (number | null)[], tone?: import("./badge.js").Tone, label?: string,
 *   width?: number, height?: number}} props Pixels; null leaves a gap.
 */
export function Spark({ values, tone = "accent", label, width = 96, height = 24 }) {
  const known = values.filter((value) => value !== null);
  const highest = Math.max(...known, 0) || 1;
  const step = width / Math.max(1, values.length - 1);
  const place = (/** @type {number} */ value, /** @type {number} */ at) =>
    `${(at * step).toFixed(1)},${(height - 2 - (value / highest) * (height - 4)).toFixed(1)}`;
  return html`<svg
    class=${`spark tone-text-${tone}`}
    width=${width}
    height=${height}
    viewBox=${`0 0 ${width} ${height}`}
    role=${label ? "img" : undefined}
    aria-label=${label}
    aria-hidden=${label ? undefined : "true"}
  >
    ${runs(values).map(
      (run) =>
        html`<polyline points=${run.map(({ value, at }) => place(value, at)).join(" ")} />`,
    )}
  </svg>`;
}

/**
 * @param {(number | null)[]} values
 * @returns {{value: number, at: number}[][]} Values without a gap between them.
 */
function runs(values) {
  /** @type {{value: number, at: number}[][]} */
  const found = [[]];
  values.forEach((value, at) => {
    if (value === null) found.push([]);
    else found[found.length - 1].push({ value, at });
  });
  return found.filter((run) => run.length);
}
