// Where a question is written, with what goes along.

import { Button, IconButton } from "../../components/button.js";
import { Icon } from "../../components/icon.js";
import { bytes } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useLayoutEffect, useRef } from "../../lib/preact.js";
import { pref } from "../../lib/prefs.js";
import { useBlobUrl } from "./hooks.js";
import { newId } from "./sessions.js";
import { isPicture } from "./uploads.js";

const t = texts("chat");

/** @typedef {import("./sessions.js").Attachment} Attachment */
/** @typedef {{text: string, files: Attachment[]}} Draft */

/** Whether Enter sends; else it begins a line, and Ctrl+Enter sends. */
export const enterSends = pref("chat_enter_sends", true);

/** @returns {Draft} */
export function noDraft() {
  return { text: "", files: [] };
}

/**
 * @param {File} file
 * @returns {Attachment}
 */
export function attachmentOf(file) {
  const name = file.name || "file";
  return { id: newId(), name, mime: file.type, size: file.size, blob: file };
}

/**
 * Tell whether a key sends what is written.
 *
 * @param {KeyboardEvent} event
 */
export function isSending(event) {
  if (event.key !== "Enter" || event.isComposing || event.shiftKey) return false;
  if (event.ctrlKey || event.metaKey) return true;
  return enterSends.value && !event.altKey && !matchMedia("(pointer: coarse)").matches;
}

/**
 * @param {{draft: Draft, onDraft: (draft: Draft) => void, onSend: () => void, onStop: () => void,
 *   busy: boolean, disabled?: boolean}} props Busy: an answer is being made.
 */
export function Composer({ draft, onDraft, onSend, onStop, busy, disabled = false }) {
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const chooser = useRef(/** @type {HTMLInputElement | null} */ (null));
  const isEmpty = !draft.text.trim() && !draft.files.length;
  useLayoutEffect(() => fit(area.current), [draft.text]);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!isEmpty && !busy && !disabled) onSend();
  };
  return html`<form class="composer" onSubmit=${submit}>
    ${draft.files.length > 0 &&
    html`<${Files}
      files=${draft.files}
      onRemove=${(/** @type {string} */ id) =>
        onDraft({ ...draft, files: draft.files.filter((file) => file.id !== id) })}
    />`}
    <textarea
      ref=${area}
      class="composer-text"
      rows="1"
      aria-label=${t("ask")}
      placeholder=${t("ask")}
      value=${draft.text}
      onInput=${(/** @type {any} */ event) => onDraft({ ...draft, text: event.target.value })}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => isSending(event) && submit(event)}
    ></textarea>
    <div class="composer-bar">
      <${IconButton} icon="plus" label=${t("attach")} onClick=${() => chooser.current?.click()} />
      <input
        ref=${chooser}
        type="file"
        multiple
        hidden
        aria-label=${t("attach")}
        onChange=${(/** @type {any} */ event) => {
          onDraft({ ...draft, files: [...draft.files, ...[...event.target.files].map(attachmentOf)] });
          event.target.value = "";
        }}
      />
      <span class="composer-hint muted">${enterSends.value ? t("hint_enter") : t("hint_ctrl_enter")}</span>
      ${busy
        ? html`<${Button}
          kind="primary"
          icon="stop"
          class="composer-send"
          onClick=${onStop}
        >${t("stop")}<//>`
        : html`<${Button}
            kind="primary"
            icon="arrowUp"
            type="submit"
            class="composer-send"
            disabled=${isEmpty || disabled}
          >${t("send")}<//>`}
    </div>
  </form>`;
}

/**
 * Grow with the text, up to what the style sheet allows.
 *
 * @param {HTMLTextAreaElement | null} area
 */
export function fit(area) {
  if (!area) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

/**
 * Files that go along; without *onRemove* those that went.
 *
 * @param {{files: Attachment[], onRemove?: (id: string) => void}} props
 */
export function Files({ files, onRemove }) {
  return html`<ul class="files">
    ${files.map((file) => html`<${FileChip} key=${file.id} file=${file} onRemove=${onRemove} />`)}
  </ul>`;
}

/** @param {{file: Attachment, onRemove?: (id: string) => void}} props */
function FileChip({ file, onRemove }) {
  const address = useBlobUrl(isPicture(file) ? file.blob : null);
  return html`<li class=${`file ${address ? "file-picture" : ""}`}>
    ${address
      ? html`<img src=${address} alt=${file.name} title=${file.name} />`
      : html`<span class="file-icon"><${Icon} name="copy" size=${16} /></span>
          <span class="file-words">
            <span class="ellipsis">${file.name}</span><span class="muted">${bytes(file.size)}</span>
          </span>`}
    ${onRemove &&
    html`<button
      type="button"
      class="file-remove"
      aria-label=${t("remove_named", { name: file.name })}
      onClick=${() => onRemove(file.id)}
    >
      <${Icon} name="close" size=${12} />
    </button>`}
  </li>`;
}
