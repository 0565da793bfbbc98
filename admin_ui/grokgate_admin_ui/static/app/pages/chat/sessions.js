// Conversations, kept in this browser. Keys and links of uploads never are.

import { signal } from "../../lib/preact.js";
import { drawer } from "./keeping.js";

/** @typedef {"chat" | "responses"} Kind Which endpoint answers. */

/**
 * @typedef {object} Attachment
 * @property {string} id
 * @property {string} name
 * @property {string} mime
 * @property {number} size Bytes.
 * @property {Blob} blob
 */

/**
 * @typedef {object} Settings
 * @property {string} model Empty: the first one offered.
 * @property {string} system
 * @property {boolean} stream
 * @property {string} effort Empty: not sent.
 * @property {number | null} temperature
 * @property {number | null} topP
 * @property {number | null} maxTokens
 * @property {boolean} stored Responses: continue what the gateway keeps.
 */

/**
 * @typedef {object} Figures What an answer took.
 * @property {number | null} firstMs Until the first piece of it.
 * @property {number | null} durationMs
 * @property {number | null} input Units of text.
 * @property {number | null} output
 * @property {number | null} reasoning
 * @property {string} requestId
 * @property {string} finish
 * @property {string} ignored Fields that had no effect.
 */

/** @typedef {{message: string, code: string, status: number, requestId: string}} Problem */

/**
 * @typedef {object} Question
 * @property {string} id
 * @property {"user"} role
 * @property {string} text
 * @property {Attachment[]} files
 */

/**
 * @typedef {object} Answer
 * @property {string} id
 * @property {"assistant"} role
 * @property {"waiting" | "running" | "done" | "stopped" | "failed"} status
 * @property {string} model
 * @property {string} text
 * @property {string} reasoning
 * @property {number | null} reasoningMs
 * @property {string} responseId
 * @property {{title: string, url: string}[]} sources
 * @property {string[]} pictures Data addresses.
 * @property {Problem | null} problem
 * @property {Figures} figures
 */

/** @typedef {Question | Answer} Turn */

/**
 * @typedef {object} Conversation
 * @property {string} id
 * @property {Kind} kind
 * @property {string} title
 * @property {number} at When it was changed last.
 * @property {Settings} settings
 * @property {Turn[]} turns
 */

/** Between two savings of an answer that grows, milliseconds. */
const SAVE_MS = 1500;
/** Conversations that are kept between visits; the oldest leave first. */
export const MOST_KEPT = 200;
const LONGEST_TITLE = 60;

/** All conversations of one page. */
export class Shelf {
  /** @param {string} name Of the database. */
  constructor(name) {
    /** @type {import("./keeping.js").Drawer<Conversation>} */
    this.drawer = drawer(name);
    this.all = signal(/** @type {Conversation[]} */ ([]));
    this.loaded = signal(false);
    /** Whether this browser did not take what was to be kept last. */
    this.isFull = signal(false);
    /** @type {Map<string, ReturnType<typeof setTimeout>>} */
    this.saving = new Map();
  }

  /** Take out what was kept; an answer that was still growing then has been stopped. */
  async load() {
    if (this.loaded.peek()) return;
    const found = await this.drawer.all().catch(() => []);
    const known = new Set(this.all.peek().map(({ id }) => id));
    const fresh = found.filter(({ id }) => !known.has(id)).sort((one, other) => other.at - one.at);
    for (const { id } of fresh.slice(MOST_KEPT)) this.drawer.remove(id).catch(() => {});
    this.all.value = [...this.all.peek(), ...fresh.slice(0, MOST_KEPT).map(rested)];
    this.loaded.value = true;
  }

  /**
   * @param {string} id
   * @returns {Conversation | undefined}
   */
  find(id) {
    return this.all.value.find((each) => each.id === id);
  }

  /** @param {Conversation} conversation A new one, or one that was removed. */
  add(conversation) {
    this.all.value = [...this.all.peek(), rested(conversation)];
    this.save(conversation.id, true);
  }

  /**
   * Change a conversation that may be gone already.
   *
   * @param {string} id
   * @param {(conversation: Conversation) => Partial<Conversation>} change
   * @param {{soon?: boolean}} [options] Soon: it need not be saved at once, more comes.
   */
  change(id, change, { soon = false } = {}) {
    this.all.value = this.all
      .peek()
      .map((each) => (each.id === id ? { ...each, ...change(each) } : each));
    this.save(id, !soon);
  }

  /**
   * Change one answer.
   *
   * @param {string} id Of the conversation.
   * @param {string} turnId
   * @param {Partial<Answer>} changes
   * @param {{soon?: boolean}} [options]
   */
  answer(id, turnId, changes, options) {
    const turn = (/** @type {Turn} */ each) =>
      each.id === turnId ? /** @type {Answer} */ ({ ...each, ...changes }) : each;
    this.change(id, ({ turns }) => ({ turns: turns.map(turn), at: Date.now() }), options);
  }

  /** @param {string} id */
  remove(id) {
    this.all.value = this.all.peek().filter((each) => each.id !== id);
    clearTimeout(this.saving.get(id));
    this.saving.delete(id);
    this.drawer.remove(id).catch(() => {});
  }

  /**
   * @param {string} id
   * @param {boolean} now
   */
  save(id, now) {
    if (this.saving.has(id) && !now) return;
    clearTimeout(this.saving.get(id));
    const write = () => {
      this.saving.delete(id);
      const found = this.all.peek().find((each) => each.id === id);
      if (!found) return;
      this.drawer.put(found).then(
        () => (this.isFull.value = false),
        () => (this.isFull.value = true),
      );
    };
    if (now) write();
    else this.saving.set(id, setTimeout(write, SAVE_MS));
  }
}

/**
 * Return a conversation as it is once nobody answers it any more.
 *
 * @param {Conversation} kept
 * @returns {Conversation}
 */
export function rested(kept) {
  const turns = kept.turns.map((turn) =>
    turn.role === "assistant" && (turn.status === "waiting" || turn.status === "running")
      ? { ...turn, status: /** @type {const} */ ("stopped") }
      : turn,
  );
  return { ...kept, turns };
}

/**
 * Begin a conversation.
 *
 * @param {Kind} kind
 * @param {Settings} settings
 * @returns {Conversation}
 */
export function newConversation(kind, settings) {
  return { id: newId(), kind, title: "", at: Date.now(), settings, turns: [] };
}

/** Return a name that nothing else in this browser has; also where the page came without https. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Make a title of what was asked first.
 *
 * @param {string} text
 */
export function titleOf(text) {
  const line = text.trim().split("\n", 1)[0].replace(/\s+/g, " ");
  return line.length > LONGEST_TITLE ? `${line.slice(0, LONGEST_TITLE - 1)}…` : line;
}

/**
 * @param {string} model
 * @returns {Answer}
 */
export function newAnswer(model) {
  return {
    id: newId(),
    role: "assistant",
    status: "waiting",
    model,
    text: "",
    reasoning: "",
    reasoningMs: null,
    responseId: "",
    sources: [],
    pictures: [],
    problem: null,
    figures: noFigures(),
  };
}

/** @returns {Figures} */
function noFigures() {
  return {
    firstMs: null,
    durationMs: null,
    input: null,
    output: null,
    reasoning: null,
    requestId: "",
    finish: "",
    ignored: "",
  };
}
