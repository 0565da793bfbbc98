// Pictures again and again until it is stopped, and how that fares.

import { signal } from "../../lib/preact.js";
import { onEnd } from "../../lib/session.js";
import { pause } from "../../lib/waiting.js";

/**
 * @typedef {object} Tally
 * @property {boolean} on
 * @property {number} made Pictures.
 * @property {number} active Requests under way.
 * @property {number} requests That ended well.
 * @property {number} totalMs That those took.
 * @property {import("./sessions.js").Problem | null} lastError
 */

/** After an error it waits, longer with each one in a row, and gives up after some. */
const PAUSES_MS = [1500, 3000, 6000, 12_000, 20_000];

/** @returns {Tally} */
function nothing() {
  return { on: false, made: 0, active: 0, requests: 0, totalMs: 0, lastError: null };
}

/** Keeps some requests going. */
export class Continuous {
  constructor() {
    this.tally = signal(nothing());
    this.run = 0;
    onEnd(() => this.stop());
  }

  /**
   * @param {number} workers Requests at once.
   * @param {() => Promise<import("./batches.js").Batch>} make
   */
  start(workers, make) {
    this.run += 1;
    this.tally.value = { ...nothing(), on: true };
    const run = this.run;
    const all = Array.from({ length: workers }, () => this.work(run, make));
    void Promise.all(all).then(() => run === this.run && this.change({ on: false }));
  }

  /** Begin no more; what is under way comes to its end. */
  stop() {
    this.run += 1;
    this.change({ on: false });
  }

  /**
   * @param {number} run
   * @param {() => Promise<import("./batches.js").Batch>} make
   */
  async work(run, make) {
    for (let failures = 0; run === this.run && failures < PAUSES_MS.length; ) {
      this.change({ active: this.tally.peek().active + 1 });
      const { status, tiles, problem, durationMs } = await make();
      const { active, made, requests, totalMs } = this.tally.peek();
      const fine = status === "done";
      this.change({
        active: Math.max(0, active - 1),
        made: made + tiles.filter(({ state }) => state === "done").length,
        requests: requests + (fine ? 1 : 0),
        totalMs: totalMs + (fine ? (durationMs ?? 0) : 0),
        lastError: problem ?? this.tally.peek().lastError,
      });
      if (status === "stopped") return;
      if (!fine) await pause(PAUSES_MS[failures]);
      failures = fine ? 0 : failures + 1;
    }
  }

  /** @param {Partial<Tally>} changes */
  change(changes) {
    this.tally.value = { ...this.tally.peek(), ...changes };
  }
}
