// Talking with a model, by either endpoint (F-UI-81).

import { Failure, Loading } from "../../components/states.js";
import { useBase } from "../../lib/base.js";
import { texts } from "../../lib/i18n.js";
import { html, signal, useEffect } from "../../lib/preact.js";
import { pref } from "../../lib/prefs.js";
import { attachmentOf, Composer, noDraft } from "./composer.js";
import { Head, offerBack, WIDE } from "./head.js";
import { History } from "./history.js";
import { useFiles, useMedia, useWanted } from "./hooks.js";
import { learnModels, useModels } from "./models.js";
import { panel, ParametersPanel } from "./parameters.js";
import { newConversation, newId, titleOf } from "./sessions.js";
import { answer, running, stop } from "./stream.js";
import { Thread } from "./thread.js";

const t = texts("chat");

/** @typedef {import("./sessions.js").Conversation} Conversation */
/** @typedef {import("./sessions.js").Settings} Settings */

/** What a new conversation begins with; a system prompt is not carried over. */
const taste = pref("chat_settings", {
  model: "",
  stream: true,
  effort: "",
  temperature: /** @type {number | null} */ (null),
  topP: /** @type {number | null} */ (null),
  maxTokens: /** @type {number | null} */ (null),
  stored: false,
});
const system = signal("");
/** What was written and not yet sent, by conversation. */
const drafts = signal(/** @type {Record<string, import("./composer.js").Draft>} */ ({}));

/**
 * @param {{shelf: import("./sessions.js").Shelf, kind: import("./sessions.js").Kind, id: string,
 *   wanted: string, onOpen: (id: string) => void}} props Id: of the open conversation; "" is a new
 *   one. Wanted: a model that a link named.
 */
export function ConversationView({ shelf, kind, id, wanted, onOpen }) {
  const models = useModels();
  const found = shelf.find(id);
  const conversation = found?.kind === kind ? found : null;
  const settings = useSettings(conversation, models.list);
  const place = conversation?.id ?? kind;
  const draft = drafts.value[place] ?? noDraft();
  const busy = running.value.has(conversation?.id ?? "");
  const setDraft = (/** @type {import("./composer.js").Draft} */ next) =>
    (drafts.value = { ...drafts.value, [place]: next });
  const files = useFiles((added) =>
    setDraft({ ...draft, files: [...draft.files, ...added.map(attachmentOf)] }),
  );
  useWanted(wanted, (model) => (taste.value = { ...taste.value, model }));
  useEffect(() => void shelf.load(), [shelf]);
  if (!shelf.loaded.value) return html`<${Loading} kind="page" rows=${2} />`;

  const change = (/** @type {Partial<Settings>} */ changes) => {
    const next = { ...settings, ...changes };
    if (conversation) shelf.change(conversation.id, () => ({ settings: next }));
    else system.value = next.system;
    const { system: _, ...rest } = next;
    taste.value = rest;
  };
  const send = (/** @type {string} */ text, sent = draft.files) => {
    const question = { id: newId(), role: /** @type {const} */ ("user"), text: text.trim(), files: sent };
    const one = conversation ?? newConversation(kind, settings);
    if (!conversation) {
      shelf.add({ ...one, title: titleOf(text) || sent[0]?.name || "", turns: [question] });
      system.value = "";
      onOpen(one.id);
    } else shelf.change(one.id, ({ turns }) => ({ settings, turns: [...turns, question] }));
    setDraft(noDraft());
    void answer(shelf, one.id);
  };
  /** Take a turn and all after it away, and answer anew; *text* takes the place of a question. */
  const again = (/** @type {string} */ turnId, /** @type {string | null} */ text) => {
    if (!conversation || busy) return;
    const before = conversation.turns;
    const at = before.findIndex((turn) => turn.id === turnId);
    const turn = before[at];
    const kept = before.slice(0, at);
    if (text !== null && turn.role === "user") kept.push({ ...turn, id: newId(), text: text.trim() });
    shelf.change(conversation.id, () => ({ settings, turns: kept }));
    void answer(shelf, conversation.id);
    const lost = before.length - at - (text === null ? 1 : 2);
    if (lost > 0) offerBack(shelf, conversation, lost);
  };
  return html`<div class="talk ${panel.value ? "talk-with-panel" : ""}">
    <${Side} shelf=${shelf} kind=${kind} current=${conversation?.id ?? ""} onOpen=${onOpen} />
    <div class=${`talk-main ${files.over ? "talk-over" : ""}`} ...${files.handlers}>
      <${Head}
        shelf=${shelf}
        kind=${kind}
        conversation=${conversation}
        settings=${settings}
        onChange=${change}
        onOpen=${onOpen}
      />
      ${models.error &&
      html`<${Failure}
        error=${models.error}
        onRetry=${() => learnModels().catch(() => {})}
      />`}
      <${Thread}
        conversation=${conversation}
        busy=${busy}
        onExample=${(/** @type {string} */ text) => send(text, [])}
        onRetry=${(/** @type {string} */ turnId) => again(turnId, null)}
        onResend=${again}
      />
      <${Composer}
        draft=${draft}
        onDraft=${setDraft}
        onSend=${() => send(draft.text)}
        onStop=${() => conversation && stop(conversation.id)}
        busy=${busy}
        disabled=${!settings.model}
      />
    </div>
    <${ParametersPanel} kind=${kind} settings=${settings} onChange=${change} />
  </div>`;
}

/**
 * Return how the next answer is wanted; a model is chosen where none was.
 *
 * @param {Conversation | null} conversation
 * @param {import("./models.js").Model[]} models
 * @returns {Settings}
 */
function useSettings(conversation, models) {
  const { model: suggested } = useBase();
  const chosen = conversation?.settings ?? { ...taste.value, system: system.value };
  if (chosen.model) return chosen;
  const first = models.find(({ capability }) => capability === "chat");
  return { ...chosen, model: suggested ?? first?.id ?? "" };
}

/**
 * The conversations: beside the open one, or in a drawer where there is no room.
 *
 * @param {{shelf: import("./sessions.js").Shelf, kind: import("./sessions.js").Kind,
 *   current: string, onOpen: (id: string) => void}} props
 */
function Side(props) {
  const wide = useMedia(WIDE);
  return wide ? html`<aside
    class="talk-side"
    aria-label=${t("conversations")}
  ><${History} ...${props} /></aside>` : null;
}
