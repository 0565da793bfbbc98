// Everything that is known of one account, in a drawer at the side.

import { Badge, Time } from "../../components/badge.js";
import { Button, CopyButton, IconButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Icon } from "../../components/icon.js";
import { Facts } from "../../components/layout.js";
import { Menu } from "../../components/menu.js";
import { Loaded } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";
import { Buckets } from "./details-quota.js";
import { menuOf, RefreshButton, RestoreButton } from "./row.js";
import { Secret } from "./secret.js";
import { poolName, reasonName, reasonSentence, TONES } from "./words.js";

const t = texts("token");

/** @typedef {import("./records.js").Account} Account */

/**
 * @param {{id: string, rows: Account[], tools: import("./row.js").RowTools,
 *   onOpen: (id: string) => void, onClose: () => void}} props Rows: its neighbours in the table.
 */
export default function Details({ id, rows, tools, onOpen, onClose }) {
  const state = useLoad(
    async (signal) => /** @type {Account} */ ((await api.get("/tokens/item", { query: { token: id }, signal })).item),
    [id],
    { everyMs: 5000 },
  );
  const account = state.data?.id === id ? state.data : rows.find((row) => row.id === id);
  const put = (/** @type {Account} */ changed) => {
    tools.put(changed);
    if (changed.id === id) void state.reload();
    else onOpen(changed.id);
  };
  const own = { ...tools, put, reload: async () => void (await Promise.all([tools.reload(), state.reload()])) };
  const at = rows.findIndex((row) => row.id === id);
  return html`<${Dialog}
    side
    title=${html`<span class="mono">${id}</span>`}
    lead=${account && html`<${Lead} account=${account} />`}
    onClose=${onClose}
    footer=${account &&
    html`<div class="token-steps">
        <${IconButton}
          icon="chevronLeft"
          label=${t("before")}
          disabled=${at < 1}
          onClick=${() => onOpen(rows[at - 1].id)}
        />
        <${IconButton}
          icon="chevronRight"
          label=${t("after")}
          disabled=${at < 0 || at >= rows.length - 1}
          onClick=${() => onOpen(rows[at + 1].id)}
        />
      </div>
      ${account.deleted_at
        ? html`<${RestoreButton} account=${account} tools=${own} />`
        : html`<${RefreshButton} account=${account} tools=${own} />
            <${Menu} label=${t("more_named", { id })} items=${menuOf(account, own)} />
            <${Button}
              icon="edit"
              onClick=${() => tools.dialogs.open("edit", { id, onDone: put })}
            >
              ${t("edit")}
            <//>`}`}
  >
    <${Loaded} state=${{ ...state, data: account }} rows=${8}>
      ${(/** @type {Account} */ found) => html`<${Body} account=${found} key=${found.id} />`}
    <//>
  <//>`;
}

/** @param {{account: Account}} props */
function Lead({ account }) {
  const status = account.deleted_at ? "deleted" : account.status;
  return html`<span class="token-lead">
    <${Badge} tone=${TONES[status]}>${t(`status_${status}`)}<//>
    <span>${poolName(account.pool)}</span>
    <span class="mono">${account.token}</span>
  </span>`;
}

/** @param {{account: Account}} props */
function Body({ account }) {
  const limit = account.max_inflight;
  return html`<div class="stack token-details">
    <${Notices} account=${account} />
    <section>
      <h3>${t("why")}</h3>
      <p>${account.status === "active" ? t("why_active") : reasonSentence(account.status, account.state_reason)}</p>
      <${Facts}
        items=${[
          [t("since"), moment(account.state_since)],
          [t("evidence"), account.evidence && html`<code>${account.evidence}</code>`],
          [t("until"), account.status === "cooling" ? moment(account.cooldown_until) : ""],
          [t("last_failure"), moment(account.last_fail_at, reasonName(account.last_fail_reason))],
          [t("fails_in_row"), account.fail_count || ""],
        ]}
      />
    </section>
    <section>
      <h3>${t("windows")}</h3>
      <${Buckets} buckets=${account.buckets} />
    </section>
    <section>
      <h3>${t("use")}</h3>
      <${Facts}
        items=${[
          [t("column_use_count"), number(account.use_count)],
          [t("consumed"), number(account.consumed)],
          [t("column_inflight"), limit ? `${account.inflight} / ${limit}` : number(account.inflight)],
          [t("column_last_used_at"), html`<${Time} ms=${account.last_used_at} />`],
          [t("column_last_sync_at"), moment(account.last_sync_at, syncs(account.sync_count)) ?? "–"],
          [t("requests"), html`<${Requests} id=${account.id} />`],
        ]}
      />
    </section>
    <section>
      <h3>${t("about")}</h3>
      <${Facts}
        items=${[
          [t("id"), html`<${Id} id=${account.id} />`],
          [t("note"), account.note],
          [t("tags"), account.tags.join(", ")],
          [t("pool"), html`${poolName(account.pool)} <code class="muted">${account.pool}</code>`],
          [t("tier"), account.tier],
          [t("upstream"), account.upstream],
          [t("proxy"), account.has_proxy ? t("proxy_own") : t("proxy_none")],
          [t("column_created_at"), html`<${Time} ms=${account.created_at} />`],
          [t("cleared"), moment(account.last_asset_clear_at)],
          [t("revision"), account.revision],
        ]}
      />
      <${Secret} id=${account.id} />
    </section>
  </div>`;
}

/**
 * What an operator should know at once.
 *
 * @param {{account: Account}} props
 */
function Notices({ account }) {
  const notices = [
    !account.routed && t("not_routed"),
    account.hint && t("hint", { pool: poolName(account.hint) }),
    account.stale && t("stale"),
  ].filter(Boolean);
  return notices.map(
    (notice) =>
      html`<p
        key=${notice}
        class="token-caution small"
      >
        <${Icon} name="alert" size=${16} /><span>${notice}</span>
      </p>`,
  );
}

/**
 * @param {number | null | undefined} ms
 * @param {string} [more]
 */
function moment(ms, more = "") {
  return ms ? html`<${Time} ms=${ms} /> <span class="muted">${more}</span>` : null;
}

/** @param {number} [count] */
function syncs(count) {
  return count ? `(${number(count)}×)` : "";
}

/** @param {{id: string}} props */
function Id({ id }) {
  return html`<span class="token-id">
    <span class="mono">${id}</span><${CopyButton} text=${id} label=${t("copy_id")} />
  </span>`;
}

/** @param {{id: string}} props */
function Requests({ id }) {
  return html`<${Link} to="/admin/datacenter" query=${{ view: "requests", token: id }}>
    ${t("requests_link")}
  <//>`;
}
