// What all accounts together are and have left (F-UI-20).

import { Time } from "../../components/badge.js";
import { Stat, Stats } from "../../components/layout.js";
import { compact, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { TONES } from "./words.js";

const t = texts("token");

/**
 * @param {{totals: import("./records.js").Totals | undefined, status: string,
 *   onStatus: (status: string) => void}} props A click on a status shows its accounts.
 */
export function Cards({ totals, status, onStatus }) {
  const none = totals === undefined;
  const quota = (/** @type {number | undefined} */ value) =>
    none ? "–" : html`<span title=${number(value)}>${compact(value)}</span>`;
  return html`<${Stats} label=${t("cards")}>
    ${/** @type {const} */ (["all", "active", "cooling", "expired", "disabled"]).map(
      (name) =>
        html`<${Stat}
          key=${name}
          label=${t(`status_${name}`)}
          tone=${TONES[name]}
          value=${none ? "–" : number(name === "all" ? totals.total : totals.statuses[name])}
          current=${name === status && name !== "all"}
          onClick=${() => onStatus(name === status ? "all" : name)}
        />`,
    )}
    <${Stat} label=${t("card_chat")} value=${quota(totals?.quota)} />
    <${Stat} label=${t("card_image")} value=${quota(totals?.image_quota)} />
    <${Stat} label=${t("card_heavy")} value=${quota(totals?.heavy_quota)} />
    <${Stat}
      label=${t("card_calls")}
      value=${quota(totals?.use_count)}
      hint=${totals?.inflight ? t("card_inflight", { count: totals.inflight }) : undefined}
    />
    <${Stat}
      label=${t("card_refresh")}
      value=${none ? "–" : totals.next_refresh_at ? html`<${Time} ms=${totals.next_refresh_at} />` : t("card_never")}
    />
  <//>`;
}
