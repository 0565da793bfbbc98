// What the gateway refused: said at the field that it names, or above all of them.

import { messageOf } from "../../components/states.js";
import { html } from "../../lib/preact.js";

/** @typedef {any} Problem What was thrown, most often an `ApiError`; null: nothing. */

/**
 * Return what is wrong with a field.
 *
 * @param {Problem} problem
 * @param {string} name
 */
export function problemAt(problem, name) {
  return problem?.param === name ? messageOf(problem) : undefined;
}

/**
 * Says what is wrong with none of the fields.
 *
 * @param {{problem: Problem, fields: readonly string[]}} props Fields: those that say it themselves.
 */
export function OtherProblem({ problem, fields }) {
  if (!problem || fields.includes(problem.param)) return null;
  return html`<p class="field-error" role="alert">${messageOf(problem)}</p>`;
}
