// What is stored here and what accounts have, as figures; each leads to its list (F-UI-60).

import { Button } from "../../components/button.js";
import { confirm } from "../../components/dialog.js";
import { Icon } from "../../components/icon.js";
import { Meter } from "../../components/progress.js";
import { Loaded } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { ago, bytes, number, percent } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { counted, counts } from "./counts.js";
import { clear } from "./work.js";

const t = texts("cache");
const MB = 1 << 20;
/** Shares of the limit from which a meter warns. */
const FULL = 90;

/** @typedef {import("./page.js").ListName} ListName */
/** @typedef {{count: number, size_bytes: number, limit_mb: number | null, percent: number | null}} Kept */
/** @typedef {{local_image: Kept, local_video: Kept}} Local */

/**
 * @param {{state: import("../../lib/poll.js").Load<Local>, chosen: ListName,
 *   onChoose: (list: ListName) => void, onCleared: () => void}} props
 */
export function Cards({ state, chosen, onChoose, onCleared }) {
  const shared = (/** @type {ListName} */ list) => ({
    list,
    isChosen: list === chosen,
    onChoose: () => onChoose(list),
  });
  return html`<${Loaded} state=${state} kind="cards" rows=${3}>
    ${(/** @type {Local} */ local) =>
      html`<div class="cache-cards" role="group" aria-label=${t("lists")}>
        <${Stored} ...${shared("image")} kind="image" kept=${local.local_image} onCleared=${onCleared} />
        <${Stored} ...${shared("video")} kind="video" kept=${local.local_video} onCleared=${onCleared} />
        <${Online} ...${shared("online")} />
      </div>`}
  <//>`;
}

/** @typedef {{list: ListName, isChosen: boolean, onChoose: () => void}} Chosen */

/** @param {Chosen & {kind: "image" | "video", kept: Kept, onCleared: () => void}} props */
function Stored({ kind, kept, onCleared, ...rest }) {
  const size = kept.size_bytes;
  const [busy, clear] = useAction(async () => {
    const isSure = await confirm({
      title: t(`clear_${kind}_title`, { count: kept.count }),
      body: t("clear_body", { size: bytes(size) }),
      action: t("clear"),
      danger: true,
    });
    if (!isSure) return;
    const { result } = await api.post("/cache/clear", { type: kind });
    toast.ok(t("cleared", { count: result.count, size: bytes(result.size_mb * MB) }));
    onCleared();
  }, toast.error);
  const limit = kept.limit_mb === null ? "" : bytes(kept.limit_mb * MB);
  return html`<${Frame}
    ...${rest}
    icon=${kind === "image" ? "image" : "film"}
    value=${number(kept.count)}
    hint=${limit ? t("size_of", { size: bytes(size), limit }) : bytes(size)}
    action=${html`<${Button} small icon="trash" busy=${busy} disabled=${!kept.count} onClick=${() => clear()}>
      ${t("clear")}
    <//>`}
  >
    ${kept.percent === null
      ? html`<p class="muted small">${t("no_limit")}</p>`
      : html`<${Meter}
          label=${t("share_of_limit")}
          value=${kept.percent}
          max=${100}
          tone=${kept.percent >= FULL ? "warn" : "accent"}
          text=${percent(kept.percent / 100)}
        />`}
  <//>`;
}

/** Delete the files of all accounts that are known to have some. */
function clearKnown() {
  const ids = [...counts.value].flatMap(([id, { files }]) => (files > 0 ? [id] : []));
  void clear({ ids }, ids.length);
}

/** @param {Chosen} props */
function Online(props) {
  const { accounts, files, size, failed, at } = counted.value;
  const hint = accounts ? t("online_in", { count: accounts }) : t("online_unknown");
  return html`<${Frame}
    ...${props}
    icon="cloud"
    value=${accounts ? number(files) : "–"}
    hint=${accounts && size ? `${hint} · ${bytes(size)}` : hint}
    action=${html`<${Button} small icon="trash" disabled=${!files} onClick=${clearKnown}>${t("clear")}<//>`}
  >
    <p class="muted small">
      ${at ? t("counted_at", { ago: ago(at) }) : t("online_lead")}
      ${failed > 0 && ` · ${t("count_failed", { count: failed })}`}
    </p>
  <//>`;
}

/**
 * @param {Chosen & {icon: string, value: string, hint: string, action?: unknown,
 *   children?: unknown}} props
 */
function Frame({ list, isChosen, onChoose, icon, value, hint, action, children }) {
  return html`<div class=${`card cache-card ${isChosen ? "cache-card-on" : ""}`} data-list=${list}>
    <div class="cache-card-head">
      <button type="button" class="cache-choose" aria-pressed=${isChosen ? "true" : "false"} onClick=${onChoose}>
        <${Icon} name=${icon} size=${18} /> ${t(`list_${list}`)}
      </button>
      ${action}
    </div>
    <p class="cache-figure"><span class="stat-value">${value}</span> <span class="muted small">${hint}</span></p>
    ${children}
  </div>`;
}
