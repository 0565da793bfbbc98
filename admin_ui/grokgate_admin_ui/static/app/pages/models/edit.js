// A card of the operator's own is made, or changed.

import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { ChipsField, SelectField, SwitchField, TextArea, TextField } from "../../components/fields.js";
import { Grid, Stack } from "../../components/layout.js";
import { messageOf } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useOwnClose } from "../../lib/modal.js";
import { useAction } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { Outdated } from "./changes.js";
import { CAPABILITIES, EFFORTS, OWN, TIERS } from "./records.js";

const t = texts("models");
const WIRE = `{
  "web/2026-08": { "name": "fast", "buckets": ["fast"] }
}`;

/** @typedef {import("./records.js").AddedCard} AddedCard */

/**
 * @typedef {object} Draft
 * @property {string} id
 * @property {string} like
 * @property {string} display_name
 * @property {string} description
 * @property {string[]} aliases
 * @property {boolean} visible
 * @property {string} capability "": as in the model it is like.
 * @property {string} tier
 * @property {string} effort
 * @property {string} wire JSON.
 * @property {string[] | null} requires
 */

/**
 * @param {AddedCard | undefined} card
 * @param {string} like
 * @returns {Draft}
 */
function draftOf(card, like) {
  return {
    id: card?.id ?? "",
    like: card ? (card.like ?? "") : like,
    display_name: card?.display_name ?? "",
    description: card?.description ?? "",
    aliases: card?.aliases ?? [],
    visible: card?.visible ?? true,
    capability: card?.capability ?? "",
    tier: card?.tier ?? "",
    effort: card?.effort ?? "",
    wire: card?.wire ? JSON.stringify(card.wire, null, 2) : "",
    requires: card?.requires ?? null,
  };
}

/**
 * Return the card that a form says; what is empty is as in the model it is like.
 *
 * @param {Draft} draft
 * @param {AddedCard | undefined} before What of it has no field stays.
 * @returns {AddedCard}
 */
function cardOf({ wire, visible, requires, aliases, ...words }, before) {
  const known = ["like", "display_name", "description", "aliases", "visible", "capability", "tier", "effort", "wire", "requires"];
  const rest = Object.entries(before ?? {}).filter(([name]) => !known.includes(name));
  const said = Object.entries(words).filter(([, value]) => value.trim());
  return /** @type {AddedCard} */ ({
    ...Object.fromEntries(rest),
    ...Object.fromEntries(said.map(([name, value]) => [name, value.trim()])),
    ...(aliases.length ? { aliases } : {}),
    ...(visible ? {} : { visible }),
    ...(requires ? { requires } : {}),
    ...(wire.trim() ? { wire: JSON.parse(wire) } : {}),
  });
}

/** @param {string} text */
function isJson(text) {
  try {
    return !text.trim() || typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

/**
 * @param {{catalog: import("./records.js").Catalog, edited?: AddedCard,
 *   onSave: (card: AddedCard, before: AddedCard | undefined) => Promise<void>, onClose: () => void}} props
 */
export function CardDialog({ catalog, edited, onSave, onClose }) {
  const close = useOwnClose(onClose);
  const bundled = catalog.models.filter((model) => model.origin !== OWN);
  const first = bundled[0]?.id ?? "";
  const [seen, setSeen] = useState(edited);
  const [draft, setDraft] = useState(() => draftOf(edited, first));
  const [isOutdated, setOutdated] = useState(false);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const set = (/** @type {Partial<Draft>} */ changes) => setDraft((now) => ({ ...now, ...changes }));
  const wireProblem = isJson(draft.wire) ? "" : t("wire_bad");
  const submit = async () => {
    if (wireProblem) return;
    setBusy(true);
    try {
      await onSave(cardOf(draft, seen), seen);
      close();
    } catch (error) {
      if (error instanceof Outdated) setOutdated(true);
      else setProblem(messageOf(error));
      setBusy(false);
    }
  };
  // Of a card that was deleted meanwhile the draft stays, and makes it anew.
  const [taking, takeTheirs] = useAction(async () => {
    const { add } = /** @type {import("./records.js").Catalog} */ (await api.get("/models"));
    const theirs = add.find((card) => card.id === seen?.id);
    setSeen(theirs);
    if (theirs) setDraft(draftOf(theirs, first));
    setOutdated(false);
  }, toast.error);
  return html`<${Dialog}
    side
    title=${edited ? t("edit_title", { id: edited.id }) : t("add")}
    lead=${t("card_lead")}
    onClose=${onClose}
    onSubmit=${submit}
    footer=${html`<${Button} onClick=${onClose}>${t("cancel")}<//>
      <${Button} kind="primary" type="submit" busy=${busy} disabled=${!draft.id.trim() || isOutdated}>${edited ? t("save") : t("add")}<//>`}
  >
    <${Stack}>
      ${isOutdated &&
      html`<div class="failure" role="alert">
        <div class="failure-words"><p>${t("outdated")}</p></div>
        <${Button} small icon="refresh" busy=${taking} onClick=${takeTheirs}>${t("take_theirs")}<//>
      </div>`}
      <${TextField}
        label=${t("id")}
        help=${t("id_help")}
        mono
        required
        autofocus
        value=${draft.id}
        error=${problem}
        onInput=${(/** @type {string} */ id) => {
          set({ id });
          setProblem("");
        }}
      />
      <${SelectField}
        label=${t("like")}
        help=${t("like_help")}
        value=${draft.like}
        options=${[
          ...bundled.map((model) => ({ value: model.id, label: model.id })),
          { value: "", label: t("like_none") },
        ]}
        onInput=${(/** @type {string} */ like) => set({ like })}
      />
      <${TextField} label=${t("display_name")} value=${draft.display_name} placeholder=${draft.id} onInput=${(/** @type {string} */ text) => set({ display_name: text })} />
      <${TextField} label=${t("description")} value=${draft.description} onInput=${(/** @type {string} */ description) => set({ description })} />
      <${ChipsField} label=${t("aliases")} help=${t("aliases_help")} value=${draft.aliases} onInput=${(/** @type {string[]} */ aliases) => set({ aliases })} />
      <${SwitchField} label=${t("visible")} help=${t("visible_help")} value=${draft.visible} onInput=${(/** @type {boolean} */ visible) => set({ visible })} />
      <${Differences} key=${draft.like === ""} draft=${draft} set=${set} wireProblem=${wireProblem} />
    <//>
  <//>`;
}

/** @param {{draft: Draft, set: (changes: Partial<Draft>) => void, wireProblem: string}} props */
function Differences({ draft, set, wireProblem }) {
  const [isFirstOpen] = useState(!draft.like || Boolean(draft.capability || draft.tier || draft.effort || draft.wire || draft.requires));
  const options = (/** @type {readonly string[]} */ values, /** @type {string} */ prefix) => [
    { value: "", label: draft.like ? t("as_there") : t("choose") },
    ...values.map((value) => ({ value, label: t(`${prefix}_${value}`) })),
  ];
  return html`<details class="models-more" open=${isFirstOpen}>
    <summary>${draft.like ? t("differences") : t("all_of_it")}</summary>
    <${Stack}>
      <${Grid} min="9rem" gap=${3}>
        <${SelectField} label=${t("capability")} value=${draft.capability} options=${options(CAPABILITIES, "capability")} onInput=${(/** @type {string} */ capability) => set({ capability })} />
        <${SelectField} label=${t("tier")} value=${draft.tier} options=${options(TIERS, "tier")} onInput=${(/** @type {string} */ tier) => set({ tier })} />
        <${SelectField} label=${t("effort")} value=${draft.effort} options=${options(EFFORTS, "effort")} onInput=${(/** @type {string} */ effort) => set({ effort })} />
      <//>
      <${TextArea} label=${t("wires")} help=${t("wires_help")} mono rows=${5} placeholder=${WIRE} value=${draft.wire} error=${wireProblem} onInput=${(/** @type {string} */ wire) => set({ wire })} />
      <${ChipsField}
        label=${t("requires")}
        help=${t("requires_help")}
        value=${draft.requires ?? []}
        onInput=${(/** @type {string[]} */ requires) => set({ requires: requires.length ? requires : null })}
      />
    <//>
  </details>`;
}
