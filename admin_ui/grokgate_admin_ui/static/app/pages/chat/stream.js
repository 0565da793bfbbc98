// Asks for answers and follows them; they go on while other pages are looked at.

import { ApiError } from "../../lib/api.js";
import { signal } from "../../lib/preact.js";
import { onEnd } from "../../lib/session.js";
import { v1 } from "../../lib/v1.js";
import { nothingRead, readEvent, readWhole } from "./reading.js";
import { eventsOf, keepRecord, noteRefusal, noteReply } from "./records.js";
import { newAnswer } from "./sessions.js";
import { bodyOf, filesOf, PATHS } from "./talk.js";
import { uploaded } from "./uploads.js";

/** @typedef {import("./sessions.js").Answer} Answer */
/** @typedef {import("./sessions.js").Shelf} Shelf */

/** Between two drawings of an answer that grows, milliseconds. */
const DRAW_MS = 40;

/** Conversations that are being answered. */
export const running = signal(/** @type {ReadonlyMap<string, AbortController>} */ (new Map()));

onEnd(() => running.peek().forEach((control) => control.abort()));

/**
 * Stop the answer of a conversation.
 *
 * @param {string} id
 */
export function stop(id) {
  running.peek().get(id)?.abort();
}

/**
 * Answer the last question of a conversation. What goes wrong stands in the answer.
 *
 * @param {Shelf} shelf
 * @param {string} id
 */
export async function answer(shelf, id) {
  const asked = shelf.all.peek().find((each) => each.id === id);
  if (!asked || running.peek().has(id)) return;
  const fresh = newAnswer(asked.settings.model);
  shelf.change(id, ({ turns }) => ({ turns: [...turns, fresh], at: Date.now() }));
  const control = new AbortController();
  running.value = new Map([...running.peek(), [id, control]]);
  const run = new Run(shelf, asked, fresh, control.signal);
  try {
    await run.whole();
    run.end(run.read.problem ? "failed" : "done");
  } catch (error) {
    run.broke(error);
  } finally {
    running.value = new Map([...running.peek()].filter(([each]) => each !== id));
  }
}

/** One answer while it is made. */
class Run {
  /**
   * @param {Shelf} shelf
   * @param {import("./sessions.js").Conversation} asked As it was before the answer.
   * @param {Answer} turn
   * @param {AbortSignal} signal
   */
  constructor(shelf, asked, turn, signal) {
    this.shelf = shelf;
    this.asked = asked;
    this.turn = turn;
    this.signal = signal;
    this.read = nothingRead();
    this.began = performance.now();
    this.firstMs = /** @type {number | null} */ (null);
    this.reasonedMs = /** @type {number | null} */ (null);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.drawing = undefined;
    /** @type {import("./records.js").Record | null} */
    this.record = null;
    this.ignored = "";
  }

  /** Make the request, and read its answer to the end. */
  async whole() {
    const { kind, settings, turns } = this.asked;
    const files = filesOf(turns);
    const found = await unless(this.signal, Promise.all(files.map((file) => uploaded(file))));
    const uploads = new Map(files.map((file, at) => [file.id, found[at]]));
    const body = bodyOf(this.asked, turns, uploads, settings.model);
    this.began = performance.now();
    const record = keepRecord(this.turn.id, PATHS[kind], body);
    this.record = record;
    if (settings.stream) {
      const note = eventsOf(record);
      await v1.stream(PATHS[kind], body, {
        signal: this.signal,
        onHead: (reply) => this.head(reply),
        onEvent: (data, name) => {
          note(data, name);
          this.event(data);
        },
      });
      return;
    }
    const reply = await v1.post(PATHS[kind], body, { signal: this.signal });
    this.head(reply);
    this.read = readWhole(kind, reply.body);
  }

  /** @param {import("../../lib/v1.js").Answered} reply */
  head(reply) {
    if (this.record) noteReply(this.record, reply);
    this.ignored = reply.headers.get("x-grokgate-ignored") ?? "";
  }

  /** @param {any} event */
  event(event) {
    readEvent(this.asked.kind, this.read, event);
    const { text, reasoning } = this.read;
    const passed = performance.now() - this.began;
    if (this.firstMs === null && (text || reasoning)) this.firstMs = passed;
    if (this.reasonedMs === null && text && reasoning) this.reasonedMs = passed - (this.firstMs ?? 0);
    this.drawing ??= setTimeout(() => {
      this.drawing = undefined;
      this.draw("running", true);
    }, DRAW_MS);
  }

  /**
   * @param {Answer["status"]} status
   * @param {boolean} [soon]
   */
  draw(status, soon = false) {
    const { text, reasoning, responseId, sources, pictures, problem, usage, finish } = this.read;
    const requestId = this.record?.requestId ?? "";
    const figures = {
      firstMs: this.firstMs,
      durationMs: status === "running" ? null : performance.now() - this.began,
      input: usage?.input ?? null,
      output: usage?.output ?? null,
      reasoning: usage?.reasoning ?? null,
      requestId,
      finish,
      ignored: this.ignored,
    };
    const told = problem && { ...problem, requestId: problem.requestId || requestId };
    const changes = { status, text, reasoning, responseId, sources, pictures, figures, problem: told };
    const reasoningMs = this.reasonedMs;
    this.shelf.answer(this.asked.id, this.turn.id, { ...changes, reasoningMs }, { soon });
  }

  /** @param {Answer["status"]} status */
  end(status) {
    clearTimeout(this.drawing);
    this.drawing = undefined;
    if (this.record) this.record.durationMs = performance.now() - this.began;
    if (this.reasonedMs === null && this.read.reasoning && this.firstMs !== null) {
      this.reasonedMs = performance.now() - this.began - this.firstMs;
    }
    this.draw(status);
  }

  /** @param {unknown} error */
  broke(error) {
    if (this.signal.aborted) {
      this.end("stopped");
      return;
    }
    if (this.record) noteRefusal(this.record, error);
    this.read.problem = problemOf(error);
    this.end("failed");
  }
}

/**
 * Wait for something that may go on without being waited for.
 *
 * @template T
 * @param {AbortSignal} aborted
 * @param {Promise<T>} coming
 * @returns {Promise<T>}
 */
function unless(aborted, coming) {
  const left = new Promise((/** @type {(none: never) => void} */ _, reject) =>
    aborted.addEventListener("abort", () => reject(aborted.reason), { once: true }),
  );
  return Promise.race([coming, left]);
}

/**
 * Put an error into the form that answers keep.
 *
 * @param {unknown} error
 * @returns {import("./sessions.js").Problem}
 */
export function problemOf(error) {
  if (error instanceof ApiError) {
    const { message, code, status, requestId } = error;
    return { message, code, status, requestId };
  }
  const { message = "", code = "" } = /** @type {any} */ (error) ?? {};
  return { message, code, status: 0, requestId: "" };
}
