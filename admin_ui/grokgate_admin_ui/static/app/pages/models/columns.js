// The columns of the table of models.

import { Badge, Dot, Tip } from "../../components/badge.js";
import { Menu } from "../../components/menu.js";
import { number } from "../../lib/format.js";
import { knows, texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";
import { href, Link, navigate } from "../../lib/router.js";
import { OWN, standing, TABS } from "./records.js";

const t = texts("models");

/** @typedef {import("./records.js").Model} Model */
/** @typedef {import("./records.js").Capacity} Capacity */

/** @type {Record<ReturnType<typeof standing>, import("../../components/badge.js").Tone>} */
const TONES = { offered: "ok", unlisted: "warn", not_offered: "muted" };

/**
 * @param {{capacities: Map<string, Capacity>, acts: import("./changes.js").Acts,
 *   open: (model: Model) => void, edit: (model: Model) => void}} given
 * @returns {import("../../components/table.js").Column<Model>[]}
 */
export function columns({ capacities, acts, open, edit }) {
  return [
    { id: "model", label: t("model"), width: "minmax(15rem, 2fr)", render: (model) => html`<${Name} model=${model} onOpen=${open} />` },
    { id: "state", label: t("state"), width: "minmax(9rem, 1fr)", render: (model) => html`<${State} model=${model} />` },
    {
      id: "accounts",
      label: t("accounts"),
      width: "minmax(8.5rem, 1fr)",
      render: (model) => html`<${Accounts} model=${model} capacity=${capacities.get(model.id)} />`,
    },
    { id: "wire", label: t("wire"), width: "minmax(8rem, 1fr)", render: (model) => html`<${ActiveWire} model=${model} />` },
    { id: "capability", label: t("capability"), width: "7rem", render: (model) => t(`capability_${model.capability}`) },
    { id: "origin", label: t("origin"), width: "6.5rem", render: (model) => html`<${Origin} model=${model} />` },
    {
      id: "acts",
      label: t("acts"),
      quiet: true,
      width: "4rem",
      align: "end",
      render: (model) =>
        html`<${Menu} label=${t("acts_named", { id: model.id })} items=${itemsOf(model, { acts, open, edit })} />`,
    },
  ];
}

/**
 * What can be done with a model.
 *
 * @param {Model} model
 * @param {{acts: import("./changes.js").Acts, open: (model: Model) => void, edit: (model: Model) => void}} given
 * @returns {(import("../../components/menu.js").Item | false)[]}
 */
function itemsOf(model, { acts, open, edit }) {
  const isOwn = model.origin === OWN;
  const isHidden = model.obstacle === "hidden";
  return [
    { label: t("details"), icon: "info", onSelect: () => open(model) },
    { label: t("explain"), icon: "help", onSelect: () => navigate(explainTo(model)) },
    model.offered && { label: t("play"), icon: "chat", onSelect: () => navigate(playTo(model)) },
    isOwn && { label: t("edit"), icon: "edit", onSelect: () => edit(model) },
    !isOwn && !isHidden && { label: t("hide"), icon: "eyeOff", onSelect: () => acts.hide(model.id) },
    isHidden && { label: t("offer"), icon: "eye", onSelect: () => acts.offer(model.id) },
    isOwn && { label: t("delete"), icon: "trash", danger: true, onSelect: () => acts.remove(model.id) },
  ];
}

/** @param {Model} model */
export function explainTo({ id }) {
  return `/admin/token?${new URLSearchParams({ view: "explain", model: id })}`;
}

/** @param {Model} model */
export function playTo({ id, capability }) {
  return `/admin/chat?${new URLSearchParams({ tab: TABS[capability], model: id })}`;
}

/** @param {{model: Model, onOpen: (model: Model) => void}} props */
function Name({ model, onOpen }) {
  const { id, display_name: name, aliases } = model;
  return html`<div class="models-name">
    <a
      class="ellipsis"
      href=${href("/admin/models", { model: id })}
      onClick=${(/** @type {MouseEvent} */ event) => {
        event.preventDefault();
        onOpen(model);
      }}
      ><strong class="mono">${id}</strong></a
    >
    <span class="ellipsis muted small">
      ${name !== id && name}${aliases.length > 0 &&
      html`${name !== id && " · "}${t("also", { names: aliases.join(", ") })}`}
    </span>
  </div>`;
}

/** @param {{model: Model}} props */
export function State({ model }) {
  const badge = html`<${Badge} tone=${TONES[standing(model)]}>${stateName(model)}<//>`;
  return model.obstacle ? html`<${Tip} text=${whyNot(model)}>${badge}<//>` : badge;
}

/** @param {Model} model */
function stateName(model) {
  const { obstacle } = model;
  if (!obstacle) return t("state_offered");
  return knows("models", `state_${obstacle}`) ? t(`state_${obstacle}`) : t(`count_${standing(model)}`);
}

/**
 * Say why a model is not offered, or not listed.
 *
 * @param {Model} model
 */
export function whyNot({ obstacle, why_not: why }) {
  return knows("models", `why_${obstacle}`) ? t(`why_${obstacle}`) : (why ?? "");
}

/** @param {{model: Model, capacity: Capacity | undefined}} props */
export function Accounts({ model, capacity }) {
  if (!capacity) return html`<span class="muted">–</span>`;
  const { accounts, candidates, unknown, low } = capacity;
  const tone = candidates ? (low ? "warn" : "ok") : "bad";
  return html`<${Link} to=${explainTo(model)} class="models-capacity">
    <${Dot} tone=${tone}>
      ${t("accounts_of", { count: accounts, ready: number(candidates), all: number(accounts) })}
    <//>
    ${unknown > 0 && html`<span class="muted small">${t("accounts_unknown", { count: unknown })}</span>`}
  <//>`;
}

/** @param {{model: Model}} props */
function ActiveWire({ model }) {
  const wire = model.wires.find((each) => each.active);
  if (!wire) return html`<span class="muted">–</span>`;
  return html`<span class="models-name">
    <code class="ellipsis">${wire.name}</code>
    <span class="muted small ellipsis">
      ${model.costs.length ? t("cost_varies") : t("units", { count: wire.units })} · ${t(`tier_short_${wire.tier}`)}
    </span>
  </span>`;
}

/** @param {{model: Model}} props */
function Origin({ model }) {
  if (model.origin === OWN) return html`<${Badge} tone="accent">${t("own")}<//>`;
  return html`<${Link} to="/admin/plugins" class="ellipsis">${model.origin}<//>`;
}
