// What stands over a conversation: its model, and what can be done with it.

import { Button, IconButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Menu } from "../../components/menu.js";
import { save } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { toMarkdown } from "./export.js";
import { History, remove, Rename } from "./history.js";
import { useMedia } from "./hooks.js";
import { ModelField } from "./models.js";
import { panel } from "./parameters.js";
import { rested } from "./sessions.js";
import { stop } from "./stream.js";

const t = texts("chat");

/** There is room for the list of conversations beside the open one. */
export const WIDE = "(min-width: 64rem)";

/** @typedef {import("./sessions.js").Conversation} Conversation */
/** @typedef {import("./sessions.js").Settings} Settings */

/**
 * @param {{shelf: import("./sessions.js").Shelf, kind: import("./sessions.js").Kind,
 *   conversation: Conversation | null, settings: Settings,
 *   onChange: (changes: Partial<Settings>) => void, onOpen: (id: string) => void}} props
 */
export function Head({ shelf, kind, conversation, settings, onChange, onOpen }) {
  const wide = useMedia(WIDE);
  const [listed, setListed] = useState(false);
  const [renaming, setRenaming] = useState(false);
  return html`<header class="talk-head">
    ${!wide &&
    html`<${IconButton}
      icon="list"
      label=${t("conversations")}
      expanded=${listed}
      onClick=${() => setListed(true)}
    />`}
    <${ModelField}
      bare
      value=${settings.model}
      capability=${["chat", "image", "image_edit", "video"]}
      onInput=${(/** @type {string} */ model) => onChange({ model })}
    />
    <div class="talk-tools">
      ${!wide &&
      html`<${IconButton}
        icon="plus"
        label=${t("new_conversation")}
        onClick=${() => onOpen("")}
      />`}
      <${Button}
        kind="ghost"
        icon="settings"
        class="talk-parameters"
        aria-label=${t("parameters")}
        expanded=${panel.value}
        onClick=${() => (panel.value = !panel.value)}
      ><span>${t("parameters")}</span><//>
      ${conversation &&
      html`<${Menu}
        label=${t("more")}
        items=${[
          { label: t("rename"), icon: "edit", onSelect: () => setRenaming(true) },
          { label: t("save_markdown"), icon: "download", onSelect: () => saved(conversation) },
          {
            label: t("clear"),
            icon: "close",
            onSelect: () => {
              stop(conversation.id);
              shelf.change(conversation.id, () => ({ turns: [] }));
              offerBack(shelf, conversation, conversation.turns.length);
            },
          },
          {
            label: t("delete"),
            icon: "trash",
            danger: true,
            onSelect: () => {
              remove(shelf, conversation);
              onOpen("");
            },
          },
        ]}
      />`}
    </div>
    ${listed &&
    html`<${Dialog} side title=${t("conversations")} onClose=${() => setListed(false)}>
      <${History}
        shelf=${shelf}
        kind=${kind}
        current=${conversation?.id ?? ""}
        onOpen=${(/** @type {string} */ id) => {
          setListed(false);
          onOpen(id);
        }}
      />
    <//>`}
    ${renaming &&
    conversation &&
    html`<${Rename}
      conversation=${conversation}
      onClose=${() => setRenaming(false)}
      onSave=${(/** @type {string} */ title) => {
        shelf.change(conversation.id, () => ({ title }));
        setRenaming(false);
      }}
    />`}
  </header>`;
}

/** @param {Conversation} conversation */
function saved(conversation) {
  const name = conversation.title.replace(/[^\p{L}\p{N} ._-]+/gu, "").trim() || t("conversation");
  save(new Blob([toMarkdown(conversation)], { type: "text/markdown" }), `${name}.md`);
}

/**
 * Offer to bring messages back that were removed.
 *
 * @param {import("./sessions.js").Shelf} shelf
 * @param {Conversation} conversation As it was.
 * @param {number} count Of the messages.
 */
export function offerBack(shelf, conversation, count) {
  const run = () => {
    stop(conversation.id);
    shelf.change(conversation.id, () => ({ turns: rested(conversation).turns }));
  };
  toast.info(t("turns_lost", { count }), { label: t("undo"), run });
}
