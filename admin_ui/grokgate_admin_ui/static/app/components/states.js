// What a page shows while there is nothing to show: it loads, it is empty, it failed.

import { texts } from "../lib/i18n.js";
import { detailsOf, isMishap } from "../lib/mishap.js";
import { html } from "../lib/preact.js";
import { Button, CopyButton } from "./button.js";
import { Icon } from "./icon.js";

const t = texts("common");

/**
 * Grey shapes where content will be.
 *
 * @param {{kind?: "page" | "table" | "cards" | "text", rows?: number}} props
 */
export function Loading({ kind = "text", rows = 6 }) {
  const shapes = Array.from({ length: rows }, (_, index) => index);
  return html`<div class=${`loading loading-${kind}`} role="status">
    <span class="visually-hidden">${t("loading")}</span>
    ${shapes.map((index) => html`<span class="skeleton" key=${index} aria-hidden="true"></span>`)}
  </div>`;
}

/**
 * Nothing is here yet, and what to do about it.
 *
 * @param {{icon?: string, title: unknown, children?: unknown, action?: unknown}} props
 */
export function Empty({ icon = "box", title, children, action }) {
  return html`<div class="empty">
    <span class="empty-icon"><${Icon} name=${icon} size=${28} /></span>
    <p class="empty-title">${title}</p>
    ${children && html`<p class="muted">${children}</p>`} ${action}
  </div>`;
}

/**
 * Something went wrong, and how to go on. Where the gateway has newer pages, these are loaded.
 *
 * @param {{error: unknown, onRetry?: () => unknown}} props
 */
export function Failure({ error, onRetry }) {
  const { requestId, code } = /** @type {{requestId?: string, code?: string}} */ (error ?? {});
  const isStale = code === "stale";
  return html`<div class="failure" role="alert">
    <span class="failure-icon"><${Icon} name="alert" size=${24} /></span>
    <div class="failure-words">
      <p class="failure-title">${messageOf(error)}</p>
      ${requestId &&
      html`<p class="muted small row">
        <code>${requestId}</code><${CopyButton} text=${requestId} label=${t("copy_request_id")} />
      </p>`}
      ${isMishap(error) && html`<${CopyButton} text=${detailsOf(error)}>${t("copy_details")}<//>`}
    </div>
    ${(onRetry || isStale) &&
    html`<${Button} icon="refresh" onClick=${isStale ? () => location.reload() : onRetry}>
      ${isStale ? t("reload_page") : t("retry")}
    <//>`}
  </div>`;
}

/**
 * Say what went wrong in the operator's language where the page knows how.
 *
 * @param {unknown} error
 */
export function messageOf(error) {
  if (isMishap(error)) return t("mishap");
  const { code, message } = /** @type {{code?: string, message?: string}} */ (error ?? {});
  if (code === "unreachable" || code === "stale" || code === "mishap") return t(code);
  return message ?? String(error);
}

/**
 * Show what was loaded, or why it is not there.
 *
 * @template T
 * @param {{state: import("../lib/poll.js").Load<T>, kind?: "page" | "table" | "cards" | "text",
 *   rows?: number, isEmpty?: (data: T) => boolean, empty?: unknown,
 *   children: (data: T) => unknown}} props
 */
export function Loaded({ state, kind, rows, isEmpty, empty, children }) {
  const { data, error, loading, reload } = state;
  if (data === undefined) {
    if (error && !loading) return html`<${Failure} error=${error} onRetry=${reload} />`;
    return html`<${Loading} kind=${kind} rows=${rows} />`;
  }
  const stale = error ? html`<${Failure} error=${error} onRetry=${reload} />` : null;
  if (isEmpty?.(data)) return html`${stale}${empty}`;
  return html`${stale}${children(data)}`;
}
