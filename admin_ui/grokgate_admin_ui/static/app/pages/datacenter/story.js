// What became of a request, put in order: each step is the choice of an account and its attempt.

/** @typedef {import("./rows.js").RequestRow} RequestRow */
/** @typedef {{token: string, score: number, terms: Record<string, number>, pool: string, preferred: boolean}} Scored */
/** @typedef {{operation: string, kind: string, stage: string, status: number | null, marker: string | null, buckets: string[], reset_in_s: number | null}} Observation */

/**
 * @typedef {object} Decision
 * @property {number} number
 * @property {number} at_ms
 * @property {string} model
 * @property {string} upstream
 * @property {string} wire
 * @property {string} policy
 * @property {string[]} pools
 * @property {string | null} chosen
 * @property {Scored[]} best
 * @property {Record<string, number>} out
 * @property {number} queued_s
 * @property {boolean} moved
 * @property {number | null} next_reset_s
 * @property {string | null} told
 * @property {boolean} walked
 */

/**
 * @typedef {object} Attempt
 * @property {string} upstream
 * @property {string} account
 * @property {Observation} observation
 * @property {number} units
 * @property {number} duration_s
 * @property {boolean} penalized
 * @property {number} decision
 */

/**
 * @typedef {object} Call
 * @property {string} model
 * @property {"completed" | "failed" | "cancelled"} outcome
 * @property {number} units
 * @property {number} outputs
 * @property {number} duration_s
 * @property {number | null} first_event_s
 * @property {string | null} error
 * @property {Attempt[]} tries
 */

/** @typedef {{rows: RequestRow[], story: {request_id: string, calls: {at_ms: number, call: Call}[], decisions: Decision[]}}} Told */

/**
 * @typedef {object} Step
 * @property {string} id
 * @property {Decision | null} decision Null: not remembered.
 * @property {Attempt | null} attempt Null: there was no account, or the attempt still runs.
 * @property {number} waitsFrom Unix milliseconds; waiting for an account began.
 * @property {number} from The account was chosen.
 * @property {number} to The attempt ended.
 */

/** @typedef {{from: number, to: number, steps: Step[]}} Course Unix milliseconds. */

/**
 * Put decisions and attempts in order.
 *
 * @param {Told} told
 * @returns {Course}
 */
export function course({ rows, story }) {
  const decisions = new Map(story.decisions.map((decision) => [decision.number, decision]));
  const used = new Set();
  /** @type {Step[]} */
  const steps = [];
  for (const { at_ms: end, call } of story.calls) {
    let at = end - call.duration_s * 1000;
    for (const attempt of call.tries) {
      const decision = decisions.get(attempt.decision) ?? null;
      const from = decision?.at_ms ?? at;
      at = from + attempt.duration_s * 1000;
      used.add(attempt.decision);
      steps.push(step(decision, attempt, from, at));
    }
  }
  for (const decision of story.decisions) {
    if (!used.has(decision.number)) steps.push(step(decision, null, decision.at_ms, decision.at_ms));
  }
  steps.sort((one, other) => one.from - other.from);
  const begins = [...rows.map((row) => row.time - row.duration_ms), ...steps.map((each) => each.waitsFrom)];
  const ends = [...rows.map((row) => row.time), ...steps.map((each) => each.to)];
  return { from: Math.min(...begins), to: Math.max(...ends, Math.min(...begins) + 1), steps };
}

/**
 * @param {Decision | null} decision
 * @param {Attempt | null} attempt
 * @param {number} from
 * @param {number} to
 * @returns {Step}
 */
function step(decision, attempt, from, to) {
  const queued = (decision?.queued_s ?? 0) * 1000;
  const id = `${from} ${decision?.number ?? ""} ${attempt?.account ?? ""}`;
  return { id, decision, attempt, waitsFrom: from - queued, from, to };
}

/** Why no account serves until somebody acts, the easiest to mend first. */
const MENDED = ["disabled", "expired"];

/**
 * Tell what to mend where the last choice found no account: one of `MENDED`, or "".
 *
 * @param {Decision[]} decisions
 */
export function causeOf(decisions) {
  const last = decisions.at(-1);
  if (!last || last.chosen) return "";
  return MENDED.find((reason) => last.out[reason] > 0) ?? "";
}

/**
 * Return the row that tells how the client fared: the request's own, which is the oldest.
 *
 * @param {RequestRow[]} rows Newest first.
 * @returns {RequestRow | undefined}
 */
export function mainRow(rows) {
  return rows[rows.length - 1];
}

/**
 * Return the colour of what an attempt came to.
 *
 * @param {Observation} observation
 * @returns {import("../../components/badge.js").Tone}
 */
export function kindTone({ kind }) {
  if (kind === "ok") return "ok";
  if (kind === "cancelled") return "muted";
  return ["quota", "moderation", "not_entitled", "plan", "too_long", "bad_request"].includes(kind) ? "warn" : "bad";
}
