// The chat page for visitors, who give a key of their own; it stays in memory (F-UI-01).

import { Button } from "../../components/button.js";
import { SecretField } from "../../components/fields.js";
import { Card, PageHeader } from "../../components/layout.js";
import { messageOf } from "../../components/states.js";
import { loadTexts, texts } from "../../lib/i18n.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { loadStyles } from "../../lib/styles.js";
import { giveKey } from "../../lib/v1.js";
import { forgetModels, learnModels } from "../chat/models.js";
import { Playground } from "../chat/playground.js";
import { Shelf } from "../chat/sessions.js";
import { forgetUploads } from "../chat/uploads.js";

await Promise.all([loadTexts("chat"), loadStyles("css/pages/chat.css")]);

const t = texts("public");

const shelf = new Shelf("grokgate-visitor");

export default function Public() {
  const [entered, setEntered] = useState(false);
  useEffect(() => leave, []);
  if (!entered) return html`<${Door} onEnter=${() => setEntered(true)} />`;
  return html`<${Playground}
    title=${t("title")}
    shelf=${shelf}
    visiting
    actions=${html`<${Button} small icon="logout" onClick=${() => location.reload()}>${t("leave")}<//>`}
  />`;
}

/** Forget the key. The button that leaves loads the page anew, so nothing at all stays in memory. */
function leave() {
  giveKey(null);
  forgetModels();
  forgetUploads();
}

/** @param {{onEnter: () => void}} props */
function Door({ onEnter }) {
  const [key, setKey] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const enter = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    giveKey(key.trim());
    try {
      await learnModels();
      onEnter();
    } catch (problem) {
      leave();
      setError(messageOf(problem));
    }
    setBusy(false);
  };
  return html`<div class="door">
    <${PageHeader} title=${t("title")} lead=${t("lead")} />
    <${Card}>
      <form class="stack" onSubmit=${enter}>
        <${SecretField}
          label=${t("key")}
          help=${t("key_help")}
          value=${key}
          onInput=${setKey}
          error=${error}
          placeholder="sk-…"
          autofocus
        />
        <${Button} kind="primary" type="submit" busy=${busy} disabled=${!key.trim()}>${t("enter")}<//>
      </form>
    <//>
  </div>`;
}
