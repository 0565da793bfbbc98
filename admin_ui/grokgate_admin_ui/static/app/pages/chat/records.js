// Raw requests and answers of this visit, for "show request". They are in memory alone.

/**
 * @typedef {object} Record
 * @property {string} method
 * @property {string} path
 * @property {any} body Null: none.
 * @property {number} status 0 while there is no answer.
 * @property {string} requestId
 * @property {[string, string][]} headers Of the answer.
 * @property {any} answer What came whole.
 * @property {string[]} events What came piece by piece.
 * @property {number} durationMs
 */

/** Characters of events kept for each answer. */
const MOST = 200_000;
const HEADERS = /^(content-type|x-request-id|retry-after|openai-processing-ms|x-grokgate-.*)$/;

/** @type {Map<string, Record>} */
const kept = new Map();
const MOST_RECORDS = 100;

/**
 * Keep a request that is sent now, without the files in it; what is added to it is shown later.
 *
 * @param {string} id Of what it answers.
 * @param {string} path
 * @param {any} body
 * @param {string} [method]
 * @returns {Record}
 */
export function keepRecord(id, path, body, method = "POST") {
  const record = {
    method,
    path,
    body: shortened(body),
    status: 0,
    requestId: "",
    headers: [],
    answer: null,
    events: [],
    durationMs: 0,
  };
  kept.set(id, record);
  const oldest = kept.keys().next().value;
  if (kept.size > MOST_RECORDS && oldest !== undefined) kept.delete(oldest);
  return record;
}

/**
 * Keep a record under the id of what came of it.
 *
 * @param {string} before
 * @param {string} id
 */
export function renameRecord(before, id) {
  const record = kept.get(before);
  if (record) kept.set(id, record);
  kept.delete(before);
}

/** @param {string} id */
export function recordOf(id) {
  return kept.get(id);
}

/**
 * Note the head of an answer.
 *
 * @param {Record} record
 * @param {import("../../lib/v1.js").Answered} reply
 */
export function noteReply(record, reply) {
  record.status = reply.status;
  record.requestId = reply.requestId;
  record.headers = [...reply.headers].filter(([name]) => HEADERS.test(name));
  if (reply.body !== undefined) record.answer = shortened(reply.body);
}

/**
 * Note what was refused.
 *
 * @param {Record} record
 * @param {unknown} error
 */
export function noteRefusal(record, error) {
  const { status = 0, requestId = "", body = null } = /** @type {any} */ (error) ?? {};
  record.status = status;
  record.requestId ||= requestId;
  if (body) record.answer = shortened(body);
}

/**
 * Return what takes note of events, up to what a page should hold.
 *
 * @param {Record} record
 */
export function eventsOf(record) {
  let room = MOST;
  return (/** @type {any} */ data, /** @type {string} */ name) => {
    if (room <= 0) return;
    const text = `${name ? `event: ${name}\n` : ""}data: ${JSON.stringify(shortened(data))}`;
    room -= text.length;
    record.events.push(room > 0 ? text : "…");
  };
}

/** Characters of a text of base64 that are shown. */
const SHOWN = 64;
const DATA = /^(data:[\w/+.-]+;base64,)?[A-Za-z0-9+/=]{512,}$/;

/**
 * Cut texts that are files, so that the rest can be read.
 *
 * @param {any} value
 * @returns {any}
 */
function shortened(value) {
  if (typeof value === "string") {
    return value.length > 512 && DATA.test(value) ? `${value.slice(0, SHOWN)}… (${value.length})` : value;
  }
  if (Array.isArray(value)) return value.map(shortened);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shortened(each)]));
  }
  return value;
}
