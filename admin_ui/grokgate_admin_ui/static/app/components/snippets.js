// A call to copy: as a command, or as code.

import { useBase } from "../lib/base.js";
import { texts } from "../lib/i18n.js";
import { pref } from "../lib/prefs.js";
import { html } from "../lib/preact.js";
import { example } from "../lib/snippets-calls.js";
import { snippets } from "../lib/snippets.js";
import { Code } from "./code.js";
import { Segmented } from "./fields.js";

const t = texts("kit");

/** The way that was copied last is the way that is shown first. */
const preferred = pref("snippet", "curl");

/**
 * Shows how to make a call from outside. Without *body* and *form* an example is sent.
 *
 * @param {{path: string, method?: string, body?: Record<string, unknown> | null,
 *   form?: Record<string, string> | null, stream?: boolean, model?: string, label?: string}} props
 */
export function Snippets({ path, method = "POST", body, form, stream, model, label }) {
  const known = useBase();
  const words = {
    model: model ?? known.model ?? undefined,
    imageModel: known.imageModel ?? undefined,
    videoModel: known.videoModel ?? undefined,
    prompt: t("snippet_prompt"),
  };
  const sent = body || form ? { body, form } : example(method, path, words);
  const ways = snippets({ base: known.base, path, method, stream, ...sent });
  const chosen = ways.find((way) => way.id === preferred.value) ?? ways[0];
  if (!chosen) return html`<p class="muted small">${t("snippet_none")}</p>`;
  return html`<div class="snippets">
    <${Segmented}
      label=${label}
      ariaLabel=${t("snippet_kind")}
      value=${chosen.id}
      options=${ways.map(({ id }) => ({ value: id, label: t(`snippet_${id}`) }))}
      onInput=${(/** @type {string} */ id) => (preferred.value = id)}
    />
    <${Code} text=${chosen.code} language=${t(`snippet_${chosen.id}`)} label=${t(`snippet_${chosen.id}_code`)} />
    <p class="muted small">${t("snippet_key")}</p>
  </div>`;
}
