// On which page a fault is mended.

/**
 * @param {string} path
 * @param {Record<string, string>} query
 */
export function at(path, query) {
  return `${path}?${new URLSearchParams(query)}`;
}

/** @param {Record<string, string>} query Which accounts. */
export const tokens = (query) => at("/admin/token", query);

/** @param {string} key Of the setting, or the beginning of several. */
export const setting = (key) => at("/admin/config", { q: key });

/** @type {Record<string, string>} */
const REMEDIES = {
  no_tokens_configured: "/admin/token",
  rate_limit_exceeded: tokens({ status: "cooling" }),
  nsfw_not_entitled: tokens({ tag: "no nsfw" }),
  daily_quota_exceeded: "/admin/keys?status=exhausted",
  invalid_api_key: "/admin/keys",
  endpoint_not_allowed: "/admin/keys",
  model_not_allowed: "/admin/keys",
  ip_not_allowed: "/admin/keys",
  model_not_found: "/admin/models",
  model_not_supported: "/admin/models",
  endpoint_disabled: "/admin/downstream",
  overloaded: setting("max_inflight"),
  request_too_large: setting("limits"),
  file_too_large: setting("limits.file_mb"),
  upstream_blocked: setting("proxy"),
  upstream_timeout: setting("timeout"),
  storage_unavailable: "/admin/datacenter?view=logs",
  runtime_store_unavailable: "/admin/datacenter?view=logs",
  internal_error: "/admin/plugins",
};

/**
 * The page on which a cause of failures is mended; undefined where no page can.
 *
 * @param {string} error
 * @returns {string | undefined}
 */
export function remedy(error) {
  return REMEDIES[error];
}
