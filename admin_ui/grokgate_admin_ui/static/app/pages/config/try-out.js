// Tries out what is set: proxies, the cookie, fingerprints, webhooks (F-UI-52).

import { Badge } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Icon } from "../../components/icon.js";
import { Menu } from "../../components/menu.js";
import { Failure, Loading } from "../../components/states.js";
import { language, texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";

const t = texts("config");

/** @typedef {{code: string, level: "ok" | "note" | "attention", subject: string,
 *   text: import("./records.js").Words, remedy: import("./records.js").Words}} Finding */
/** @typedef {{kind: string, value?: string, reply?: {ok: boolean, findings: Finding[]}, error?: unknown}} Trial */

/** Section → what can be tried of it. */
const OF_SECTION = /** @type {Record<string, string[]>} */ ({
  grok: ["proxy", "cookie", "fingerprint"],
  webhooks: ["webhook"],
});
/** Setting → what can be tried with a value of it that is not saved yet. */
const OF_VALUE = /** @type {Record<string, string>} */ ({
  "grok.base_proxy_url": "proxy",
  "grok.asset_proxy_url": "proxy",
  "grok.impersonate": "fingerprint",
  "grok.impersonate_usage": "fingerprint",
  "grok.impersonate_nsfw": "fingerprint",
});
/** @type {Record<Finding["level"], {tone: string, icon: string}>} */
const LOOKS = {
  ok: { tone: "ok", icon: "check" },
  note: { tone: "warn", icon: "info" },
  attention: { tone: "bad", icon: "alert" },
};

/**
 * Of a section: try what is saved.
 *
 * @param {{section: string, onTry: (kind: string) => Promise<void>}} props
 */
export function TryMenu({ section, onTry }) {
  const kinds = OF_SECTION[section];
  if (!kinds) return null;
  if (kinds.length === 1) {
    return html`<${Button} small icon="bolt" onClick=${() => onTry(kinds[0])}>${t(`try_${kinds[0]}`)}<//>`;
  }
  return html`<${Menu}
    small
    kind="plain"
    icon="bolt"
    label=${t("try_out")}
    text=${t("try_out")}
    items=${kinds.map((kind) => ({ label: t(`try_${kind}`), onSelect: () => onTry(kind) }))}
  />`;
}

/**
 * Of a setting: try what is not saved yet.
 *
 * @param {{field: import("./records.js").Field, edit?: import("./records.js").Edit,
 *   onTry: (kind: string, value: string) => Promise<void>}} props
 */
export function TryButton({ field, edit, onTry }) {
  const kind = OF_VALUE[field.key];
  if (!kind || typeof edit?.value !== "string" || !edit.value) return null;
  const { value } = edit;
  return html`<${Button} icon="bolt" onClick=${() => onTry(kind, value)}>${t("try_value")}<//>`;
}

/** @param {{trial: Trial, onClose: () => void, onAgain: () => void}} props */
export function TrialDialog({ trial, onClose, onAgain }) {
  const { kind, value, reply, error } = trial;
  const isBusy = !reply && !error;
  return html`<${Dialog}
    title=${t(`try_${kind}`)}
    lead=${value === undefined ? t(`try_${kind}_lead`) : t("try_value_lead")}
    onClose=${onClose}
    footer=${html`<${Button} icon="refresh" busy=${isBusy} onClick=${onAgain}>${t("try_again")}<//>
      <${Button} kind="primary" onClick=${onClose}>${t("close")}<//>`}
  >
    <div aria-live="polite">
      ${isBusy && html`<${Loading} rows=${3} />`} ${Boolean(error) && html`<${Failure} error=${error} />`}
      ${reply && html`<${Findings} reply=${reply} />`}
    </div>
  <//>`;
}

/** @param {{reply: {ok: boolean, findings: Finding[]}}} props */
function Findings({ reply }) {
  if (!reply.findings.length) return html`<p class="muted">${t("try_nothing")}</p>`;
  return html`<div class="stack config-findings">
    <p>
      <${Badge} tone=${reply.ok ? "ok" : "bad"} icon=${reply.ok ? "check" : "alert"}>${t(reply.ok ? "try_ok" : "try_bad")}<//>
    </p>
    <ul class="config-found" role="list">
      ${reply.findings.map((finding, at) => {
        const { tone, icon } = LOOKS[finding.level];
        const remedy = finding.remedy[language.value];
        return html`<li key=${at} class="config-finding">
          <span class=${`tone-text-${tone}`}><${Icon} name=${icon} /></span>
          <div class="break">
            <p>${finding.text[language.value] || finding.text.en}</p>
            ${remedy && html`<p class="muted small">${remedy}</p>`} <${Subject} subject=${finding.subject} />
          </div>
        </li>`;
      })}
    </ul>
  </div>`;
}

/** @param {{subject: string}} props */
function Subject({ subject }) {
  if (!subject.startsWith("tok_")) return null;
  return html`<${Link} to="/admin/token" query=${{ q: subject }} class="small mono">${subject}<//>`;
}
