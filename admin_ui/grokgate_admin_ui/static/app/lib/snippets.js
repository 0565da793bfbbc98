// Calls of the routes for clients as text to copy: curl, and the SDKs that speak the route. Pure.

import { filled } from "./snippets-calls.js";
import { toJson } from "./snippets-literals.js";
import { node, python } from "./snippets-sdk.js";

/**
 * @typedef {object} Call
 * @property {string} base The gateway's address without a slash at its end and without `/v1`.
 * @property {string} path As the gateway names it: `/v1/chat/completions`.
 * @property {string} [method] POST unless said.
 * @property {Record<string, unknown> | null} [body] Sent as JSON.
 * @property {Record<string, string> | null} [form] Sent as a form instead; `@photo.png` is a file.
 * @property {boolean} [stream] Ask for the answer piece by piece.
 */

/** @typedef {{id: "curl" | "python" | "node", language: string, code: string}} Snippet */

/** The environment variable that holds the caller's key in every snippet. */
export const KEY = "GROKGATE_KEY";

/**
 * Write a call in every way that can make it; nothing for a WebSocket, which none of them opens.
 *
 * @param {Call} call
 * @returns {Snippet[]}
 */
export function snippets(call) {
  if (call.method === "WEBSOCKET") return [];
  const asked = withStream(call);
  return [
    { id: "curl", language: "bash", code: curl(asked) },
    { id: "python", language: "python", code: python(asked) },
    { id: "node", language: "javascript", code: node(asked) },
  ];
}

/**
 * Say in the body whether a stream is wanted.
 *
 * @param {Call} call
 * @returns {Call}
 */
export function withStream(call) {
  if (call.stream === undefined || !call.body) return call;
  const { stream: _, ...body } = call.body;
  return { ...call, body: call.stream ? { ...body, stream: true } : body };
}

/**
 * Write a call for a POSIX shell. The key comes from the environment, so it is in double quotes;
 * everything else is in single ones.
 *
 * @param {Call} call
 */
export function curl(call) {
  const { method = "POST", body, form } = call;
  const isStream = body?.stream === true;
  const lines = [`curl ${isStream ? "-N " : ""}${quote(address(call))}`];
  if (method !== "GET" && !(method === "POST" && (body || form))) lines[0] += ` -X ${method}`;
  lines.push(`-H "Authorization: Bearer $${KEY}"`);
  if (isMessages(call)) lines.push("-H 'anthropic-version: 2023-06-01'");
  if (form) {
    lines.push(...Object.entries(form).map(([name, value]) => part(name, value)));
  } else if (body) {
    lines.push("-H 'Content-Type: application/json'");
    lines.push(`-d ${quote(toJson(body, 0))}`);
  }
  return lines.join(" \\\n  ");
}

/**
 * A text may begin like a file, so it goes by the option that takes it as it is.
 *
 * @param {string} name
 * @param {string} value
 */
function part(name, value) {
  return `${value.startsWith("@") ? "-F" : "--form-string"} ${quote(`${name}=${value}`)}`;
}

/**
 * Make one word of a POSIX shell of any text.
 *
 * @param {string} text
 */
export function quote(text) {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param {Call} call */
function address({ base, path }) {
  return base.replace(/\/+$/, "") + filled(path);
}

/**
 * Tell whether a call speaks the API of Anthropic.
 *
 * @param {Pick<Call, "path">} call
 */
export function isMessages({ path }) {
  return /^\/v1\/messages(\/|$)/.test(path);
}
