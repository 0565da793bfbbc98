// How an answer is wanted.

import { IconButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { NumberField, SelectField, SwitchField, TextArea } from "../../components/fields.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect } from "../../lib/preact.js";
import { pref } from "../../lib/prefs.js";
import { enterSends } from "./composer.js";
import { useMedia } from "./hooks.js";

const t = texts("chat");

/** @typedef {import("./sessions.js").Settings} Settings */

/** There is room for the parameters beside the conversation. */
const WIDE = "(min-width: 80rem)";
const EFFORTS = ["", "none", "minimal", "low", "medium", "high", "xhigh", "max"];

/** Whether the parameters are shown. */
export const panel = pref("chat_panel", false);

/**
 * The parameters: beside the conversation, or in a drawer where there is no room.
 *
 * @param {{kind: import("./sessions.js").Kind, settings: Settings,
 *   onChange: (changes: Partial<Settings>) => void}} props
 */
export function ParametersPanel(props) {
  const wide = useMedia(WIDE);
  const close = () => (panel.value = false);
  useEffect(() => {
    if (!matchMedia(WIDE).matches) close();
  }, []);
  if (!panel.value) return null;
  if (!wide) {
    return html`<${Dialog}
      side
      title=${t("parameters")}
      onClose=${close}
    ><${Parameters} ...${props} /><//>`;
  }
  return html`<aside class="talk-panel" aria-label=${t("parameters")}>
    <header class="talk-panel-head">
      <h2>${t("parameters")}</h2>
      <${IconButton} small icon="close" label=${t("close")} onClick=${close} />
    </header>
    <${Parameters} ...${props} />
  </aside>`;
}

/**
 * @param {{kind: import("./sessions.js").Kind, settings: Settings,
 *   onChange: (changes: Partial<Settings>) => void}} props
 */
function Parameters({ kind, settings, onChange }) {
  const efforts = EFFORTS.map((value) => ({ value, label: value || t("effort_default") }));
  return html`<div class="parameters stack">
    <${TextArea}
      label=${kind === "chat" ? t("system") : t("instructions")}
      rows=${5}
      value=${settings.system}
      placeholder=${t("system_example")}
      onInput=${(/** @type {string} */ system) => onChange({ system })}
    />
    <${SelectField}
      label=${t("effort")}
      value=${settings.effort}
      options=${efforts}
      onInput=${(/** @type {string} */ effort) => onChange({ effort })}
    />
    <div class="parameters-pair">
      <${NumberField}
        label=${t("temperature")}
        value=${settings.temperature}
        min=${0}
        max=${2}
        step=${0.1}
        placeholder=${t("unset")}
        onInput=${(/** @type {number | null} */ temperature) => onChange({ temperature })}
      />
      <${NumberField}
        label=${t("top_p")}
        value=${settings.topP}
        min=${0}
        max=${1}
        step=${0.05}
        placeholder=${t("unset")}
        onInput=${(/** @type {number | null} */ topP) => onChange({ topP })}
      />
    </div>
    <p class="field-help">${t("sampling_help")}</p>
    <${NumberField}
      label=${t("max_tokens")}
      value=${settings.maxTokens}
      min=${1}
      step=${1}
      placeholder=${t("unset")}
      onInput=${(/** @type {number | null} */ maxTokens) => onChange({ maxTokens })}
    />
    <${SwitchField}
      label=${t("stream")}
      help=${t("stream_help")}
      value=${settings.stream}
      onInput=${(/** @type {boolean} */ stream) => onChange({ stream })}
    />
    ${kind === "responses" &&
    html`<${SwitchField}
      label=${t("stored")}
      help=${t("stored_help")}
      value=${settings.stored}
      onInput=${(/** @type {boolean} */ stored) => onChange({ stored })}
    />`}
    <${SwitchField}
      label=${t("enter_sends")}
      help=${t("enter_sends_help")}
      value=${enterSends.value}
      onInput=${(/** @type {boolean} */ sends) => (enterSends.value = sends)}
    />
  </div>`;
}
