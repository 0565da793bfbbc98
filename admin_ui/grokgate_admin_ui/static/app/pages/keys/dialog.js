// A key is made, or changed.

import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Checkbox, ChipsField, Note, NumberField, SecretField, SwitchField, TextField } from "../../components/fields.js";
import { Grid, Row, Stack } from "../../components/layout.js";
import { messageOf } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useOwnClose } from "../../lib/modal.js";
import { html, useState } from "../../lib/preact.js";
import { KINDS, limitOf, RECOMMENDED, UNLIMITED } from "./records.js";

const t = texts("keys");

/** @typedef {import("./records.js").Key} Key */

/**
 * @typedef {object} Draft
 * @property {string} name
 * @property {string} key
 * @property {boolean} is_active
 * @property {number | null} chat_limit
 * @property {number | null} heavy_limit
 * @property {number | null} image_limit
 * @property {number | null} video_limit
 * @property {string} expires
 * @property {number | null} rpm
 * @property {number | null} max_inflight
 * @property {string[]} allowed_models
 * @property {string[]} allowed_endpoints
 * @property {string[]} allowed_ips
 * @property {string[]} token_tags
 */

/**
 * @param {Key | undefined} key
 * @returns {Draft}
 */
function draftOf(key) {
  const limits = Object.fromEntries(
    KINDS.map((kind) => [`${kind}_limit`, key ? limitOf(key, kind) : UNLIMITED[`${kind}_limit`]]),
  );
  return {
    name: key?.name ?? "",
    key: "",
    is_active: key?.is_active ?? true,
    .../** @type {typeof UNLIMITED} */ (limits),
    expires: key?.expires_at ? localMinute(key.expires_at * 1000) : "",
    rpm: key?.rpm ?? null,
    max_inflight: key?.max_inflight ?? null,
    allowed_models: key?.allowed_models ?? [],
    allowed_endpoints: key?.allowed_endpoints ?? [],
    allowed_ips: key?.allowed_ips ?? [],
    token_tags: key?.token_tags ?? [],
  };
}

/**
 * Write a moment as the browser's field for dates does.
 *
 * @param {number} ms
 */
function localMinute(ms) {
  const date = new Date(ms);
  date.setMinutes(date.getMinutes() - date.getTimezoneOffset());
  return date.toISOString().slice(0, 16);
}

/** @param {Draft} draft */
function bodyOf({ key, expires, ...rest }) {
  const limits = Object.fromEntries(KINDS.map((kind) => [`${kind}_limit`, rest[`${kind}_limit`] ?? -1]));
  return { ...rest, ...limits, expires_at: expires ? Math.floor(new Date(expires).getTime() / 1000) : null };
}

/**
 * @param {{edited?: Key, onClose: () => void, onDone: (created: Key | null) => void}} props
 */
export function KeyDialog({ edited, onClose, onDone }) {
  const close = useOwnClose(onClose);
  const [before] = useState(() => draftOf(edited));
  const [draft, setDraft] = useState(before);
  const [accepted, setAccepted] = useState(false);
  const [isShort, setIsShort] = useState(false);
  const [problem, setProblem] = useState(/** @type {{param: string | null, message: string} | null} */ (null));
  const [busy, setBusy] = useState(false);
  const set = (/** @type {Partial<Draft>} */ changes) => setDraft((now) => ({ ...now, ...changes }));
  const errorAt = (/** @type {string} */ field) => (problem?.param === field ? problem.message : undefined);

  const submit = async () => {
    setBusy(true);
    setProblem(null);
    try {
      if (edited) {
        await api.post("/keys/update", { key: edited.id, ...changedOnly(before, draft) });
        onDone(null);
      } else {
        const { data } = await api.post("/keys", { ...bodyOf(draft), key: draft.key, ...(accepted ? { confirm: true } : {}) });
        onDone(data);
      }
      close();
    } catch (error) {
      const { param = null, code = "" } = /** @type {{param?: string | null, code?: string}} */ (error);
      setProblem({ param: code === "duplicate_key" ? "key" : param, message: messageOf(error) });
      setIsShort(param === "confirm" || (draft.key.length > 0 && draft.key.length < 16));
      setBusy(false);
    }
  };

  return html`<${Dialog}
    side
    title=${edited ? t("edit_title", { name: edited.name || edited.display_key }) : t("create")}
    onClose=${onClose}
    onSubmit=${submit}
    footer=${html`<${Button} onClick=${onClose}>${t("cancel")}<//>
      <${Button} kind="primary" type="submit" busy=${busy}>${edited ? t("save") : t("create")}<//>`}
  >
    <${Stack}>
      <${TextField} label=${t("name")} value=${draft.name} maxLength=${100} error=${errorAt("name")} autofocus onInput=${(/** @type {string} */ name) => set({ name })} />
      ${edited
        ? html`<${TextField} label=${t("key")} value=${edited.display_key} disabled mono help=${t("key_fixed")} onInput=${() => {}} />`
        : html`<${SecretField}
            label=${t("key")}
            help=${t("key_help")}
            value=${draft.key}
            placeholder=${t("key_made")}
            error=${errorAt("key")}
            onInput=${(/** @type {string} */ key) => set({ key })}
            after=${html`<${Button} icon="refresh" onClick=${() => set({ key: generated() })}>${t("generate")}<//>`}
          />`}
      ${isShort && html`<${Checkbox} label=${t("short_accept")} value=${accepted} onInput=${setAccepted} />`}
      <fieldset class="keys-limits">
        <legend class="field-label">${t("limits")}</legend>
        <p class="field-help">${t("limits_help")}</p>
        <${Row} gap=${2}>
          <${Button} small onClick=${() => set(RECOMMENDED)}>${t("recommended")}<//>
          <${Button} small onClick=${() => set(UNLIMITED)}>${t("unlimited")}<//>
        <//>
        <${Grid} min="12rem" gap=${3}>
          ${KINDS.map(
            (kind) =>
              html`<${NumberField}
                key=${kind}
                label=${t(`kind_${kind}`)}
                min=${-1}
                value=${draft[`${kind}_limit`]}
                error=${errorAt(`${kind}_limit`)}
                onInput=${(/** @type {number | null} */ value) => set({ [`${kind}_limit`]: value })}
              />`,
          )}
        <//>
      </fieldset>
      <${SwitchField} label=${t("active")} value=${draft.is_active} onInput=${(/** @type {boolean} */ on) => set({ is_active: on })} />
      <details class="keys-expert" open=${problem?.param ? true : undefined}>
        <summary>${t("expert")}</summary>
        <${Expert} draft=${draft} set=${set} errorAt=${errorAt} />
      </details>
      ${problem && !problem.param && html`<${Note}>${problem.message}<//>`}
    <//>
  <//>`;
}

/** @param {{draft: Draft, set: (changes: Partial<Draft>) => void, errorAt: (field: string) => string | undefined}} props */
function Expert({ draft, set, errorAt }) {
  return html`<${Stack}>
    <${TextField}
      label=${t("expires")}
      help=${t("expires_help")}
      type="datetime-local"
      value=${draft.expires}
      error=${errorAt("expires_at")}
      onInput=${(/** @type {string} */ expires) => set({ expires })}
    />
    <${Grid} min="12rem" gap=${3}>
      <${NumberField} label=${t("rpm")} min=${1} value=${draft.rpm} error=${errorAt("rpm")} placeholder=${t("no_limit")} onInput=${(/** @type {number | null} */ rpm) => set({ rpm })} />
      <${NumberField}
        label=${t("max_inflight")}
        min=${1}
        value=${draft.max_inflight}
        placeholder=${t("no_limit")}
        error=${errorAt("max_inflight")}
        onInput=${(/** @type {number | null} */ value) => set({ max_inflight: value })}
      />
    <//>
    ${/** @type {const} */ (["allowed_models", "allowed_endpoints", "allowed_ips", "token_tags"]).map(
      (field) =>
        html`<${ChipsField}
          key=${field}
          label=${t(field)}
          help=${t(`${field}_help`)}
          value=${draft[field]}
          error=${errorAt(field)}
          onInput=${(/** @type {string[]} */ value) => set({ [field]: value })}
        />`,
    )}
  <//>`;
}

/** Make a key here, so that it can be copied before it is saved. */
function generated() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  const text = btoa(String.fromCharCode(...bytes));
  return `sk-${text.replaceAll("+", "-").replaceAll("/", "_")}`;
}

/**
 * Return what differs, as the admin API takes it.
 *
 * @param {Draft} before
 * @param {Draft} after
 */
function changedOnly(before, after) {
  const old = Object.entries(bodyOf(before));
  const now = /** @type {Record<string, unknown>} */ (bodyOf(after));
  return Object.fromEntries(
    old.filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(now[name])).map(([name]) => [name, now[name]]),
  );
}
