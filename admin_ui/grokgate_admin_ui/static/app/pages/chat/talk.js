// Requests for an answer and the reading of one, in the forms of both endpoints. Pure.

import { isPicture } from "./uploads.js";

/** @typedef {import("./sessions.js").Answer} Answer */
/** @typedef {import("./sessions.js").Attachment} Attachment */
/** @typedef {import("./sessions.js").Conversation} Conversation */
/** @typedef {import("./sessions.js").Question} Question */
/** @typedef {import("./sessions.js").Turn} Turn */
/** @typedef {import("./uploads.js").Uploaded} Uploaded */
/** @typedef {Map<string, Uploaded>} Uploads By the attachment's id. */

export const PATHS = /** @type {const} */ ({
  chat: "/v1/chat/completions",
  responses: "/v1/responses",
});

/**
 * Make the body that asks for an answer to *turns*.
 *
 * @param {Pick<Conversation, "kind" | "settings">} conversation
 * @param {Turn[]} turns The last one is a question.
 * @param {Uploads} uploads
 * @param {string} model
 */
export function bodyOf({ kind, settings }, turns, uploads, model) {
  const body = kind === "chat" ? chatBody(settings, turns, uploads) : responsesBody(settings, turns, uploads);
  return present({
    model,
    ...body,
    temperature: settings.temperature,
    top_p: settings.topP,
    stream: settings.stream || null,
  });
}

/**
 * Return the files that a request needs.
 *
 * @param {Turn[]} turns
 * @returns {Attachment[]}
 */
export function filesOf(turns) {
  return turns.flatMap((turn) => (turn.role === "user" ? turn.files : []));
}

/**
 * Leave out what was not chosen.
 *
 * @param {Record<string, unknown>} body
 */
export function present(body) {
  const isChosen = (/** @type {unknown} */ value) => ![null, undefined, ""].includes(/** @type {any} */ (value));
  return Object.fromEntries(Object.entries(body).filter(([, value]) => isChosen(value)));
}

/**
 * @param {import("./sessions.js").Settings} settings
 * @param {Turn[]} turns
 * @param {Uploads} uploads
 */
function chatBody(settings, turns, uploads) {
  const spoken = turns.filter(isSaid).map((turn) => ({
    role: turn.role,
    content: turn.role === "assistant" ? turn.text : chatContent(turn, uploads),
  }));
  const system = settings.system.trim() ? [{ role: "system", content: settings.system }] : [];
  return {
    messages: [...system, ...spoken],
    reasoning_effort: settings.effort,
    max_completion_tokens: settings.maxTokens,
    stream_options: settings.stream ? { include_usage: true } : null,
  };
}

/**
 * @param {Question} turn
 * @param {Uploads} uploads
 */
function chatContent({ text, files }, uploads) {
  if (!files.length) return text;
  const parts = files.map((file) => {
    const found = /** @type {Uploaded} */ (uploads.get(file.id));
    if ("fileId" in found) return { type: "file", file: { file_id: found.fileId } };
    if (isPicture(file)) return { type: "image_url", image_url: { url: found.address } };
    return { type: "file", file: { filename: file.name, file_data: found.address } };
  });
  return [...(text ? [{ type: "text", text }] : []), ...parts];
}

/**
 * @param {import("./sessions.js").Settings} settings
 * @param {Turn[]} turns
 * @param {Uploads} uploads
 */
function responsesBody(settings, turns, uploads) {
  const before = settings.stored ? turns.findLast(isKept) : undefined;
  const fresh = before ? turns.slice(turns.indexOf(before) + 1) : turns;
  return {
    input: fresh.filter(isSaid).map((turn) => ({
      role: turn.role,
      content: turn.role === "assistant" ? turn.text : responsesContent(turn, uploads),
    })),
    instructions: settings.system.trim() ? settings.system : null,
    previous_response_id: before?.responseId,
    reasoning: settings.effort ? { effort: settings.effort } : null,
    max_output_tokens: settings.maxTokens,
    store: settings.stored ? null : false,
  };
}

/**
 * @param {Question} turn
 * @param {Uploads} uploads
 */
function responsesContent({ text, files }, uploads) {
  if (!files.length) return text;
  const parts = files.map((file) => {
    const found = /** @type {Uploaded} */ (uploads.get(file.id));
    if (isPicture(file)) {
      return "fileId" in found
        ? { type: "input_image", file_id: found.fileId }
        : { type: "input_image", image_url: found.address };
    }
    return "fileId" in found
      ? { type: "input_file", file_id: found.fileId }
      : { type: "input_file", filename: file.name, file_data: found.address };
  });
  return [...(text ? [{ type: "input_text", text }] : []), ...parts];
}

/**
 * @param {Turn} turn
 * @returns {turn is Answer}
 */
function isKept(turn) {
  return turn.role === "assistant" && turn.status === "done" && Boolean(turn.responseId);
}

/** @param {Turn} turn An answer without a word is nothing the model could be told. */
function isSaid(turn) {
  return turn.role === "user" || Boolean(turn.text);
}
