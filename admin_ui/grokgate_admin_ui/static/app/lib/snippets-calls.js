// Which function of which SDK makes a call, and an example body for each route. Pure.

/** @typedef {import("./snippets.js").Call} Call */
/** @typedef {{python: string, node: string}} Both */

/**
 * A function of an SDK.
 *
 * @typedef {object} SdkFunction
 * @property {string} python Its name on the client.
 * @property {string} node
 * @property {string} [takes] Arguments that the Python function knows; others go to `extra_body`.
 * @property {Both} [shown] What to print of the reply.
 * @property {Both} [piece] What to do with one event of a stream.
 */

/**
 * @typedef {object} ClientCall
 * @property {"openai" | "anthropic"} sdk
 * @property {SdkFunction | null} call Null: the SDK has no function for the route.
 * @property {string[]} ids What stands for the braces in the path.
 * @property {string} path Below the client's base address.
 */

const CHAT =
  "messages model frequency_penalty logprobs max_completion_tokens max_tokens metadata modalities " +
  "n parallel_tool_calls presence_penalty reasoning_effort response_format seed service_tier stop " +
  "store stream stream_options temperature tool_choice tools top_logprobs top_p user";
const RESPONSES =
  "background include input instructions max_output_tokens metadata model parallel_tool_calls " +
  "previous_response_id prompt reasoning service_tier store stream temperature text tool_choice " +
  "tools top_logprobs top_p truncation user";
const IMAGE = "prompt model n size quality response_format stream partial_images background user";
/** Without those that version 2 of the SDK left out: temperature, top_k, top_p. */
const MESSAGES =
  "max_tokens messages model metadata service_tier stop_sequences stream system thinking " +
  "tool_choice tools";
const INPUT_TOKENS =
  "input instructions model parallel_tool_calls previous_response_id reasoning text tool_choice " +
  "tools truncation";

/** @type {Record<string, SdkFunction>} */
const FUNCTIONS = {
  "POST /v1/chat/completions": {
    python: "chat.completions.create",
    node: "chat.completions.create",
    takes: CHAT,
    shown: both("reply.choices[0].message.content"),
    piece: {
      python: 'print(event.choices[0].delta.content or "", end="")',
      node: 'process.stdout.write(event.choices[0].delta.content ?? "")',
    },
  },
  "POST /v1/responses": {
    python: "responses.create",
    node: "responses.create",
    takes: RESPONSES,
    shown: both("reply.output_text"),
    piece: {
      python: 'if event.type == "response.output_text.delta":\n        print(event.delta, end="")',
      node: 'if (event.type === "response.output_text.delta") process.stdout.write(event.delta)',
    },
  },
  "GET /v1/responses/{}": same("responses.retrieve"),
  "DELETE /v1/responses/{}": same("responses.delete"),
  "POST /v1/responses/{}/cancel": same("responses.cancel"),
  "GET /v1/responses/{}/input_items": {
    python: "responses.input_items.list",
    node: "responses.inputItems.list",
  },
  "POST /v1/responses/input_tokens": {
    python: "responses.input_tokens.count",
    node: "responses.inputTokens.count",
    takes: INPUT_TOKENS,
  },
  "POST /v1/messages": {
    ...same("messages.create", MESSAGES),
    shown: both("reply.content[0].text"),
    piece: {
      python: 'if event.type == "content_block_delta":\n        print(event.delta)',
      node: 'if (event.type === "content_block_delta") console.log(event.delta)',
    },
  },
  "POST /v1/messages/count_tokens": {
    python: "messages.count_tokens",
    node: "messages.countTokens",
    takes: "messages model system thinking tool_choice tools",
  },
  "POST /v1/images/generations": { ...same("images.generate", IMAGE), shown: both("reply.data[0].url") },
  "POST /v1/images/edits": { ...same("images.edit"), shown: both("reply.data[0].url") },
  "POST /v1/images/variations": {
    python: "images.create_variation",
    node: "images.createVariation",
    shown: both("reply.data[0].url"),
  },
  "POST /v1/videos": same("videos.create", "prompt model seconds size input_reference"),
  "GET /v1/videos": same("videos.list"),
  "GET /v1/videos/{}": same("videos.retrieve"),
  "DELETE /v1/videos/{}": same("videos.delete"),
  "POST /v1/videos/{}/remix": same("videos.remix", "prompt"),
  "GET /v1/models": same("models.list"),
  "GET /v1/models/{}": same("models.retrieve"),
  "POST /v1/files": same("files.create"),
  "GET /v1/files": same("files.list"),
  "GET /v1/files/{}": same("files.retrieve"),
  "DELETE /v1/files/{}": same("files.delete"),
};

/** Return every function that snippets are written with, and the SDK that it is of. */
export function sdkFunctions() {
  return Object.entries(FUNCTIONS).map(([route, call]) => ({
    ...call,
    sdk: sdkOf(route.slice(route.indexOf("/"))),
  }));
}

/**
 * @param {string} path
 * @returns {"openai" | "anthropic"}
 */
function sdkOf(path) {
  return /^\/v1\/messages(\/|$)/.test(path) ? "anthropic" : "openai";
}

/**
 * @param {string} name
 * @param {string} [takes]
 * @returns {SdkFunction}
 */
function same(name, takes) {
  return { python: name, node: name, takes };
}

/**
 * @param {string} text
 * @returns {Both}
 */
function both(text) {
  return { python: text, node: text };
}

/**
 * Find how an SDK makes a call.
 *
 * @param {Call} call
 * @returns {ClientCall}
 */
export function clientCall({ path, method = "POST" }) {
  const bare = path.replace(/\{[^}]*\}/g, "{}");
  const sdk = sdkOf(path);
  return {
    sdk,
    call: FUNCTIONS[`${method} ${bare}`] ?? null,
    ids: [...path.matchAll(/\{([^}]*)\}/g)].map((found) => found[1].toUpperCase()),
    path: filled(sdk === "openai" ? path.replace(/^\/v1(?=\/)/, "") : path),
  };
}

/**
 * Put words to fill in where a path has braces, which curl would take for a list.
 *
 * @param {string} path
 */
export function filled(path) {
  return path.replace(/\{([^}]*)\}/g, (_, name) => name.toUpperCase());
}

/**
 * Tell whether the Python function of a call has an argument of that name.
 *
 * @param {ClientCall} way
 * @param {string} name
 */
export function isForPython(way, name) {
  return Boolean(way.call?.takes?.split(" ").includes(name));
}

/**
 * Return what to send to a route to see it work; null for one that takes no body, or is unknown.
 *
 * @param {string} method
 * @param {string} path
 * @param {{model?: string, imageModel?: string, videoModel?: string, prompt?: string}} [words]
 *   Models that can answer; what is asked.
 * @returns {{body?: Record<string, unknown>, form?: Record<string, string>} | null}
 */
export function example(method, path, words = {}) {
  const { model = "grok-4", prompt = "Say hello" } = words;
  const { imageModel = "grok-imagine-1.0", videoModel = "grok-imagine-1.0-video" } = words;
  const messages = [{ role: "user", content: prompt }];
  /** @type {Record<string, {body?: Record<string, unknown>, form?: Record<string, string>}>} */
  const examples = {
    "/v1/chat/completions": { body: { model, messages } },
    "/v1/responses": { body: { model, input: prompt } },
    "/v1/responses/input_tokens": { body: { model, input: prompt } },
    "/v1/responses/compact": { body: { model, input: prompt } },
    "/v1/messages": { body: { model, max_tokens: 1000, messages } },
    "/v1/messages/count_tokens": { body: { model, messages } },
    "/v1/images/generations": { body: { model: imageModel, prompt } },
    "/v1/images/generations/nsfw": { body: { prompt } },
    "/v1/images/edits": { form: { image: "@photo.png", prompt } },
    "/v1/images/variations": { form: { image: "@photo.png" } },
    "/v1/videos": { body: { model: videoModel, prompt } },
    "/v1/videos/generations": { body: { model: videoModel, prompt } },
    "/v1/videos/extensions": { body: { prompt, video: { id: "VIDEO_ID" } } },
    "/v1/video/extend": { body: { prompt, reference_id: "VIDEO_ID" } },
    "/v1/videos/{}/remix": { body: { prompt } },
    "/v1/files": { form: { file: "@photo.png", purpose: "vision" } },
    "/v1/uploads/image": { form: { file: "@photo.png" } },
  };
  return method === "POST" ? (examples[path.replace(/\{[^}]*\}/g, "{}")] ?? null) : null;
}
