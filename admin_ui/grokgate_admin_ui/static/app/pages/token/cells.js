// What stands in the cells of the table.

import { Badge, Time, Tip } from "../../components/badge.js";
import { CopyButton } from "../../components/button.js";
import { Icon } from "../../components/icon.js";
import { Meter } from "../../components/progress.js";
import { dateTime, duration } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { secretsOf } from "./acts.js";
import { bucketText, bucketTone, poolName, reasonName, reasonSentence, sortedBuckets, TONES } from "./words.js";

const t = texts("token");
const SHOWN_BUCKETS = 3;
const SHOWN_TAGS = 2;

/** @typedef {import("./records.js").Account} Account */

/**
 * Its id, and the end of its credential; copying that asks for the password.
 *
 * @param {{account: Account, onOpen: (id: string) => void}} props
 */
export function TokenCell({ account, onOpen }) {
  const { id, token } = account;
  return html`<div class="token-name">
    <button
      type="button"
      class="link-button"
      onClick=${() => onOpen(id)}
    >
      <span class="mono">${id}</span>
    </button>
    <span class="token-mask">
      <span class="mono muted">${token}</span>
      <${CopyButton} load=${async () => (await secretsOf(id)).token} label=${t("copy_token", { id })} />
    </span>
  </div>`;
}

/** @param {{account: Account}} props */
export function PoolCell({ account }) {
  const { pool, routed, hint } = account;
  if (!routed) {
    return html`<${Tip} text=${t("not_routed")}>
      <span class="token-odd"><${Icon} name="alert" size=${14} />${poolName(pool)}</span>
    <//>`;
  }
  if (!hint) return poolName(pool);
  return html`<${Tip} text=${t("hint", { pool: poolName(hint) })}>
    <span class="token-odd"><${Icon} name="info" size=${14} />${poolName(pool)}</span>
  <//>`;
}

/**
 * @param {{account: Account, onTag: (tag: string) => void}} props
 */
export function StatusCell({ account, onTag }) {
  const { status, state_reason: reason, cooldown_until: until, tags } = account;
  const more = tags.slice(SHOWN_TAGS);
  const isBack = status === "cooling" && until !== null && until > Date.now();
  const told = status === "disabled" ? "" : reasonName(reason);
  return html`<div class="token-status">
    <div class="token-status-line">
      <${StatusBadge} account=${account} />
      ${isBack && html`<span class="small muted nowrap"><${Time} ms=${until} /></span>`}
    </div>
    ${(told || tags.length > 0) &&
    html`<div class="token-tags">
      ${told && html`<span class="token-reason muted ellipsis">${told}</span>`}
      ${tags.slice(0, SHOWN_TAGS).map(
        (tag) =>
          html`<button
            key=${tag}
            type="button"
            class="token-tag"
            title=${t("only_tag", { tag })}
            onClick=${() => onTag(tag)}
          >
            ${tag}
          </button>`,
      )}
      ${more.length > 0 && html`<span class="muted small" title=${more.join(", ")}>+${more.length}</span>`}
    </div>`}
  </div>`;
}

/**
 * A status with the reason for it as its tooltip.
 *
 * @param {{account: Account}} props
 */
export function StatusBadge({ account }) {
  const { status, state_reason: reason, stale, deleted_at: deletedAt } = account;
  const shown = deletedAt ? "deleted" : status;
  const words = [
    deletedAt ? t("deleted_since", { time: dateTime(deletedAt) }) : status === "active" ? "" : reasonSentence(status, reason),
    stale ? t("stale") : "",
  ].filter(Boolean);
  return html`<${Tip} text=${words.join(" ")}>
    <${Badge} tone=${TONES[shown]} icon=${stale ? "alert" : undefined}>${t(`status_${shown}`)}<//>
  <//>`;
}

/** @param {{account: Account}} props */
export function QuotaCell({ account }) {
  const { known, unknown } = sortedBuckets(account.buckets);
  const rest = known.length - SHOWN_BUCKETS;
  if (!known.length) {
    return html`<span class="muted" title=${unknown.join(", ")}>${t("quota_unknown")}</span>`;
  }
  return html`<div class="token-quota">
    ${known.slice(0, SHOWN_BUCKETS).map(
      ([name, bucket]) => html`<${Mini} key=${name} name=${name} bucket=${bucket} />`,
    )}
    ${rest > 0 &&
    html`<span class="small muted" title=${known.slice(SHOWN_BUCKETS).map(told).join("\n")}>+${rest}</span>`}
  </div>`;
}

/** @param {{name: string, bucket: import("./records.js").Bucket}} props */
function Mini({ name, bucket }) {
  const { remaining, total, reset_at: resetAt } = bucket;
  const isSpent = remaining === 0;
  const away = resetAt && resetAt > Date.now() && remaining !== total ? shortly(resetAt - Date.now()) : "";
  return html`<div class="token-mini" title=${told([name, bucket])}>
    <span class="token-mini-name muted ellipsis">${name}</span>
    <${Meter}
      label=${`${name} ${bucketText(bucket)}`}
      value=${Math.max(0, remaining)}
      max=${total ?? Math.max(remaining, 1)}
      tone=${bucketTone(bucket)}
    />
    <span class="token-mini-words">
      ${!(isSpent && away) && html`<${Left} bucket=${bucket} />`}
      ${away && html`<span class=${isSpent ? "tone-text-bad nowrap" : "token-mini-away muted nowrap"}>${away}</span>`}
    </span>
  </div>`;
}

/**
 * What is left of what; where three digits stand on both sides and room is short, only what is left.
 *
 * @param {{bucket: import("./records.js").Bucket}} props
 */
function Left({ bucket }) {
  const text = bucketText(bucket);
  const [left, total] = text.split("/");
  return html`<span class=${text.length > 6 ? "token-mini-left token-mini-long" : "token-mini-left"}>
    ${left}${total && html`<span class="token-mini-total">/${total}</span>`}
  </span>`;
}

/**
 * Say all of a window in a line.
 *
 * @param {[string, import("./records.js").Bucket]} entry
 */
function told([name, bucket]) {
  const parts = [`${name} ${bucketText(bucket)}`];
  if (bucket.reset_at) parts.push(t("resets_at", { time: dateTime(bucket.reset_at) }));
  if (bucket.synced_at) parts.push(t("synced_at", { time: dateTime(bucket.synced_at) }));
  return parts.join(" · ");
}

/**
 * Say how far away a moment is by one unit; a row has no room for more, and seconds would flicker.
 *
 * @param {number} ms
 */
function shortly(ms) {
  const step = ms >= 3_600_000 ? 3_600_000 : 60_000;
  return duration(Math.ceil(ms / step) * step);
}
