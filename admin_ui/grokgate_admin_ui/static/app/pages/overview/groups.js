// Models by the quota they draw from. Pure.

/** @typedef {import("./types.js").ModelCapacity} ModelCapacity */

/**
 * @typedef {object} Group Models that draw from the same quota; its numbers are those of each.
 * @property {string} id
 * @property {string} bucket What the upstream calls the quota.
 * @property {string[]} pools In alphabetical order.
 * @property {string[]} models
 * @property {string[]} capabilities
 * @property {ModelCapacity} room
 */

/** @type {Record<string, number>} */
const URGENCY = { dry: 0, runs_dry: 1, may_run_dry: 2, unknown: 3, lasts: 3 };

/**
 * Group models, those in trouble first, those without any account last.
 *
 * @param {ModelCapacity[]} models
 * @returns {Group[]}
 */
export function grouped(models) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const room of models) {
    const [upstream, pools, bucket] = room.shares.split("/");
    const names = pools.split("+").sort();
    const id = [upstream, names.join("+"), bucket].join("/");
    const known = groups.get(id) ?? { id, bucket, pools: names, models: [], capabilities: [], room };
    known.models.push(room.model);
    if (!known.capabilities.includes(room.capability)) known.capabilities.push(room.capability);
    groups.set(id, known);
  }
  return [...groups.values()].sort((one, other) => rank(one) - rank(other));
}

/** @param {Group} group */
function rank({ room }) {
  if (!room.accounts) return 9;
  if (!room.candidates) return -1;
  return room.low ? 0 : 1 + (URGENCY[room.forecast.state] ?? 3);
}

/**
 * How a group stands, as a tone.
 *
 * @param {ModelCapacity} room
 * @returns {import("../../components/badge.js").Tone}
 */
export function toneOf(room) {
  if (!room.accounts) return "muted";
  if (!room.candidates) return "bad";
  if (room.low) return "warn";
  return "ok";
}
