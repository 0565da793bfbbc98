// Reads answers: whole ones, and the events of those that come piece by piece. Pure.

/** @typedef {import("./sessions.js").Answer} Answer */
/** @typedef {import("./sessions.js").Problem} Problem */

/**
 * What has been read of an answer so far.
 *
 * @typedef {object} Read
 * @property {string} text
 * @property {string} reasoning
 * @property {string} responseId
 * @property {string} finish
 * @property {{title: string, url: string}[]} sources
 * @property {string[]} pictures
 * @property {{input: number, output: number, reasoning: number} | null} usage
 * @property {Problem | null} problem
 */

/** @returns {Read} */
export function nothingRead() {
  return {
    text: "",
    reasoning: "",
    responseId: "",
    finish: "",
    sources: [],
    pictures: [],
    usage: null,
    problem: null,
  };
}

/**
 * Read one event of a stream into *read*.
 *
 * @param {import("./sessions.js").Kind} kind
 * @param {Read} read
 * @param {any} event
 */
export function readEvent(kind, read, event) {
  if (event.error) read.problem = problem(event.error);
  else if (kind === "chat") readChunk(read, event);
  else readResponseEvent(read, event);
}

/**
 * @param {Read} read
 * @param {any} chunk
 */
function readChunk(read, chunk) {
  if (chunk.usage) read.usage = chatUsage(chunk.usage);
  const choice = chunk.choices?.[0];
  if (!choice) return;
  const { content, reasoning_content: reasoning, annotations, search_sources } = choice.delta ?? {};
  read.text += content ?? "";
  read.reasoning += reasoning ?? "";
  if (annotations || search_sources) read.sources = sources(annotations, search_sources);
  if (choice.finish_reason) read.finish = choice.finish_reason;
}

/**
 * @param {Read} read
 * @param {any} event
 */
function readResponseEvent(read, event) {
  switch (event.type) {
    case "response.created":
      read.responseId = event.response.id;
      break;
    case "response.output_text.delta":
    case "response.refusal.delta":
      read.text += event.delta;
      break;
    case "response.reasoning_summary_text.delta":
    case "response.reasoning_text.delta":
      read.reasoning += event.delta;
      break;
    case "response.completed":
    case "response.incomplete":
    case "response.failed":
      endOfResponse(read, event.response);
      break;
  }
}

/**
 * @param {Read} read
 * @param {any} response
 */
function endOfResponse(read, response) {
  read.responseId = response.id;
  read.finish = response.incomplete_details?.reason ?? response.status;
  if (response.usage) {
    const { input_tokens: input, output_tokens: output, output_tokens_details: details } = response.usage;
    read.usage = { input, output, reasoning: details?.reasoning_tokens ?? 0 };
  }
  const content = (response.output ?? []).flatMap((/** @type {any} */ item) => item.content ?? []);
  read.sources = sources(content.flatMap((/** @type {any} */ part) => part.annotations ?? []));
  read.pictures = (response.output ?? [])
    .filter((/** @type {any} */ item) => item.type === "image_generation_call" && item.result)
    .map((/** @type {any} */ item) => `data:image/jpeg;base64,${item.result}`);
  if (response.error && !read.problem) read.problem = problem(response.error);
}

/**
 * Read an answer that came whole.
 *
 * @param {import("./sessions.js").Kind} kind
 * @param {any} body
 * @returns {Read}
 */
export function readWhole(kind, body) {
  const read = nothingRead();
  if (kind === "chat") {
    const { message, finish_reason: finish } = body.choices[0];
    read.text = message.content ?? message.refusal ?? "";
    read.reasoning = message.reasoning_content ?? "";
    read.finish = finish;
    read.sources = sources(message.annotations, message.search_sources);
    read.usage = chatUsage(body.usage);
    return read;
  }
  for (const item of body.output ?? []) {
    if (item.type === "message") read.text += item.content.map(words).join("");
    if (item.type === "reasoning") read.reasoning += (item.summary ?? []).map(words).join("\n");
  }
  endOfResponse(read, body);
  return read;
}

/** @param {{text?: string, refusal?: string}} part */
function words(part) {
  return part.text ?? part.refusal ?? "";
}

/** @param {any} usage */
function chatUsage(usage) {
  return {
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
    reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}

/**
 * @param {any[] | null} [annotations]
 * @param {any[] | null} [looked]
 * @returns {{title: string, url: string}[]} Each address once.
 */
function sources(annotations, looked) {
  const found = [...(annotations ?? []).map((each) => each.url_citation ?? each), ...(looked ?? [])];
  const named = found.filter((each) => /^https?:\/\//.test(each?.url ?? ""));
  const byUrl = new Map(named.map(({ title, url }) => [url, { title: title || url, url }]));
  return [...byUrl.values()];
}

/**
 * @param {any} told
 * @returns {Problem}
 */
function problem(told) {
  return { message: told.message ?? "", code: told.code ?? told.type ?? "", status: 0, requestId: "" };
}
