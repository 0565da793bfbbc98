// One setting: what it is for, its control, where its value comes from, and the ways back.

import { Badge, Tip } from "../../components/badge.js";
import { Button, CopyButton, IconButton } from "../../components/button.js";
import { Icon } from "../../components/icon.js";
import { language, texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { Control } from "./control.js";
import { brief, isFixed, rangeOf, same, tomlOf } from "./records.js";
import { TryButton } from "./try-out.js";

const t = texts("config");

/**
 * @typedef {object} Acts What the rows of a page have in common.
 * @property {(field: import("./records.js").Field, value: unknown) => void} edit
 * @property {(key: string) => void} undo Take back what was not saved.
 * @property {(key: string) => void} keep Save over what somebody else saved meanwhile.
 * @property {(key: string) => Promise<unknown>} reveal
 * @property {(kind: string, value?: string) => Promise<void>} tryOut
 * @property {(key: string) => string[]} suggestions
 * @property {(field: import("./records.js").Field) => string} remark
 */

/**
 * @param {{field: import("./records.js").Field, edit?: import("./records.js").Edit, error: string,
 *   acts: Acts}} props
 */
export function FieldRow({ field, edit, error, acts }) {
  const value = edit ? edit.value : field.value;
  const isUsual = edit ? same(value, field.default) : !field.changed;
  const disabled = isFixed(field);
  const isOfFile = !field.secret && (field.locked_by === "config.toml" || (field.startup && !field.locked_by));
  const id = `setting-${field.key}`;
  const at = field.key.lastIndexOf(".") + 1;
  return html`<div
    class=${`config-row ${edit ? "config-edited" : ""}`}
    id=${id}
    role="group"
    aria-labelledby=${`${id}-name`}
    aria-describedby=${`${id}-help`}
  >
    <div class="config-words">
      <div class="row row-wrap config-name">
        <h3 class="break" id=${`${id}-name`}>
          <span class="visually-hidden">${field.key.slice(0, at)}</span><code>${field.key.slice(at)}</code>
        </h3>
        <${Marks} field=${field} isEdited=${edit !== undefined} />
      </div>
      <p class="muted small break" id=${`${id}-help`}>${field.help[language.value] || field.help.en}</p>
    </div>
    <div class="config-control">
      <div class="config-line">
        <div class="config-field">
          <${Control}
            field=${field}
            value=${value}
            isEdited=${edit !== undefined}
            error=${error}
            disabled=${disabled}
            suggestions=${acts.suggestions(field.key)}
            reveal=${acts.reveal}
            onInput=${(/** @type {unknown} */ next) => acts.edit(field, next)}
          />
        </div>
        <${TryButton} field=${field} edit=${edit} onTry=${acts.tryOut} />
        ${edit && html`<${IconButton} icon="close" label=${t("undo", { key: field.key })} onClick=${() => acts.undo(field.key)} />`}
        ${!isUsual &&
        !disabled &&
        html`<${IconButton} icon="undo" label=${t("reset", { key: field.key })} onClick=${() => acts.edit(field, field.default)} />`}
        ${isOfFile && html`<${CopyButton} small=${false} text=${tomlOf(field)} label=${t("copy_lines", { key: field.key })} />`}
      </div>
      <${Hints} field=${field} isUsual=${isUsual} error=${error} remark=${acts.remark(field)} />
      ${edit && !same(edit.base, field.value) && html`<${Overtaken} field=${field} acts=${acts} />`}
    </div>
  </div>`;
}

/** @param {{field: import("./records.js").Field, isEdited: boolean}} props */
function Marks({ field, isEdited }) {
  const { locked_by: lock, startup, changed } = field;
  const by = lock && field.origin === "overlay" ? t("by_option") : lock;
  return html`${isEdited && html`<${Badge} tone="accent">${t("unsaved")}<//>`}
  ${changed && !isEdited && html`<${Badge} tone="muted">${t("not_default")}<//>`}
  ${by &&
  html`<${Tip} text=${by === "config.toml" ? t("file_only") : t("locked_more", { by })}>
    <${Badge} icon="lock" tone="muted">${by}<//>
  <//>`}
  ${startup && html`<${Tip} text=${t("startup_more")}><${Badge} icon="clock" tone="warn">${t("startup")}<//><//>`}`;
}

/** @param {{field: import("./records.js").Field, isUsual: boolean, error: string, remark: string}} props */
function Hints({ field, isUsual, error, remark }) {
  const isNumber = field.type === "int" || field.type === "float";
  const said = [
    remark,
    isNumber && !error ? rangeOf(field) : "",
    isUsual ? "" : t("default_is", { value: brief(field.default, field.unit) }),
    field.changed && (field.origin === "file" || field.origin === "database") ? t(`origin_${field.origin}`) : "",
  ].filter(Boolean);
  return said.length > 0 && html`<p class="muted small break">${said.join(" · ")}</p>`;
}

/** @param {{field: import("./records.js").Field, acts: Acts}} props */
function Overtaken({ field, acts }) {
  return html`<div class="config-overtaken small" role="status">
    <${Icon} name="alert" size=${16} />
    <span class="break">${t("overtaken", { value: brief(field.value, field.unit) })}</span>
    <${Button} small onClick=${() => acts.undo(field.key)}>${t("take_theirs")}<//>
    <${Button} small onClick=${() => acts.keep(field.key)}>${t("keep_mine")}<//>
  </div>`;
}
