// What an account has left in each quota window.

import { Badge, Time } from "../../components/badge.js";
import { Meter } from "../../components/progress.js";
import { duration } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { bucketText, bucketTone, sortedBuckets } from "./words.js";

const t = texts("token");

/** @param {{buckets: Record<string, import("./records.js").Bucket>}} props */
export function Buckets({ buckets }) {
  const { known, unknown } = sortedBuckets(buckets);
  return html`<ul class="token-buckets" role="list">
      ${known.map(([name, bucket]) => html`<${Window} key=${name} name=${name} bucket=${bucket} />`)}
    </ul>
    ${unknown.length > 0 &&
    html`<p class="muted small">${t("windows_unknown")} ${unknown.map((name) => html`<code key=${name}>${name}</code> `)}</p>`}`;
}

/** @param {{name: string, bucket: import("./records.js").Bucket}} props */
function Window({ name, bucket }) {
  const { remaining, total, window_seconds: seconds, reset_at: resetAt, synced_at: syncedAt, source } = bucket;
  return html`<li>
    <div class="token-bucket-words">
      <strong class="mono">${name}</strong>
      <span class="muted small">${seconds ? t("every", { time: duration(seconds * 1000) }) : ""}</span>
      <${Badge}
        tone=${source === "real" ? "ok" : "muted"}
        title=${t(`source_${source}_hint`)}
      >
        ${t(`source_${source}`)}
      <//>
      <span class="token-bucket-left">${bucketText(bucket)}</span>
    </div>
    <${Meter}
      label=${t("left_in", { name })}
      value=${Math.max(0, remaining)}
      max=${total ?? Math.max(remaining, 1)}
      tone=${bucketTone(bucket)}
    />
    <p class="muted small">
      ${resetOf(resetAt)}
      ${syncedAt ? html` · ${t("synced")} <${Time} ms=${syncedAt} />` : ""}
    </p>
  </li>`;
}

/** @param {number | null} at Unix milliseconds. */
function resetOf(at) {
  if (!at) return t("resets_unknown");
  return at < Date.now() ? t("reset_due") : html`${t("resets")} <${Time} ms=${at} />`;
}
