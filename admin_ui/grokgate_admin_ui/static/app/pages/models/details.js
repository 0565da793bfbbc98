// All of a card: how it stands, its names, its wires in each profile, what it costs.

import { Badge } from "../../components/badge.js";
import { Button, CopyButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { ChipsField } from "../../components/fields.js";
import { Facts, Row, Stack } from "../../components/layout.js";
import { Snippets } from "../../components/snippets.js";
import { messageOf } from "../../components/states.js";
import { knows, texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { Link } from "../../lib/router.js";
import { Accounts, explainTo, playTo, State, whyNot } from "./columns.js";
import { OWN, ownAliases } from "./records.js";

const t = texts("models");

/** @typedef {import("./records.js").Model} Model */

const PATHS = /** @type {Record<string, string>} */ ({
  chat: "/v1/chat/completions",
  image: "/v1/images/generations",
  video: "/v1/videos",
});

/**
 * @param {{model: Model, catalog: import("./records.js").Catalog, capacity?: import("./records.js").Capacity,
 *   acts: import("./changes.js").Acts, onEdit: () => void, onClose: () => void}} props
 */
export function Details({ model, catalog, capacity, acts, onEdit, onClose }) {
  const isOwn = model.origin === OWN;
  const path = PATHS[model.capability];
  return html`<${Dialog}
    side
    title=${html`<span class="row nowrap"><code class="break">${model.id}</code><${CopyButton} text=${model.id} /></span>`}
    lead=${model.display_name !== model.id ? model.display_name : undefined}
    onClose=${onClose}
    footer=${html`${isOwn
        ? html`<${Button} icon="edit" onClick=${onEdit}>${t("edit")}<//>`
        : model.obstacle === "hidden"
          ? html`<${Button} icon="eye" busy=${acts.isBusy(model.id)} onClick=${() => acts.offer(model.id)}>${t("offer")}<//>`
          : html`<${Button} icon="eyeOff" busy=${acts.isBusy(model.id)} onClick=${() => acts.hide(model.id)}>${t("hide")}<//>`}
      <${Button} icon="help" to=${explainTo(model)}>${t("explain")}<//>
      ${model.offered && html`<${Button} kind="primary" icon="chat" to=${playTo(model)}>${t("play")}<//>`}`}
  >
    <${Stack} gap=${5}>
      ${model.description && html`<p>${model.description}</p>`}
      ${model.obstacle && html`<${Obstacle} model=${model} />`}
      <${Facts}
        items=${[
          [t("state"), html`<${State} model=${model} />`],
          [t("accounts"), capacity && html`<${Accounts} model=${model} capacity=${capacity} />`],
          [t("capability"), t(`capability_${model.capability}`)],
          [t("tier"), t(`tier_${model.tier}`)],
          [t("effort"), t(`effort_${model.effort}`)],
          [t("origin"), isOwn ? t("own") : model.origin],
          [t("requires"), model.requires.length ? html`<${Switches} names=${model.requires} />` : ""],
        ]}
      />
      <${Names} model=${model} catalog=${catalog} acts=${acts} />
      <${Wires} model=${model} />
      ${model.costs.length > 0 && html`<${Costs} model=${model} />`}
      ${path && model.offered && html`<${Snippets} path=${path} model=${model.id} label=${t("call_it")} />`}
    <//>
  <//>`;
}

/** @param {{model: Model}} props */
function Obstacle({ model }) {
  const places = /** @type {Record<string, [string, Record<string, string>]>} */ ({
    switched_off: ["/admin/downstream", { show: "off" }],
    no_upstream: ["/admin/config", { q: "grok.protocol" }],
    no_account: ["/admin/token", {}],
  });
  const place = places[model.obstacle ?? ""];
  return html`<div class="models-note">
    <p>${whyNot(model)}</p>
    ${place && html`<${Link} to=${place[0]} query=${place[1]}>${t(`mend_${model.obstacle}`)}<//>`}
  </div>`;
}

/** @param {{names: string[]}} props */
function Switches({ names }) {
  return html`<${Row} gap=${3}>
    ${names.map((name) => html`<${Link} key=${name} to="/admin/downstream" query=${{ q: name }} class="mono">${name}<//>`)}
  <//>`;
}

/**
 * Its further names; those of the operator can be changed here.
 *
 * @param {{model: Model, catalog: import("./records.js").Catalog, acts: import("./changes.js").Acts}} props
 */
function Names({ model, catalog, acts }) {
  const before = ownAliases(catalog, model);
  const [draft, setDraft] = useState(/** @type {string[] | null} */ (null));
  const [seen, setSeen] = useState(before);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const edit = (/** @type {string[]} */ wanted) => {
    if (draft === null) setSeen(before);
    setDraft(wanted);
  };
  const bundled = model.aliases.filter((name) => !before.includes(name));
  const names = draft ?? before;
  const isChanged = draft !== null && draft.join("\n") !== before.join("\n");
  const save = async () => {
    setBusy(true);
    try {
      await acts.rename(model, { seen, wanted: names });
      setDraft(null);
      setProblem("");
    } catch (error) {
      setProblem(messageOf(error));
    }
    setBusy(false);
  };
  return html`<section class="stack models-part">
    <h3>${t("aliases")}</h3>
    ${bundled.length > 0 &&
    html`<${Row} gap=${2}>${bundled.map((name) => html`<${Badge} key=${name}><code>${name}</code><//>`)}<//>`}
    <${ChipsField}
      label=${t("own_aliases")}
      help=${t("own_aliases_help")}
      value=${names}
      error=${problem}
      disabled=${model.obstacle === "hidden"}
      onInput=${edit}
    />
    ${isChanged &&
    html`<${Row} gap=${2}>
      <${Button} kind="primary" busy=${busy} onClick=${save}>${t("save")}<//>
      <${Button} onClick=${() => setDraft(null)}>${t("cancel")}<//>
    <//>`}
  </section>`;
}

/** @param {{model: Model}} props */
function Wires({ model }) {
  const wires = [...model.wires].sort((one, other) => Number(other.active) - Number(one.active));
  return html`<section class="stack models-part">
    <h3>${t("wires")}</h3>
    ${wires.length === 0 && html`<p class="muted">${t("wires_none")}</p>`}
    <ul class="models-wires" role="list">
      ${wires.map(
        (wire) =>
          html`<li key=${wire.profile} class=${wire.active ? "models-wire models-wire-on" : "models-wire"}>
            <div class="row row-wrap models-wire-head">
              <code class="break">${wire.profile}</code>
              ${wire.active && html`<${Badge} tone="ok">${t("in_force")}<//>`}
            </div>
            <${Facts}
              class="small"
              items=${[
                [t("wire_name"), html`<code>${wire.name}</code>`],
                [t("buckets"), html`<code>${wire.buckets.join(" + ")}</code>`],
                [t("tier"), t(`tier_${wire.tier}`)],
                [t("cost"), t("units", { count: wire.units })],
              ]}
            />
          </li>`,
      )}
    </ul>
  </section>`;
}

/** @param {{model: Model}} props */
function Costs({ model }) {
  return html`<section class="stack models-part">
    <h3>${t("costs")}</h3>
    <p class="muted small">${t("costs_lead")}</p>
    <ul class="models-costs" role="list">
      ${model.costs.map(
        (cost, at) =>
          html`<li key=${at}>
            <strong>${t("units", { count: cost.units })}</strong>
            <span class="muted">${knows("models", `per_${cost.per}`) ? t(`per_${cost.per}`) : cost.per}</span>
            ${Object.entries(cost.when).map(([name, value]) => html`<${Badge} key=${name}><code>${name} = ${value}</code><//>`)}
            ${cost.upstream && html`<${Badge} icon="cloud">${cost.upstream}<//>`}
          </li>`,
      )}
    </ul>
  </section>`;
}
