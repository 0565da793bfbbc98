// What went wrong, in words, and where the gateway explains it.

import { CopyButton } from "../../components/button.js";
import { Icon } from "../../components/icon.js";
import { knows, texts } from "../../lib/i18n.js";
import { createContext, html, useContext } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";

const t = texts("chat");

/** Whether the page is that of a visitor, who may not see the operator's pages. */
export const Visiting = createContext(false);

/**
 * The name of a request, to be copied or explained.
 *
 * @param {{id: string, short?: boolean}} props
 */
export function RequestId({ id, short = false }) {
  const visiting = useContext(Visiting);
  const shown = html`<code>${short ? `${id.slice(0, 12)}…` : id}</code>`;
  if (visiting) return html`<span class="request-id">${shown}<${CopyButton}
    text=${id}
    label=${t("copy_id")}
  /></span>`;
  return html`<span class="request-id">
    <${Link}
      to="/admin/datacenter"
      query=${{ view: "requests", request: id }}
      title=${t("explain_title")}
    >${shown}<//>
    <${CopyButton} text=${id} label=${t("copy_id")} />
  </span>`;
}

/**
 * Return what went wrong in words.
 *
 * @param {Pick<import("./sessions.js").Problem, "code" | "message">} problem
 */
export function problemWords({ code, message }) {
  return code === "unreachable" ? t("unreachable") : message || t("problem_unknown");
}

/**
 * An error of the API: its words, its code, its request.
 *
 * @param {{problem: import("./sessions.js").Problem, children?: unknown}} props Children: what can
 *   be done about it.
 */
export function ProblemBox({ problem, children }) {
  const visiting = useContext(Visiting);
  const { code, status, requestId } = problem;
  const hint = code && knows("chat", `problem_${code}`) ? t(`problem_${code}`) : "";
  return html`<div class="problem" role="alert">
    <span class="problem-icon"><${Icon} name="alert" size=${18} /></span>
    <div class="problem-words">
      <p class="problem-message">${problemWords(problem)}</p>
      ${hint && html`<p>${hint}</p>`}
      <p class="problem-facts">
        ${status > 0 && html`<span>HTTP ${status}</span>`}
        ${code && code !== "unreachable" && html`<code>${code}</code>`}
        ${requestId && html`<${RequestId} id=${requestId} short />`}
        ${requestId &&
        !visiting &&
        html`<${Link}
          to="/admin/datacenter"
          query=${{ view: "requests", request: requestId }}
        >${t("explain")}<//>`}
      </p>
    </div>
    ${children && html`<div class="problem-actions">${children}</div>`}
  </div>`;
}
