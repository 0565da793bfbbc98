// Which rows of the request log are wanted.

import { Button } from "../../components/button.js";
import { Segmented, SelectField, TextField } from "../../components/fields.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useEffect, useId, useRef, useState } from "../../lib/preact.js";
import { RANGES } from "./rows.js";
import { fieldMoment, fieldText } from "./times.js";

/** @typedef {import("./rows.js").Filter} Filter */

const t = texts("datacenter");
const SETTLES_MS = 300;
const STATUSES = [200, 400, 401, 403, 404, 408, 409, 413, 415, 429, 499, 500, 502, 503, 504];
const ERRORS = [
  ..."content_policy_violation context_length_exceeded daily_quota_exceeded empty_response".split(" "),
  ..."endpoint_disabled endpoint_not_allowed image_generation_failed internal_error".split(" "),
  ..."invalid_api_key invalid_value model_not_found model_not_supported".split(" "),
  ..."no_tokens_configured overloaded rate_limit_exceeded request_timeout".split(" "),
  ..."runtime_store_unavailable storage_unavailable".split(" "),
  ..."upstream_blocked upstream_error upstream_timeout".split(" "),
];

/**
 * @param {{filter: Filter, count: number, onInput: (changes: Partial<Filter>) => void,
 *   onClear: () => void}} props
 */
export function Filters({ filter, count, onInput, onClear }) {
  const [open, setOpen] = useState(false);
  const known = useKnown();
  const id = useId();
  const change = (/** @type {keyof Filter} */ name) => (/** @type {string} */ value) =>
    onInput({ [name]: value });
  return html`<div class="dc-filters" role="search" aria-label=${t("filters")}>
    <div class="dc-filters-head">
      <${Segmented}
        ariaLabel=${t("outcome")}
        value=${filter.outcome}
        options=${[
          { value: "", label: t("outcome_all") },
          { value: "good", label: t("success") },
          { value: "failed", label: t("failed") },
        ]}
        onInput=${change("outcome")}
      />
      <${Button} class="dc-filters-toggle" icon="filter" expanded=${open} onClick=${() => setOpen(!open)}>
        ${count ? t("filters_count", { count }) : t("filters")}
      <//>
      ${count > 0 && html`<${Button} kind="ghost" icon="close" onClick=${onClear}>${t("filters_clear")}<//>`}
    </div>
    <div class=${`dc-fields ${open ? "dc-fields-open" : ""}`}>
      <${SelectField}
        label=${t("range")}
        value=${filter.range}
        options=${["", ...Object.keys(RANGES), "own"].map((value) => ({
          value,
          label: t(`range_${value || "any"}`),
        }))}
        onInput=${change("range")}
      />
      ${filter.range === "own" &&
      html`<${Moment} label=${t("since")} value=${filter.since} onInput=${(/** @type {number} */ since) => onInput({ since })} />
        <${Moment} label=${t("until")} value=${filter.until} onInput=${(/** @type {number} */ until) => onInput({ until })} />`}
      <${SelectField}
        label=${t("callers")}
        value=${String(filter.known)}
        options=${[
          { value: "false", label: t("callers_all") },
          { value: "true", label: t("callers_known") },
        ]}
        onInput=${(/** @type {string} */ value) => onInput({ known: value === "true" })}
      />
      <${SelectField}
        label=${t("status")}
        value=${filter.status}
        options=${choices(t("any"), STATUSES.map(String), filter.status)}
        onInput=${change("status")}
      />
      <${SelectField}
        label=${t("endpoint")}
        value=${filter.endpoint}
        options=${choices(t("any_endpoint"), known.endpoints, filter.endpoint)}
        onInput=${change("endpoint")}
      />
      <${Word} label=${t("model")} list=${`${id}-models`} value=${filter.model} onInput=${change("model")} />
      <${Word} label=${t("key")} list=${`${id}-keys`} value=${filter.key} onInput=${change("key")} />
      <${Word} label=${t("last_account")} placeholder="tok_…" value=${filter.token} onInput=${change("token")} />
      <${Word} label=${t("error_code")} list=${`${id}-errors`} value=${filter.error} onInput=${change("error")} />
      <${Word} label=${t("request_id")} placeholder="req_…" value=${filter.id} onInput=${change("id")} />
    </div>
    <${Words} id=${`${id}-models`} words=${known.models} />
    <${Words} id=${`${id}-keys`} words=${known.keys} />
    <${Words} id=${`${id}-errors`} words=${ERRORS} />
  </div>`;
}

/**
 * @param {string} any
 * @param {string[]} known
 * @param {string} chosen
 */
function choices(any, known, chosen) {
  const all = chosen && !known.includes(chosen) ? [...known, chosen] : known;
  return [{ value: "", label: any }, ...all.map((value) => ({ value, label: value }))];
}

/** @param {{id: string, words: string[]}} props */
function Words({ id, words }) {
  return html`<datalist id=${id}>${words.map((word) => html`<option key=${word} value=${word} />`)}</datalist>`;
}

/**
 * A word that counts once the typing has paused, or the field is left: as by clearing all filters,
 * which no late word may follow.
 *
 * @param {{label: string, value: string, onInput: (value: string) => void, list?: string,
 *   placeholder?: string}} props
 */
function Word({ value, onInput, placeholder = t("any"), ...rest }) {
  const [draft, setDraft] = useState(value);
  const timer = useRef(0);
  useEffect(() => setDraft(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const tell = (/** @type {string} */ text) => {
    clearTimeout(timer.current);
    if (text !== value) onInput(text);
  };
  return html`<${TextField}
    ...${rest}
    autocomplete="off"
    placeholder=${placeholder}
    value=${draft}
    onInput=${(/** @type {string} */ text) => {
      setDraft(text);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => tell(text), SETTLES_MS);
    }}
    onBlur=${() => tell(draft)}
  />`;
}

/**
 * @param {{label: string, value: number, onInput: (value: number) => void}} props Unix milliseconds.
 */
function Moment({ label, value, onInput }) {
  return html`<${TextField}
    class="dc-moment"
    label=${label}
    type="datetime-local"
    value=${fieldText(value)}
    onInput=${(/** @type {string} */ text) => onInput(fieldMoment(text))}
  />`;
}

/** Names that the fields offer; what cannot be learned is typed. */
function useKnown() {
  const { data } = useLoad(async (signal) => {
    const read = (/** @type {string} */ path) => api.get(path, { signal, quiet: true }).catch(() => ({}));
    const [models, keys, switches] = await Promise.all([read("/models"), read("/keys"), read("/downstream")]);
    return {
      models: (models.models ?? []).map((/** @type {any} */ model) => model.id),
      keys: (keys.data ?? []).map((/** @type {any} */ key) => key.name),
      endpoints: (switches.endpoints ?? []).flatMap((/** @type {any} */ endpoint) =>
        endpoint.operations.map((/** @type {any} */ one) => `${one.method} ${one.path}`),
      ),
    };
  }, []);
  return data ?? { models: [], keys: [], endpoints: [] };
}
