// All settings, built from what the gateway tells of them (F-UI-50 to F-UI-52).

import { Button, IconButton } from "../../components/button.js";
import { confirm } from "../../components/dialog.js";
import { SearchField, Segmented } from "../../components/fields.js";
import { PageHeader } from "../../components/layout.js";
import { Empty, Loaded } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useAction, useLoad } from "../../lib/poll.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { toast } from "../../lib/toasts.js";
import { SaveBar, useGuard } from "./bar.js";
import { useDraft } from "./draft.js";
import { brief, fits, valueIn } from "./records.js";
import { Index, SectionCard } from "./section.js";
import { TrialDialog } from "./try-out.js";
import { UnknownCard } from "./unknown.js";

const t = texts("config");
const SHOWN = /** @type {const} */ (["", "changed", "unsaved"]);
const FINGERPRINT = "grok.impersonate";

/** @typedef {import("./records.js").Settings} Settings */

/** @param {string} key */
async function reveal(key) {
  return valueIn(await api.get("/config", { query: { reveal: 1 } }), key) ?? "";
}

export default function ConfigPage() {
  const [{ q, show, section }, set] = useQuery({ q: "", show: "", section: "" });
  const [target, setTarget] = useState("");
  const { trial, tryOut, again, close } = useTrial();
  const draft = useDraft((key) => {
    if (!document.getElementById(`setting-${key}`)) set({ q: "", show: "" });
    setTarget(key);
  });
  const { state, edits, errors } = draft;
  const count = Object.keys(edits).length;
  useGuard(count);
  const names = useLoad((signal) => api.get("/config/impersonate", { signal, quiet: true }), []);
  const [isSaving, saveFile] = useAction(() => api.download("/config/file"), toast.error);

  useEffect(() => {
    if (!target) return;
    showField(target);
    setTarget("");
  }, [target]);
  const isLoaded = state.data !== undefined;
  useEffect(() => {
    if (isLoaded && section) showSection(section);
  }, [isLoaded, section]);

  const go = (/** @type {string} */ name) => {
    set({ section: name });
    if (name === section) showSection(name);
  };
  const discard = async () => {
    const isSure = count < 2 || (await confirm({ title: t("discard_title", { count }), action: t("discard"), danger: true }));
    if (isSure) draft.discard();
  };
  const acts = {
    edit: draft.edit,
    undo: draft.undo,
    keep: draft.keep,
    reveal,
    tryOut,
    suggestions: (/** @type {string} */ key) => (key.startsWith(FINGERPRINT) ? (names.data?.targets ?? []) : []),
    remark: (/** @type {import("./records.js").Field} */ field) => {
      const stands = names.data?.settings?.[field.key]?.target;
      return stands && stands !== brief(field.value) ? t("stands", { target: stands }) : "";
    },
  };

  return html`<${PageHeader}
      title=${t("title")}
      lead=${t("lead")}
      actions=${html`<${Button} icon="download" busy=${isSaving} onClick=${saveFile}>${t("export")}<//>`}
    />
    <div class="config-tools">
      <${SearchField} value=${q} placeholder=${t("search")} onInput=${(/** @type {string} */ text) => set({ q: text })} />
      <${Segmented}
        ariaLabel=${t("shown")}
        value=${SHOWN.find((each) => each === show) ?? ""}
        options=${SHOWN.map((value) => ({ value, label: t(`shown_${value || "all"}`) }))}
        onInput=${(/** @type {string} */ value) => set({ show: value })}
      />
    </div>
    ${draft.warnings.length > 0 && html`<${Warnings} warnings=${draft.warnings} onClose=${draft.close} />`}
    <${Loaded} state=${state} kind="page">
      ${(/** @type {Settings} */ settings) => {
        const found = askedFor(settings, q.trim(), show, edits);
        const unknown = show ? [] : settings.unknown.filter(({ key }) => key.includes(q.trim()));
        if (!found.length && !unknown.length) {
          return html`<${Empty}
            icon="filter"
            title=${show === "unsaved" && !q ? t("none_unsaved") : t("none")}
            action=${html`<${Button} onClick=${() => set({ q: "", show: "" })}>${t("show_all")}<//>`}
          />`;
        }
        return html`<div class="config">
          <${Index} sections=${found} current=${section} edits=${edits} errors=${errors} unknown=${unknown.length} onGo=${go} />
          <div class="config-sections">
            ${found.map(
              (each) => html`<${SectionCard} key=${each.name} section=${each} edits=${edits} errors=${errors} acts=${acts} />`,
            )}
            ${unknown.length > 0 && html`<${UnknownCard} unknown=${unknown} reveal=${reveal} />`}
          </div>
        </div>`;
      }}
    <//>
    <${SaveBar}
      count=${count}
      faults=${draft.faults}
      busy=${draft.busy}
      onShow=${() => set({ q: "", show: "unsaved" })}
      onDiscard=${discard}
      onSave=${draft.save}
    />
    ${trial && html`<${TrialDialog} trial=${trial} onClose=${close} onAgain=${again} />`}`;
}

/** What is being tried, and what came of it. */
function useTrial() {
  const [trial, setTrial] = useState(/** @type {import("./try-out.js").Trial | null} */ (null));
  const tryOut = async (/** @type {string} */ kind, /** @type {string | undefined} */ value = undefined) => {
    const begun = { kind, value };
    setTrial(begun);
    const end = (/** @type {Partial<import("./try-out.js").Trial>} */ result) =>
      setTrial((now) => (now === begun ? { ...begun, ...result } : now));
    try {
      end({ reply: await api.post(`/test/${kind}`, value === undefined ? {} : { value }) });
    } catch (error) {
      end({ error });
    }
  };
  return {
    trial,
    tryOut,
    again: () => trial && tryOut(trial.kind, trial.value),
    close: () => setTrial(null),
  };
}

/**
 * Return the sections with those of their settings that are asked for.
 *
 * @param {Settings} settings
 * @param {string} q
 * @param {string} show
 * @param {import("./records.js").Edits} edits
 */
function askedFor({ sections }, q, show, edits) {
  return sections
    .map((section) => ({
      ...section,
      fields: section.fields.filter((field) => {
        if (show === "changed" && !field.changed) return false;
        if (show === "unsaved" && !edits[field.key]) return false;
        return !q || fits(section, field, q);
      }),
    }))
    .filter((section) => section.fields.length);
}

/** @param {string} name Of a section. */
function showSection(name) {
  document.getElementById(`section-${name}`)?.scrollIntoView({ block: "start" });
}

/** @param {string} key */
function showField(key) {
  const row = document.getElementById(`setting-${key}`);
  row?.scrollIntoView({ block: "center" });
  const control = row?.querySelector(".config-field :is(input, select, textarea, button)");
  if (control instanceof HTMLElement) control.focus({ preventScroll: true });
}

/** @param {{warnings: string[], onClose: () => void}} props */
function Warnings({ warnings, onClose }) {
  return html`<div class="config-warnings" role="status">
    <div>
      <p><strong>${t("warnings")}</strong></p>
      <ul>
        ${warnings.map((warning) => html`<li key=${warning} class="break">${warning}</li>`)}
      </ul>
    </div>
    <${IconButton} icon="close" label=${t("close")} onClick=${onClose} />
  </div>`;
}
