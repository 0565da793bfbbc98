// Secrets: masked until the password was given, replaced by typing, made here where they are made up.

import { Button, CopyButton, IconButton } from "../../components/button.js";
import { ChipsField, TextField } from "../../components/fields.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";

const t = texts("config");
const BYTES = 24;

/**
 * Tell whether a secret is one that an operator chooses, not one that somebody else gave out.
 *
 * @param {string} key
 */
function isChosen(key) {
  return /(key|secret|password)$/.test(key);
}

/** Make a secret of 192 bits. */
function made() {
  const text = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(BYTES))));
  return text.replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * What was revealed is kept until it is hidden, or the field changes.
 *
 * @param {import("./control.js").ControlProps} props
 */
function useRevealed({ field, isEdited, value, reveal }) {
  const [told, setTold] = useState(/** @type {{of: unknown, clear: unknown} | null} */ (null));
  const [open, setOpen] = useState(false);
  const isKnown = told !== null && told.of === JSON.stringify(field.value);
  const isEmpty = field.value === "" || (Array.isArray(field.value) && !field.value.length);
  const learn = async () => {
    if (isKnown) return told.clear;
    const clear = await reveal(field.key);
    setTold({ of: JSON.stringify(field.value), clear });
    return clear;
  };
  const toggle = async () => {
    if (open) {
      setTold(null);
      setOpen(false);
      return;
    }
    try {
      if (!isEdited && !isEmpty) await learn();
      setOpen(true);
    } catch (error) {
      toast.error(error);
    }
  };
  const clear = isKnown && open ? told.clear : undefined;
  const load = async () => {
    const text = isEdited ? value : await learn();
    return Array.isArray(text) ? text.join("\n") : String(text);
  };
  return { open, setOpen, toggle, clear, isEmpty, load };
}

/** @param {{field: import("./records.js").Field, known: ReturnType<typeof useRevealed>, isEdited: boolean,
 *   disabled: boolean, onMade: () => void, noShow?: boolean}} props */
function Buttons({ field, known, isEdited, disabled, onMade, noShow = false }) {
  const hasText = isEdited || !known.isEmpty;
  return html`${hasText &&
    !noShow &&
    html`<${IconButton}
      icon=${known.open ? "eyeOff" : "eye"}
      label=${t(known.open ? "hide_named" : "show_named", { key: field.key })}
      pressed=${known.open}
      onClick=${known.toggle}
    />`}
    ${hasText && html`<${CopyButton} small=${false} label=${t("copy_named", { key: field.key })} load=${known.load} />`}
    ${isChosen(field.key) && !disabled && html`<${Button} icon="refresh" onClick=${onMade}>${t("generate")}<//>`}`;
}

/** @param {import("./control.js").ControlProps} props */
export function SecretText(props) {
  const { field, value, isEdited, error, disabled, onInput } = props;
  const known = useRevealed(props);
  const shown = isEdited ? String(value ?? "") : String(known.clear ?? "");
  const change = (/** @type {string} */ text) => {
    // Nothing typed is no change, unless the secret was seen and taken away.
    const isBack = known.clear === undefined ? text === "" : text === known.clear;
    onInput(isBack ? field.value : text);
  };
  const hint = isEdited && value === "" ? t("secret_removed") : known.isEmpty ? t("secret_none") : String(field.value);
  return html`<${TextField}
    ariaLabel=${field.key}
    mono
    type=${known.open || !shown ? "text" : "password"}
    autocomplete="off"
    value=${shown}
    placeholder=${hint}
    error=${error}
    disabled=${disabled}
    onInput=${change}
    after=${html`<${Buttons}
      field=${field}
      known=${known}
      isEdited=${isEdited && value !== ""}
      disabled=${disabled}
      onMade=${() => {
        known.setOpen(true);
        onInput(made());
      }}
    />`}
  />`;
}

/** @param {import("./control.js").ControlProps} props */
export function SecretList(props) {
  const { field, value, isEdited, error, disabled, onInput } = props;
  const known = useRevealed(props);
  const masks = /** @type {string[]} */ (field.value ?? []);
  const isAlike = new Set(masks).size < masks.length && !isEdited && known.clear === undefined;
  const shown = /** @type {string[]} */ (isEdited ? value : (known.clear ?? masks));
  return html`<div class="config-secrets">
    <${ChipsField}
      ariaLabel=${field.key}
      value=${isAlike ? [...new Set(shown)] : shown}
      placeholder=${disabled ? t("secret_none") : t("list_hint")}
      disabled=${disabled || isAlike}
      error=${error}
      help=${isAlike ? t("secrets_alike") : undefined}
      onInput=${onInput}
    />
    <div class="control-line">
      <${Buttons}
        field=${field}
        known=${known}
        isEdited=${isEdited}
        disabled=${disabled}
        noShow=${isEdited}
        onMade=${() => onInput([...shown, `sk-${made()}`])}
      />
    </div>
  </div>`;
}
