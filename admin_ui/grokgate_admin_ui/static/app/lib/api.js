// Calls of the admin API: the session's cookie goes along by itself, the csrf text by header.

import { url } from "./address.js";
import { readEvents } from "./events.js";
import { ApiError, errorOf, reach, unreachable } from "./refusal.js";
import { askPassword, csrf, lostSession, renewCsrf } from "./session.js";

export { ApiError };

const BASE = "/api/v1/admin";

/** @typedef {{query?: Record<string, unknown>, signal?: AbortSignal, quiet?: boolean,
 *   headers?: Record<string, string>}} Options `quiet`: a 401 does not lead to the login page. */

/**
 * Send a request and return its good reply; asks for the password where the gateway wants it.
 *
 * @param {string} method
 * @param {string} path Below the admin API.
 * @param {unknown} [body] Sent as JSON, FormData as it is.
 * @param {Options} [options]
 * @returns {Promise<Response>}
 */
export async function send(method, path, body, options = {}) {
  let renewed = false;
  for (;;) {
    const reply = await once(method, path, body, options);
    if (reply.ok) return reply;
    const error = await errorOf(reply);
    if (error.code === "csrf_failed" && !renewed) {
      renewed = true;
      await renewCsrf();
    } else if (error.code === "password_required" && (await askPassword(confirmPassword))) {
      continue;
    } else {
      if (reply.status === 401 && !options.quiet) lostSession(error.code === "setup_required" ? "setup" : "out");
      throw error;
    }
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 * @param {Options} options
 */
async function once(method, path, body, { query, signal, headers = {} }) {
  const isForm = body instanceof FormData;
  /** @type {Record<string, string>} */
  const sent = { accept: "application/json", ...headers };
  if (body !== undefined && !isForm) sent["content-type"] = "application/json";
  if (method !== "GET") sent["x-grokgate-csrf"] = csrf();
  return reach(url(BASE + path, query), {
    method,
    headers: sent,
    body: body === undefined || isForm ? body : JSON.stringify(body),
    signal,
    credentials: "same-origin",
  });
}

/** @param {string} password */
async function confirmPassword(password) {
  await send("POST", "/reauth", { password }, { quiet: true });
}

/**
 * @param {string} method
 * @returns {(path: string, body?: unknown, options?: Options) => Promise<any>}
 */
function verb(method) {
  return async (path, body, options) => parsed(await send(method, path, body, options));
}

/** @param {Response} reply */
async function parsed(reply) {
  const text = await reply.text();
  return text ? JSON.parse(text) : null;
}

/** The admin API by its methods; each resolves to the reply's JSON and throws `ApiError`. */
export const api = {
  /**
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  get: async (path, options) => parsed(await send("GET", path, undefined, options)),
  post: verb("POST"),
  patch: verb("PATCH"),
  put: verb("PUT"),
  delete: verb("DELETE"),
  events,
  download,
};

/**
 * Follow a stream of events until it ends or *signal* aborts it; one that breaks off throws too.
 *
 * @param {string} path
 * @param {{onEvent: (data: any, name: string) => void, signal?: AbortSignal, quiet?: boolean}} options
 */
async function events(path, { onEvent, signal, quiet }) {
  const headers = { accept: "text/event-stream" };
  const reply = await send("GET", path, undefined, { signal, quiet, headers });
  await readEvents(reply, (name, data) => onEvent(JSON.parse(data), name), broken);
}

/**
 * Make the error of a stream that ended before its time.
 *
 * @param {unknown} error
 */
export function broken(error) {
  const isOurs = error instanceof DOMException && error.name === "AbortError";
  return isOurs ? error : unreachable();
}

/**
 * Fetch a file and let the browser save it.
 *
 * @param {string} path
 * @param {{method?: string, body?: unknown, query?: Record<string, unknown>, name?: string}} [how]
 *   Without a name the gateway's own is taken.
 */
async function download(path, { method = "GET", body, query, name } = {}) {
  const reply = await send(method, path, body, { query });
  const given = /filename="([^"]+)"/.exec(reply.headers.get("content-disposition") ?? "");
  save(await reply.blob(), name ?? given?.[1] ?? "download");
}

/**
 * Let the browser save something made here.
 *
 * @param {Blob} content
 * @param {string} name
 */
export function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
