// The first page: what the pool can serve, how requests fare, what needs the operator.

import { Segmented } from "../../components/fields.js";
import { Button } from "../../components/button.js";
import { Grid, PageHeader } from "../../components/layout.js";
import { Loaded } from "../../components/states.js";
import { Time } from "../../components/badge.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { pref } from "../../lib/prefs.js";
import { html, useEffect, useRef, useState } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { Capacity } from "./capacity.js";
import { AllIncidents, Incidents } from "./incidents.js";
import { Figures } from "./live.js";
import { isComplete, Onboarding } from "./onboarding.js";
import { Causes, Models, Pools } from "./shares.js";
import { LatencyChart, RequestsChart } from "./traffic.js";
import { Verdict } from "./verdict.js";

const t = texts("overview");
const EVERY_MS = 5000;
/** While the first answered request is waited for, and else. */
const SOON_MS = 3000;
const LATER_MS = 60_000;

/** What the address tells. */
const QUERY = { span: "hour", start: false, incidents: false };

const hidden = pref("onboarding_hidden", false);

/** @typedef {import("./types.js").Overview} Overview */
/** @typedef {import("./types.js").Welcome} Welcome */

export default function OverviewPage() {
  const [{ span, start, incidents }, set] = useQuery(QUERY);
  const chosen = span === "day" ? "day" : "hour";
  const state = useLoad(
    (signal) => /** @type {Promise<Overview>} */ (api.get("/overview", { signal })),
    [],
    { everyMs: EVERY_MS },
  );
  const onboarding = useOnboarding(start);
  const { welcome, shown, complete, reload } = onboarding;
  const dismiss = () => {
    hidden.value = true;
    set({ start: false });
  };
  return html`<${PageHeader}
      title=${t("page_overview")}
      lead=${state.data && html`${t("as_of")} <${Time} ms=${state.data.measured_at} />`}
      actions=${html`${welcome &&
        !shown &&
        !complete &&
        html`<${Button} kind="ghost" icon="help" onClick=${() => set({ start: true })}>${t("start")}<//>`}
        <${Segmented}
          ariaLabel=${t("span")}
          value=${chosen}
          options=${["hour", "day"].map((value) => ({ value, label: t(`span_${value}`) }))}
          onInput=${(/** @type {string} */ value) => set({ span: value })}
        />`}
    />
    ${shown && welcome && html`<${Onboarding} welcome=${welcome} reload=${reload} onDismiss=${dismiss} />`}
    <${Loaded} state=${state} kind="page">
      ${(/** @type {Overview} */ overview) => html`
        <${Verdict} overview=${overview} welcome=${welcome} />
        <${Figures} overview=${overview} span=${chosen} />
        <${Capacity} models=${overview.models} />
        <${Grid} min="26rem" class="halves">
          <${RequestsChart} hours=${overview.hours} />
          <${LatencyChart} hours=${overview.hours} />
          <${Causes} overview=${overview} span=${chosen} />
          <${Models} overview=${overview} span=${chosen} />
          <${Pools} pools=${overview.tokens} />
          <${Incidents} incidents=${overview.incidents} onAll=${() => set({ incidents: true })} />
        <//>
      `}
    <//>
    ${incidents && html`<${AllIncidents} onClose=${() => set({ incidents: false })} />`}`;
}

/**
 * How far the operator is, asked often while that may change at any moment. Who had everything done
 * at the first look is not led through it.
 *
 * @param {boolean} wanted It was asked for.
 */
function useOnboarding(wanted) {
  const [everyMs, setEveryMs] = useState(SOON_MS);
  const state = useLoad(
    (signal) => /** @type {Promise<Welcome>} */ (api.get("/welcome", { signal })),
    [],
    { everyMs },
  );
  const welcome = state.data;
  const complete = welcome !== undefined && isComplete(welcome);
  const wasComplete = useRef(/** @type {boolean | null} */ (null));
  if (welcome && wasComplete.current === null) wasComplete.current = complete;
  const shown = wanted || (!hidden.value && wasComplete.current === false);
  useEffect(() => setEveryMs(shown && !complete ? SOON_MS : LATER_MS), [shown, complete]);
  return { welcome, complete, shown: welcome !== undefined && shown, reload: state.reload };
}
