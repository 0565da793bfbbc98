// In one glance: does something need the operator?

import { Button } from "../../components/button.js";
import { Icon } from "../../components/icon.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { href } from "../../lib/router.js";
import { concerns } from "./concerns.js";

const t = texts("overview");
const SHOWN = 4;

/**
 * @param {{overview: import("./types.js").Overview, welcome?: import("./types.js").Welcome}} props
 */
export function Verdict({ overview, welcome }) {
  const [all, setAll] = useState(false);
  const found = concerns(overview, welcome);
  const urgent = found.filter((concern) => concern.tone !== "accent");
  const shown = all ? found : found.slice(0, SHOWN);
  const tone = urgent.some((concern) => concern.tone === "bad") ? "bad" : urgent.length ? "warn" : "ok";
  const served = overview.models.filter((model) => model.candidates > 0).length;
  const words = { served: number(served), total: number(overview.models.length) };
  return html`<section class=${`verdict tone-${tone}`} aria-label=${t("verdict")}>
    <div class="verdict-head">
      <span class="verdict-sign"><${Icon} name=${tone === "ok" ? "check" : "alert"} size=${20} /></span>
      <div>
        <h2 aria-live="polite">
          ${urgent.length ? t("verdict_needs", { count: urgent.length }) : t("verdict_fine")}
        </h2>
        <p class="muted small">${t("verdict_served", words)}</p>
      </div>
    </div>
    ${shown.length > 0 &&
    html`<ul class="concerns" role="list">
      ${shown.map(
        (concern) =>
          html`<li key=${concern.id}>
            <a class="concern" href=${href(concern.to)}>
              <span class=${`dot tone-${concern.tone}`} aria-hidden="true"></span>
              <span class="visually-hidden">${t(`tone_${concern.tone}`)}</span>
              <span class="concern-text">${concern.text}</span>
              <${Icon} name="chevronRight" size=${16} />
            </a>
          </li>`,
      )}
    </ul>`}
    ${found.length > SHOWN &&
    html`<${Button} small kind="ghost" expanded=${all} onClick=${() => setAll(!all)}>
      ${all ? t("less") : t("more", { count: found.length - SHOWN })}
    <//>`}
  </section>`;
}
