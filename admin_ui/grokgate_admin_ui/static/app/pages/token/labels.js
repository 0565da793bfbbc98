// What is said of accounts that are added: their pool, tags and note.

import { ChipsField, SelectField, TextField } from "../../components/fields.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { problemAt } from "./problems.js";
import { poolOptions } from "./words.js";

const t = texts("token");

/** Characters of a note (F-UI-27). */
export const NOTE_LENGTH = 50;

/** @typedef {{pool: string, tags: string[], note: string}} Labels */

/** Fields that say what is wrong with them. */
export const LABELS = ["pool", "tags", "note"];

/** What is said where nothing was chosen: the pool is found out. */
export const UNLABELED = { pool: "auto", tags: /** @type {string[]} */ ([]), note: "" };

/**
 * @param {{labels: Labels, onInput: (labels: Labels) => void, help: string,
 *   problem: import("./problems.js").Problem}} props
 */
export function LabelFields({ labels, onInput, help, problem }) {
  return html`<div class="token-labels">
    <${SelectField}
      label=${t("pool")}
      help=${help}
      value=${labels.pool}
      error=${problemAt(problem, "pool")}
      onInput=${(/** @type {string} */ pool) => onInput({ ...labels, pool })}
      options=${[{ value: "auto", label: t("pool_detect") }, ...poolOptions()]}
    />
    <${ChipsField}
      label=${t("tags")}
      help=${t("tags_help")}
      value=${labels.tags}
      error=${problemAt(problem, "tags")}
      onInput=${(/** @type {string[]} */ tags) => onInput({ ...labels, tags })}
    />
    <${TextField}
      label=${t("note")}
      value=${labels.note}
      maxLength=${NOTE_LENGTH}
      error=${problemAt(problem, "note")}
      onInput=${(/** @type {string} */ note) => onInput({ ...labels, note })}
    />
  </div>`;
}
