// Buttons, badges, figures, progress, and what a page shows while it has nothing to show.

import { Badge, Dot, Kbd, Time, Tip } from "../../components/badge.js";
import { Button, CopyButton, IconButton } from "../../components/button.js";
import { Icon, ICONS } from "../../components/icon.js";
import { Card, Facts, Row, Stack, Stat, Stats } from "../../components/layout.js";
import { JobBar, Meter, Progress } from "../../components/progress.js";
import { Empty, Failure, Loading } from "../../components/states.js";
import { ApiError } from "../../lib/api.js";
import { number, percent } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { Example } from "./example.js";

const t = texts("components");
const TONES = /** @type {const} */ (["ok", "warn", "bad", "accent", "muted"]);
const DAY_MS = 86_400_000;

/** Small things that say something. */
export function Signs() {
  return html`<div class="kit-grid">
    <${Example} title=${t("buttons")} code="Button, IconButton, CopyButton"><${Buttons} /><//>
    <${Example} title=${t("badges")} code="Badge, Dot, Tip, Time, Kbd"><${Badges} /><//>
    <${Example} title=${t("figures")} code="Stats, Stat" wide><${Figures} /><//>
    <${Example} title=${t("card")} code="Card, Facts"><${Sheet} /><//>
    <${Example} title=${t("progress")} code="Progress, Meter, JobBar"><${Bars} /><//>
    <${Example} title=${t("loading_state")} code="Loading">
      <${Stack} gap=${5}><${Loading} kind="text" rows=${3} /><${Loading} kind="cards" rows=${3} /><//>
    <//>
    <${Example} title=${t("empty_state")} code="Empty">
      <${Empty}
        icon="token"
        title=${t("empty_title")}
        action=${html`<${Button} kind="primary" icon="plus">${t("add")}<//>`}
      >
        ${t("empty_lead")}
      <//>
    <//>
    <${Example} title=${t("failure_state")} code="Failure">
      <${Failure}
        error=${new ApiError(t("failure_text"), { status: 503, requestId: "req_4be1f0c2" })}
        onRetry=${() => {}}
      />
    <//>
    <${Example} title=${t("icons")} code="Icon" wide>
      <ul class="kit-icons">
        ${ICONS.map((name) => html`<li key=${name}><${Icon} name=${name} size=${20} /><span>${name}</span></li>`)}
      </ul>
    <//>
  </div>`;
}

function Buttons() {
  const kinds = /** @type {const} */ (["primary", "plain", "ghost", "danger"]);
  return html`<${Stack} gap=${3}>
    <${Row}>${kinds.map((kind) => html`<${Button} key=${kind} kind=${kind}>${t(`button_${kind}`)}<//>`)}<//>
    <${Row}>
      <${Button} kind="primary" icon="plus">${t("add")}<//>
      <${Button} icon="refresh" busy>${t("button_busy")}<//>
      <${Button} disabled>${t("button_disabled")}<//>
    <//>
    <${Row}>
      <${Button} small icon="download">${t("button_small")}<//>
      <${Button} small to="/admin/overview" icon="external">${t("button_link")}<//>
      <${IconButton} icon="edit" label=${t("edit")} />
      <${IconButton} icon="star" label=${t("button_pressed")} pressed />
      <${CopyButton} text="req_4be1f0c2" />
    <//>
  <//>`;
}

function Badges() {
  return html`<${Stack} gap=${3}>
    <${Row}>${TONES.map((tone) => html`<${Badge} key=${tone} tone=${tone}>${t(`tone_${tone}`)}<//>`)}<//>
    <${Row} gap=${4}>${TONES.map((tone) => html`<${Dot} key=${tone} tone=${tone}>${t(`tone_${tone}`)}<//>`)}<//>
    <${Row} gap=${4}>
      <${Badge} tone="ok" icon="check">${t("badge_icon")}<//>
      <${Tip} text=${t("tip_text")}><${Badge} tone="warn">${t("tip_on")}<//><//>
      <${Time} ms=${Date.now() - 3 * DAY_MS} />
      <span><${Kbd}>g<//> <${Kbd}>o<//></span>
    <//>
  <//>`;
}

function Figures() {
  return html`<${Stats} label=${t("figures")}>
    <${Stat} label=${t("stat_total")} value=${number(12480)} hint=${t("stat_hint")} />
    <${Stat} label=${t("tone_ok")} tone="ok" value=${number(11902)} />
    <${Stat} label=${t("tone_bad")} tone="bad" value=${number(37)} to="/admin/token" hint=${t("stat_link")} />
    <${Stat} label=${t("stat_rate")} value=${percent(0.9925)} />
  <//>`;
}

function Sheet() {
  return html`<${Card}
    title=${t("card_title")}
    lead=${t("card_lead")}
    actions=${html`<${Button} small icon="edit">${t("edit")}<//>`}
  >
    <${Facts}
      items=${[
        [t("fact_name"), "primary"],
        [t("fact_state"), html`<${Dot} tone="ok">${t("tone_ok")}<//>`],
        [t("fact_long"), "tok_".padEnd(64, "4be1f0c2")],
      ]}
    />
  <//>`;
}

function Bars() {
  const job = { task_id: "job_kit", kind: "refresh_usage", total: 500, ok: 212, fail: 0 };
  return html`<${Stack} gap=${4}>
    <${Progress} label=${t("progress_known")} value=${42} max=${100} />
    <${Progress} label=${t("progress_unknown")} />
    <${Meter} label=${t("meter_low")} value=${8} max=${100} tone="bad" text=${`${number(8)} / ${number(100)}`} />
    <${Meter} label=${t("meter_fine")} value=${71} max=${80} tone="ok" text=${`${number(71)} / ${number(80)}`} />
    <${JobBar} job=${{ ...job, status: "running", processed: 212 }} />
    <${JobBar} job=${{ ...job, task_id: "job_kit_done", status: "done", processed: 500, ok: 488, fail: 12 }} />
  <//>`;
}
