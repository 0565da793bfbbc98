// What a good admin password is, as far as a page can tell; the gateway decides.

import { Icon } from "../../components/icon.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";

const t = texts("setup");

const SHORTEST = 12;
const WELL_KNOWN = ["grok2api", "admin", "password", "grokgate", "grok"];

/** @typedef {{id: "length" | "known" | "same", kept: boolean}} Rule */

/**
 * Judge a password and its repetition.
 *
 * @param {string} password
 * @param {string} again
 * @returns {Rule[]}
 */
export function judge(password, again) {
  return [
    { id: "length", kept: [...password].length >= SHORTEST },
    { id: "known", kept: password !== "" && !WELL_KNOWN.includes(password.trim().toLowerCase()) },
    { id: "same", kept: password !== "" && password === again },
  ];
}

/** @param {{rules: Rule[]}} props */
export function Rules({ rules }) {
  return html`<ul class="rules small" role="list" aria-label=${t("rules")}>
    ${rules.map(
      ({ id, kept }) =>
        html`<li key=${id} class=${kept ? "rule rule-kept" : "rule"}>
          <${Icon} name=${kept ? "check" : "more"} size=${16} />
          <span>
            ${t(`rule_${id}`, { count: SHORTEST })}
            <span class="visually-hidden">${kept ? t("rule_kept") : t("rule_open")}</span>
            ${id === "length" && !kept && html`<span class="muted"> ${t("rule_loopback")}</span>`}
          </span>
        </li>`,
    )}
  </ul>`;
}
