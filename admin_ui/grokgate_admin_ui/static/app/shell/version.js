// What is installed, and what changed in it. Nothing is asked outside (F-UI-07).

import { Badge } from "../components/badge.js";
import { Dialog } from "../components/dialog.js";
import { Facts } from "../components/layout.js";
import { Markdown } from "../components/markdown.js";
import { Loaded } from "../components/states.js";
import { api } from "../lib/api.js";
import { knows, texts } from "../lib/i18n.js";
import { useLoad } from "../lib/poll.js";
import { html } from "../lib/preact.js";

const t = texts("kit");

/** @typedef {{version: string, date: string | null,
 *   sections: {title: string, entries: string[]}[]}} Change Entries are Markdown. */
/** @typedef {{version: string, python: string, changes: Change[]}} Version Newest change first. */

/** @param {{onClose: () => void}} props */
export function VersionDialog({ onClose }) {
  const state = useLoad((signal) => /** @type {Promise<Version>} */ (api.get("/version", { signal })), []);
  return html`<${Dialog} title=${t("version_title")} onClose=${onClose}>
    <${Loaded} state=${state} rows=${4}>
      ${(/** @type {Version} */ told) => html`<${Told} told=${told} />`}
    <//>
  <//>`;
}

/** @param {{told: Version}} props */
function Told({ told }) {
  const { version, python, changes } = told;
  return html`<div class="version">
    <${Facts}
      items=${[
        [t("version_installed"), html`<strong>${version}</strong>`],
        [t("version_python"), python],
      ]}
    />
    <h3>${t("version_changes")}</h3>
    ${changes.length === 0 && html`<p class="muted">${t("version_no_changes")}</p>`}
    ${changes.map(
      (change, at) =>
        html`<details key=${change.version} class="version-change" open=${at === 0}>
          <summary>
            <strong>${word(change.version)}</strong>
            ${change.version === version && html`<${Badge} tone="accent">${t("version_this")}<//>`}
            <span class="muted small">${change.date}</span>
          </summary>
          ${change.sections.map(
            (section) =>
              html`<section key=${section.title}>
                <h4>${word(section.title)}</h4>
                <${Markdown} text=${section.entries.map(toItem).join("\n")} />
              </section>`,
          )}
        </details>`,
    )}
  </div>`;
}

/** @param {string} entry */
function toItem(entry) {
  return `- ${entry.trim().replaceAll("\n", "\n  ")}`;
}

/**
 * Return a heading of the list in the operator's language, as far as it is one of the usual words.
 *
 * @param {string} heading
 */
function word(heading) {
  const key = `version_${heading.toLowerCase()}`;
  return knows("kit", key) ? t(key) : heading;
}
