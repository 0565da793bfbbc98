// Every component in all its states, for those who build pages and plugin panels.

import { PageHeader, Stack } from "../../components/layout.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { Charts } from "./charts.js";
import { Content } from "./content.js";
import { Fields } from "./fields.js";
import { Lists } from "./lists.js";
import { Signs } from "./signs.js";
import { Windows } from "./windows.js";

const t = texts("components");

const PARTS = /** @type {const} */ ([
  ["signs", Signs],
  ["fields", Fields],
  ["windows", Windows],
  ["lists", Lists],
  ["charts", Charts],
  ["content", Content],
]);

/** The page. */
export default function Components() {
  return html`<${PageHeader} title=${t("title")} lead=${t("lead")} />
    <nav class="kit-index" aria-label=${t("index")}>
      ${PARTS.map(([name]) => html`<a key=${name} href=${`#kit-${name}`}>${t(`part_${name}`)}</a>`)}
    </nav>
    <${Stack} gap=${7}>
      ${PARTS.map(
        ([name, Part]) =>
          html`<section key=${name} id=${`kit-${name}`} class="kit-part" tabindex="-1">
            <h2 class="kit-part-title">${t(`part_${name}`)}</h2>
            <${Part} />
          </section>`,
      )}
    <//>`;
}
