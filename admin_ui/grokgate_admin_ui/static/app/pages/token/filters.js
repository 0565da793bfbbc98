// Tabs, search and choosers that narrow the table (F-UI-21).

import { Button } from "../../components/button.js";
import { SearchField, SelectField } from "../../components/fields.js";
import { Tabs } from "../../components/tabs.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useSettled } from "../../lib/poll.js";
import { html, useEffect, useRef, useState } from "../../lib/preact.js";
import { isNarrowed, STATUSES, UNFILTERED } from "./asked.js";
import { poolOptions, TONES } from "./words.js";

const t = texts("token");
const TAGS = ["nsfw", "no nsfw"];

/**
 * @param {{asked: import("./asked.js").Asked, counts: Record<string, number> | undefined,
 *   onChange: (changes: Partial<import("./asked.js").Asked>) => void}} props
 */
export function StatusTabs({ asked, counts, onChange }) {
  const tabs = STATUSES.map((id) => ({
    id,
    label: t(`status_${id}`),
    count: id === "deleted" ? undefined : counts?.[id],
    tone: id === "all" || id === "deleted" ? undefined : TONES[id],
  }));
  return html`<${Tabs}
    label=${t("statuses")}
    tabs=${tabs}
    selected=${asked.status}
    onSelect=${(/** @type {string} */ status) => onChange({ status, page: 1 })}
  />`;
}

/**
 * @param {{asked: import("./asked.js").Asked, pools: Record<string, number> | undefined,
 *   total: number | undefined, onChange: (changes: Partial<import("./asked.js").Asked>) => void,
 *   children?: unknown}} props
 */
export function Filters({ asked, pools, total, onChange, children }) {
  const tags = TAGS.includes(asked.tag) || !asked.tag ? TAGS : [...TAGS, asked.tag];
  return html`<div class="token-filters">
    <${Search} value=${asked.q} onChange=${(/** @type {string} */ q) => onChange({ q, page: 1 })} />
    <${SelectField}
      ariaLabel=${t("pool")}
      value=${asked.pool}
      onInput=${(/** @type {string} */ pool) => onChange({ pool, page: 1 })}
      options=${[
        { value: "", label: t("pool_any") },
        ...poolOptions([...Object.keys(pools ?? {}), asked.pool]),
      ]}
    />
    <${SelectField}
      ariaLabel=${t("tags")}
      value=${asked.tag}
      onInput=${(/** @type {string} */ tag) => onChange({ tag, page: 1 })}
      options=${[
        { value: "", label: t("tag_any") },
        ...tags.map((value) => ({ value, label: tagLabel(value) })),
      ]}
    />
    ${(isNarrowed(asked) || asked.status !== "all") &&
    html`<${Button} kind="ghost" icon="close" onClick=${() => onChange(UNFILTERED)}>${t("reset")}<//>`}
    <span class="token-hits muted small" aria-live="polite">
      ${total === undefined ? "" : t("hits", { count: total, number: number(total) })}
    </span>
    ${children}
  </div>`;
}

/** @param {string} tag */
function tagLabel(tag) {
  return tag.startsWith("no ") ? t("tag_without", { tag: tag.slice(3) }) : t("tag_with", { tag });
}

/**
 * Says what is searched once typing has paused; follows the address, but never against the typing.
 *
 * @param {{value: string, onChange: (value: string) => void}} props
 */
function Search({ value, onChange }) {
  const [draft, setDraft] = useState(value);
  const settled = useSettled(draft, 150);
  const told = useRef(value);
  useEffect(() => {
    if (settled === told.current) return;
    told.current = settled;
    onChange(settled);
  }, [settled]);
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setDraft(value);
  }, [value]);
  return html`<${SearchField} value=${draft} onInput=${setDraft} placeholder=${t("search")} />`;
}
