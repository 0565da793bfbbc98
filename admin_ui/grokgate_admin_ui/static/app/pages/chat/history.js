// The conversations that this browser keeps.

import { Button } from "../../components/button.js";
import { confirm, Dialog } from "../../components/dialog.js";
import { SearchField, TextField } from "../../components/fields.js";
import { Menu } from "../../components/menu.js";
import { ago } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { MOST_KEPT } from "./sessions.js";
import { running, stop } from "./stream.js";

const t = texts("chat");

/** From so many on they can be searched. */
const MANY = 6;

/** @typedef {import("./sessions.js").Conversation} Conversation */
/** @typedef {import("./sessions.js").Shelf} Shelf */

/**
 * @param {{shelf: Shelf, kind: import("./sessions.js").Kind, current: string,
 *   onOpen: (id: string) => void}} props
 */
export function History({ shelf, kind, current, onOpen }) {
  const [word, setWord] = useState("");
  const [renamed, setRenamed] = useState(/** @type {Conversation | null} */ (null));
  const all = shelf.all.value
    .filter((each) => each.kind === kind)
    .sort((one, other) => other.at - one.at);
  const shown = all.filter((each) => matches(each, word.trim().toLowerCase()));
  return html`<div class="history">
    <${Button} icon="plus" class="history-new" onClick=${() => onOpen("")}>${t("new_conversation")}<//>
    ${all.length >= MANY &&
    html`<${SearchField}
      value=${word}
      onInput=${setWord}
      placeholder=${t("search_conversations")}
    />`}
    ${all.length === 0 && html`<p class="history-none muted small">${t("no_conversations")}</p>`}
    <ul class="history-list" aria-label=${t("conversations")}>
      ${shown.map(
        (each) =>
          html`<li
            key=${each.id}
            class=${`history-item ${each.id === current ? "history-current" : ""}`}
          >
            <button
              type="button"
              class="history-open"
              aria-current=${each.id === current ? "true" : undefined}
              onClick=${() => onOpen(each.id)}
            >
              <span class="ellipsis">${each.title || t("untitled")}</span>
              <span class="history-when">
                ${running.value.has(each.id) ? html`<span
                  class="spinner"
                  aria-hidden="true"
                ></span>${t("answering")}` : ago(each.at)}
              </span>
            </button>
            <${Menu}
              small
              label=${t("more_about", { name: each.title || t("untitled") })}
              items=${[
                { label: t("rename"), icon: "edit", onSelect: () => setRenamed(each) },
                {
                  label: t("delete"),
                  icon: "trash",
                  danger: true,
                  onSelect: () => {
                    remove(shelf, each);
                    if (each.id === current) onOpen("");
                  },
                },
              ]}
            />
          </li>`,
      )}
    </ul>
    ${all.length > 1 &&
    html`<${Button}
      small
      kind="ghost"
      icon="trash"
      onClick=${() => clear(shelf, all, () => onOpen(""))}
    >
      ${t("delete_all")}
    <//>`}
    <p class=${`history-note ${shelf.isFull.value ? "tone-text-warn" : "muted"}`}>
      ${shelf.isFull.value ? t("not_kept") : t("kept_here", { count: MOST_KEPT })}
    </p>
    ${renamed &&
    html`<${Rename}
      conversation=${renamed}
      onClose=${() => setRenamed(null)}
      onSave=${(/** @type {string} */ title) => {
        shelf.change(renamed.id, () => ({ title }));
        setRenamed(null);
      }}
    />`}
  </div>`;
}

/**
 * @param {Conversation} conversation
 * @param {string} word
 */
function matches({ title, turns }, word) {
  return [title, ...turns.map(({ text }) => text)].some((each) => each.toLowerCase().includes(word));
}

/**
 * Delete one; it can be brought back for a while.
 *
 * @param {Shelf} shelf
 * @param {Conversation} conversation
 */
export function remove(shelf, conversation) {
  stop(conversation.id);
  shelf.remove(conversation.id);
  toast.ok(t("deleted", { name: conversation.title || t("untitled") }), {
    label: t("undo"),
    run: () => shelf.add(conversation),
  });
}

/**
 * @param {Shelf} shelf
 * @param {Conversation[]} all
 * @param {() => void} onDone
 */
async function clear(shelf, all, onDone) {
  const count = all.length;
  const title = t("delete_all_title", { count });
  if (!(await confirm({ title, body: t("delete_all_body"), action: t("delete"), danger: true }))) return;
  for (const { id } of all) {
    stop(id);
    shelf.remove(id);
  }
  onDone();
}

/** @param {{conversation: Conversation, onClose: () => void, onSave: (title: string) => void}} props */
export function Rename({ conversation, onClose, onSave }) {
  const [title, setTitle] = useState(conversation.title);
  return html`<${Dialog}
    title=${t("rename_title")}
    onClose=${onClose}
    onSubmit=${() => title.trim() && onSave(title.trim())}
    footer=${html`<${Button} onClick=${onClose}>${t("cancel")}<//>
      <${Button} kind="primary" type="submit" disabled=${!title.trim()}>${t("rename")}<//>`}
  >
    <${TextField} label=${t("title")} value=${title} onInput=${setTitle} maxLength=${120} autofocus />
  <//>`;
}
