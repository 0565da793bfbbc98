// Which page shows what an id names. Pure.

/** @typedef {{kind: "request" | "account" | "key" | "job", id: string, to: string,
 *   query: Record<string, string>}} Found */

/**
 * Tell what a text may be the id of.
 *
 * @param {string} text
 * @returns {Found | null}
 */
export function recordOf(text) {
  const id = text.trim();
  if (/^req_[0-9a-f]{6,}$/i.test(id)) {
    return { kind: "request", id, to: "/admin/datacenter", query: { view: "requests", request: id } };
  }
  if (/^tok_\w{4,}$/.test(id)) return { kind: "account", id, to: "/admin/token", query: { open: id } };
  if (/^key_\w{4,}$/.test(id)) return { kind: "key", id, to: "/admin/keys", query: { q: id } };
  if (/^job_\w{4,}$/.test(id)) return { kind: "job", id, to: "/admin/jobs", query: { job: id } };
  return null;
}
