// Dialogs: the browser's own, so that focus stays in them and Esc closes them.

import { texts } from "../lib/i18n.js";
import { useModal } from "../lib/modal.js";
import { html, signal, useId, useRef, useState } from "../lib/preact.js";
import { asked } from "../lib/session.js";
import { Button, IconButton } from "./button.js";
import { SecretField } from "./fields.js";
import { messageOf } from "./states.js";

const t = texts("common");

/**
 * A window over the page; the page stays still beneath it.
 *
 * @param {{title: unknown, lead?: unknown, onClose: () => void, footer?: unknown,
 *   side?: boolean, wide?: boolean, onSubmit?: () => unknown, children?: unknown}} props
 *   With `onSubmit` it is a form. Side: it stands at the right edge, over the whole height.
 */
export function Dialog({ title, lead, onClose, footer, side = false, wide = false, onSubmit, children }) {
  const place = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const pressed = useRef(false);
  const written = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const id = useId();
  useModal(place, onClose);
  const holdsText = () => Boolean(written.current?.isConnected && written.current.value.trim());
  const leave = async () => {
    if (!holdsText() || (await mayDrop())) onClose();
  };
  const inner = html`<div class="dialog-header">
      <div class="dialog-words">
        <h2 id=${id}>${title}</h2>
        ${lead && html`<p class="muted small">${lead}</p>`}
      </div>
      <${IconButton} icon="close" label=${t("close")} onClick=${onClose} />
    </div>
    <div class="dialog-body">${children}</div>
    ${footer && html`<div class="dialog-footer">${footer}</div>`}`;
  return html`<dialog
    ref=${place}
    class=${`dialog ${side ? "dialog-side" : ""} ${wide ? "dialog-wide" : ""}`}
    aria-labelledby=${id}
    onInput=${(/** @type {InputEvent} */ { target }) => {
      if (target instanceof HTMLTextAreaElement) written.current = target;
    }}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      // Before the browser closes it, as it does at the second Esc whatever the page says.
      if (event.key !== "Escape" || event.defaultPrevented || !holdsText()) return;
      event.preventDefault();
      void leave();
    }}
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      void leave();
    }}
    onPointerDown=${(/** @type {PointerEvent} */ event) => {
      pressed.current = event.target === place.current;
    }}
    onClick=${(/** @type {MouseEvent} */ event) => {
      if (pressed.current && event.target === place.current) void leave();
    }}
  >
    ${onSubmit
      ? html`<form
          class="dialog-frame"
          novalidate
          onSubmit=${(/** @type {SubmitEvent} */ event) => {
            event.preventDefault();
            void onSubmit();
          }}
        >
          ${inner}
        </form>`
      : html`<div class="dialog-frame">${inner}</div>`}
  </dialog>`;
}

/**
 * @typedef {object} Question
 * @property {unknown} title
 * @property {unknown} [body]
 * @property {string} [action] What the button says.
 * @property {boolean} [danger]
 * @property {(given: boolean) => void} resolve
 */

const question = signal(/** @type {Question | null} */ (null));

/**
 * Ask before something is done; resolves to whether it may be.
 *
 * @param {Omit<Question, "resolve">} asking Its title names how many things it is about.
 * @returns {Promise<boolean>}
 */
export function confirm(asking) {
  question.value?.resolve(false);
  return new Promise((resolve) => {
    question.value = {
      ...asking,
      resolve: (given) => {
        question.value = null;
        resolve(given);
      },
    };
  });
}

/** Ask before a text that somebody wrote is gone. */
function mayDrop() {
  return confirm({ title: t("drop_title"), body: t("drop_body"), action: t("drop_action"), danger: true });
}

/** Shows what `confirm` and the API's wish for the password ask; stands once in the shell. */
export function DialogHost() {
  return html`${question.value && html`<${Confirm} asking=${question.value} />`}
  ${asked.value && html`<${Password} asking=${asked.value} />`}`;
}

/** @param {{asking: Question}} props */
function Confirm({ asking }) {
  const { title, body, action, danger = false, resolve } = asking;
  return html`<${Dialog}
    title=${title}
    onClose=${() => resolve(false)}
    onSubmit=${() => resolve(true)}
    footer=${html`<${Button} onClick=${() => resolve(false)}>${t("cancel")}<//>
      <${Button} kind=${danger ? "danger" : "primary"} type="submit" autofocus=${!danger}>
        ${action ?? t("go_on")}
      <//>`}
  >
    ${body && html`<div class="prose">${body}</div>`}
  <//>`;
}

/** @param {{asking: import("../lib/session.js").Asked}} props */
function Password({ asking }) {
  const [password, setPassword] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    try {
      await asking.check(password);
      asking.resolve(true);
    } catch (problem) {
      setError(messageOf(problem));
      setBusy(false);
    }
  };
  return html`<${Dialog}
    title=${t("password_title")}
    lead=${t("password_lead")}
    onClose=${() => asking.resolve(false)}
    onSubmit=${submit}
    footer=${html`<${Button} onClick=${() => asking.resolve(false)}>${t("cancel")}<//>
      <${Button} kind="primary" type="submit" busy=${busy} disabled=${!password}>${t("go_on")}<//>`}
  >
    <${SecretField}
      label=${t("password")}
      value=${password}
      onInput=${setPassword}
      error=${error}
      autocomplete="current-password"
      autofocus
    />
  <//>`;
}
