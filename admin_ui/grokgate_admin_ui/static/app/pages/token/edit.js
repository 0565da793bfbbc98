// Changing one account: only what was changed is sent, and never over another's change (F-UI-27).

import { Button } from "../../components/button.js";
import { confirm, Dialog } from "../../components/dialog.js";
import { Checkbox, ChipsField, NumberField, SecretField, SelectField, TextField } from "../../components/fields.js";
import { Loaded } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useAction, useLoad } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { Fold } from "./fold.js";
import { NOTE_LENGTH } from "./labels.js";
import { OtherProblem, problemAt } from "./problems.js";
import { poolOptions } from "./words.js";

const t = texts("token");
/** Fields that are folded away. */
const EXPERT = ["max_inflight", "proxy_url", "new_token"];
const FIELDS = ["pool", "status", "quota", "note", "tags", ...EXPERT];

/** @typedef {import("./records.js").Account} Account */

/**
 * @typedef {object} Changes What the operator chose; what is not there stays.
 * @property {string} [pool]
 * @property {string} [status]
 * @property {number | null} [quota]
 * @property {string} [note]
 * @property {string[]} [tags]
 * @property {string} [new_token]
 * @property {number | null} [max_inflight]
 * @property {string | null} [proxy_url]
 */

/** @param {{id: string, onClose: () => void, onDone: (account: Account) => void}} props */
export default function EditDialog({ id, onClose, onDone }) {
  const read = async (/** @type {AbortSignal | undefined} */ signal = undefined) =>
    /** @type {Account} */ ((await api.get("/tokens/item", { query: { token: id }, signal })).item);
  const state = useLoad(read, [id]);
  const [changes, setChanges] = useState(/** @type {Changes} */ ({}));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const account = state.data;
  const sent = account ? different(account, changes) : {};
  const [busy, save] = useAction(async () => {
    if (!account) return;
    if (sent.new_token && !(await mayReplace(id))) return;
    setProblem(null);
    const headers = { "if-match": `"${account.revision}"` };
    const { item } = await api.patch("/tokens/item", { token: id, ...sent }, { headers });
    toast.ok(t("saved", { id: item.id }));
    onDone(item);
    onClose();
  }, setProblem);
  const isOutdated = problem?.code === "revision_conflict";
  const change = (/** @type {Changes} */ more) => setChanges((now) => ({ ...now, ...more }));
  // Save stays off until it has come: it would send the old revision once more.
  const [taking, takeTheirs] = useAction(async () => {
    state.replace(await read());
    setProblem(null);
  }, toast.error);
  return html`<${Dialog}
    title=${t("edit_title")}
    lead=${html`<span class="mono">${id}</span> ${account && html`<span class="mono">${account.token}</span>`}`}
    onClose=${onClose}
    onSubmit=${save}
    footer=${html`<${Button} onClick=${onClose}>${t("cancel")}<//>
      <${Button}
        kind="primary"
        type="submit"
        busy=${busy}
        disabled=${!Object.keys(sent).length || isOutdated || sent.quota === null}
      >
        ${t("save")}
      <//>`}
  >
    <${Loaded} state=${state} rows=${6}>
      ${(/** @type {Account} */ found) =>
        html`${isOutdated &&
          html`<div class="failure" role="alert">
            <div class="failure-words"><p>${t("outdated")}</p></div>
            <${Button} small icon="refresh" busy=${taking} onClick=${takeTheirs}>${t("take_theirs")}<//>
          </div>`}
          <${Fields}
            account=${found}
            changes=${changes}
            onChange=${change}
            problem=${isOutdated ? null : problem}
          />`}
    <//>
  <//>`;
}

/**
 * @param {{account: Account, changes: Changes, onChange: (changes: Changes) => void,
 *   problem: import("./problems.js").Problem}} props
 */
function Fields({ account, changes, onChange, problem }) {
  const units = account.buckets.default;
  return html`<div class="stack token-form">
    <${OtherProblem} problem=${problem} fields=${FIELDS} />
    <div class="token-labels">
      <${SelectField}
        label=${t("pool")}
        value=${changes.pool ?? account.pool}
        options=${poolOptions([account.pool])}
        error=${problemAt(problem, "pool")}
        help=${account.hint ? t("hint_short", { pool: account.hint }) : undefined}
        onInput=${(/** @type {string} */ pool) => onChange({ pool })}
      />
      <${SelectField}
        label=${t("column_status")}
        value=${changes.status ?? account.status}
        error=${problemAt(problem, "status")}
        options=${statusOptions(account.status)}
        onInput=${(/** @type {string} */ status) => onChange({ status })}
      />
      ${units &&
      html`<${NumberField}
        label=${t("quota_default")}
        help=${t("quota_default_help")}
        min=${0}
        max=${1_000_000}
        step=${1}
        value=${changes.quota === undefined ? (units.remaining < 0 ? null : units.remaining) : changes.quota}
        error=${problemAt(problem, "quota")}
        onInput=${(/** @type {number | null} */ quota) => onChange({ quota })}
      />`}
    </div>
    <${ChipsField}
      label=${t("tags")}
      help=${t("tags_help")}
      value=${changes.tags ?? account.tags}
      error=${problemAt(problem, "tags")}
      onInput=${(/** @type {string[]} */ tags) => onChange({ tags })}
    />
    <${TextField}
      label=${t("note")}
      value=${changes.note ?? account.note}
      maxLength=${Math.max(NOTE_LENGTH, account.note.length)}
      error=${problemAt(problem, "note")}
      onInput=${(/** @type {string} */ note) => onChange({ note })}
    />
    <${Expert} account=${account} changes=${changes} onChange=${onChange} problem=${problem} />
  </div>`;
}

/**
 * What few need: limits, proxy, another credential.
 *
 * @param {{account: Account, changes: Changes, onChange: (changes: Changes) => void,
 *   problem: import("./problems.js").Problem}} props
 */
function Expert({ account, changes, onChange, problem }) {
  const isGlobal = changes.proxy_url === null;
  const isWrong = EXPERT.includes(problem?.param);
  return html`<${Fold} title=${t("expert")} open=${isWrong}>
    <div class="stack token-form">
      <${NumberField}
        label=${t("max_inflight")}
        help=${t("max_inflight_help")}
        min=${1}
        max=${10_000}
        step=${1}
        value=${changes.max_inflight === undefined ? account.max_inflight : changes.max_inflight}
        error=${problemAt(problem, "max_inflight")}
        onInput=${(/** @type {number | null} */ max_inflight) => onChange({ max_inflight })}
      />
      <${SecretField}
        label=${t("proxy")}
        help=${account.has_proxy ? t("proxy_kept") : t("proxy_help")}
        placeholder="socks5h://127.0.0.1:1080"
        disabled=${isGlobal}
        value=${changes.proxy_url ?? ""}
        error=${problemAt(problem, "proxy_url")}
        onInput=${(/** @type {string} */ proxy) => onChange({ proxy_url: proxy || undefined })}
      />
      ${account.has_proxy &&
      html`<${Checkbox}
        label=${t("proxy_global")}
        value=${isGlobal}
        onInput=${(/** @type {boolean} */ on) => onChange({ proxy_url: on ? null : undefined })}
      />`}
      <${SecretField}
        label=${t("new_token")}
        help=${t("new_token_help")}
        value=${changes.new_token ?? ""}
        error=${problemAt(problem, "new_token")}
        onInput=${(/** @type {string} */ token) => onChange({ new_token: token || undefined })}
      />
    </div>
  <//>`;
}

/** @param {string} now */
function statusOptions(now) {
  const values = [...new Set([now, "active", "disabled"])];
  return values.map((value) => ({ value, label: t(`status_${value}`) }));
}

/** @param {string} id */
function mayReplace(id) {
  return confirm({
    title: t("replace_title", { id }),
    body: t("replace_body"),
    action: t("replace_action"),
    danger: true,
  });
}

/**
 * Return what differs from the account as it is.
 *
 * @param {Account} account
 * @param {Changes} changes
 * @returns {Changes}
 */
function different(account, changes) {
  /** @type {Record<string, unknown>} */
  const now = {
    pool: account.pool,
    status: account.status,
    quota: account.buckets.default?.remaining,
    note: account.note,
    tags: account.tags,
    max_inflight: account.max_inflight,
  };
  const sent = Object.entries(changes).filter(
    ([name, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(now[name]),
  );
  return Object.fromEntries(sent);
}
