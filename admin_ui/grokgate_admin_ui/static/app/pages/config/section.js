// A card of settings that belong together, and the list of all of them beside it.

import { Badge } from "../../components/badge.js";
import { SelectField } from "../../components/fields.js";
import { Card } from "../../components/layout.js";
import { language, texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";
import { FieldRow } from "./row.js";
import { TryMenu } from "./try-out.js";

const t = texts("config");

/** Sections whose settings have a page of their own. */
const PAGES = /** @type {Record<string, string>} */ ({
  downstream: "/admin/downstream",
  models: "/admin/models",
  plugins: "/admin/plugins",
});

/** @typedef {import("./records.js").Section} Section */

/** @param {Section} section */
function titleOf(section) {
  return section.title[language.value] || section.title.en;
}

/**
 * @param {{section: Section, edits: import("./records.js").Edits, errors: Record<string, string>,
 *   acts: import("./row.js").Acts}} props
 */
export function SectionCard({ section, edits, errors, acts }) {
  const page = PAGES[section.name];
  const title = titleOf(section);
  const isFixed = section.fields.some(({ startup, locked_by: lock }) => startup && !lock);
  return html`<${Card}
    flush
    id=${`section-${section.name}`}
    class="config-section"
    title=${title}
    lead=${html`<code>${title === section.name ? "" : `[${section.name}]`}</code>
      ${page && html` <${Link} to=${page}>${t(`page_of_${section.name}`)}<//>`}
      ${isFixed && html`<span class="config-fixed">${t("startup_lead")}</span>`}`}
    actions=${html`${section.owner !== "core" && html`<${Badge} icon="plug">${section.owner}<//>`}
      <${TryMenu} section=${section.name} onTry=${acts.tryOut} />`}
  >
    ${section.fields.map(
      (field) =>
        html`<${FieldRow} key=${field.key} field=${field} edit=${edits[field.key]} error=${errors[field.key] ?? ""} acts=${acts} />`,
    )}
  <//>`;
}

/**
 * Leads to the sections: a list beside them, on small screens a choice above them.
 *
 * @param {{sections: Section[], current: string, edits: import("./records.js").Edits,
 *   errors: Record<string, string>, unknown: number, onGo: (name: string) => void}} props
 */
export function Index({ sections, current, edits, errors, unknown, onGo }) {
  return html`<div class="config-index">
    <nav class="config-list" aria-label=${t("sections")}>
      ${sections.map((section) => {
        const { name, fields } = section;
        const isBad = fields.some((field) => errors[field.key]);
        const count = fields.filter((field) => edits[field.key]).length;
        return html`<button
          key=${name}
          type="button"
          class="config-link"
          aria-current=${current === name ? "true" : undefined}
          onClick=${() => onGo(name)}
        >
          <span class="ellipsis">${titleOf(section)}</span>
          ${count > 0
            ? html`<${Badge} tone=${isBad ? "bad" : "accent"} title=${t("changes", { count })}>${count}<//>`
            : html`<span class="muted small">${fields.length}</span>`}
        </button>`;
      })}
      ${unknown > 0 &&
      html`<button type="button" class="config-link" aria-current=${current === "unknown" ? "true" : undefined} onClick=${() => onGo("unknown")}>
        <span class="ellipsis">${t("unknown")}</span><${Badge} tone="warn">${unknown}<//>
      </button>`}
    </nav>
    <${SelectField}
      class="config-choice"
      ariaLabel=${t("sections")}
      value=${sections.some((section) => section.name === current) ? current : ""}
      options=${[
        { value: "", label: t("sections_go") },
        ...sections.map((section) => ({ value: section.name, label: titleOf(section) })),
      ]}
      onInput=${onGo}
    />
  </div>`;
}
