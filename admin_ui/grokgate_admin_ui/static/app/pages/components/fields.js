// Controls of forms, with help, with errors, and switched off.

import {
  Checkbox,
  ChipsField,
  FileDrop,
  Note,
  NumberField,
  SearchField,
  SecretField,
  Segmented,
  SelectField,
  SwitchField,
  TextArea,
  TextField,
} from "../../components/fields.js";
import { Stack } from "../../components/layout.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { Example } from "./example.js";

const t = texts("components");

/** What is typed, chosen and switched. */
export function Fields() {
  return html`<div class="kit-grid">
    <${Example} title=${t("text_fields")} code="TextField, NumberField, TextArea, SecretField">
      <${Texts} />
    <//>
    <${Example} title=${t("choices")} code="SelectField, Segmented, SwitchField, Checkbox">
      <${Choices} />
    <//>
    <${Example} title=${t("lists_and_files")} code="ChipsField, SearchField, FileDrop"><${More} /><//>
    <${Example} title=${t("refused")} code="error, disabled, Note"><${Refused} /><//>
  </div>`;
}

function Texts() {
  const [name, setName] = useState("primary");
  const [limit, setLimit] = useState(/** @type {number | null} */ (300));
  const [note, setNote] = useState("");
  const [secret, setSecret] = useState("correct horse");
  return html`<${Stack} gap=${4}>
    <${TextField} label=${t("field_name")} help=${t("field_name_help")} required value=${name} onInput=${setName} />
    <${NumberField}
      label=${t("field_limit")}
      unit=${t("field_limit_unit")}
      min=${0}
      max=${1000}
      value=${limit}
      onInput=${setLimit}
    />
    <${TextArea}
      label=${t("field_note")}
      placeholder=${t("field_note_hint")}
      rows=${3}
      value=${note}
      onInput=${setNote}
    />
    <${SecretField} label=${t("field_secret")} value=${secret} onInput=${setSecret} />
  <//>`;
}

function Choices() {
  const [pool, setPool] = useState("basic");
  const [view, setView] = useState("day");
  const [on, setOn] = useState(true);
  const [week, setWeek] = useState(true);
  const [month, setMonth] = useState(false);
  return html`<${Stack} gap=${4}>
    <${SelectField}
      label=${t("field_pool")}
      value=${pool}
      options=${named("basic", "super", "heavy")}
      onInput=${setPool}
    />
    <${Segmented}
      label=${t("field_period")}
      value=${view}
      options=${named("day", "week", "month")}
      onInput=${setView}
    />
    <${SwitchField} label=${t("field_switch")} help=${t("field_switch_help")} value=${on} onInput=${setOn} />
    <${SwitchField} label=${t("field_switch_busy")} value=${false} busy onInput=${() => {}} />
    <${Stack} gap=${2}>
      <${Checkbox} label=${t("choice_week")} value=${week} onInput=${setWeek} />
      <${Checkbox} label=${t("choice_month")} value=${month} onInput=${setMonth} />
      <${Checkbox} label=${t("choice_some")} value="mixed" onInput=${() => {}} />
    <//>
  <//>`;
}

/** @param {string[]} names */
function named(...names) {
  return names.map((value) => ({ value, label: t(`choice_${value}`) }));
}

function More() {
  const [tags, setTags] = useState(["eu", "trial"]);
  const [word, setWord] = useState("");
  const [files, setFiles] = useState("");
  return html`<${Stack} gap=${4}>
    <${ChipsField} label=${t("field_tags")} help=${t("field_tags_help")} value=${tags} onInput=${setTags} />
    <${SearchField} value=${word} onInput=${setWord} placeholder=${t("field_search")} />
    <${FileDrop}
      label=${t("field_file")}
      help=${files || t("field_file_help")}
      multiple
      onFiles=${(/** @type {File[]} */ given) => setFiles(given.map((file) => file.name).join(", "))}
    />
  <//>`;
}

function Refused() {
  return html`<${Stack} gap=${4}>
    <${Note}>${t("note_refused")}<//>
    <${TextField} label=${t("field_name")} error=${t("field_error")} value="" onInput=${() => {}} />
    <${NumberField} label=${t("field_limit")} error=${t("field_range")} value=${-5} onInput=${() => {}} />
    <${TextField} label=${t("field_locked")} help=${t("field_locked_help")} disabled value="127.0.0.1" onInput=${() => {}} />
    <${SwitchField} label=${t("field_locked")} disabled value=${false} onInput=${() => {}} />
  <//>`;
}
