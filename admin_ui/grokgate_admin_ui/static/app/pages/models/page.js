// What is offered to clients, what is not and why, and what the operator makes of it (F-MOD-06).

import { Button } from "../../components/button.js";
import { Segmented, SearchField, SwitchField } from "../../components/fields.js";
import { Card, PageHeader, Stat, Stats } from "../../components/layout.js";
import { Empty, Loaded } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { useCatalog } from "./changes.js";
import { columns } from "./columns.js";
import { Details } from "./details.js";
import { CardDialog } from "./edit.js";
import { Idle, Warnings } from "./remarks.js";
import { CAPABILITIES, fits, OWN, standing } from "./records.js";

const t = texts("models");
const EVERY_MS = 10_000;

/** @typedef {import("./records.js").Model} Model */
/** @typedef {import("./records.js").Catalog} Catalog */

export default function ModelsPage() {
  const [asked, set] = useQuery({ q: "", capability: "", show: "", model: "", edit: "" });
  const { state, warnings, forget, acts } = useCatalog();
  const overview = useLoad((signal) => api.get("/overview", { signal, quiet: true }), [], { everyMs: EVERY_MS });
  const capacities = new Map(
    (overview.data?.models ?? []).map((/** @type {import("./records.js").Capacity} */ each) => [each.model, each]),
  );
  const views = {
    open: (/** @type {Model} */ model) => set({ model: model.id }),
    edit: (/** @type {Model} */ model) => set({ model: "", edit: model.id }),
  };

  return html`<${PageHeader}
      title=${t("title")}
      lead=${t("lead")}
      actions=${html`<${Button} kind="primary" icon="plus" onClick=${() => set({ edit: "new" })}>${t("add")}<//>`}
    />
    ${warnings.length > 0 && html`<${Warnings} warnings=${warnings} onClose=${forget} />`}
    <${Loaded} state=${state} kind="table" rows=${12}>
      ${(/** @type {Catalog} */ catalog) => {
        const rows = catalog.models.filter((model) => fits(model, { ...asked, q: asked.q.trim() }));
        const opened = catalog.models.find((model) => model.id === asked.model || model.aliases.includes(asked.model));
        return html`<${Figures} models=${catalog.models} show=${asked.show} onShow=${(/** @type {string} */ show) => set({ show })} />
          <${Idle} catalog=${catalog} acts=${acts} />
          <${Card} flush>
            <div class="models-tools">
              <${SearchField} value=${asked.q} placeholder=${t("search")} onInput=${(/** @type {string} */ q) => set({ q })} />
              <${Segmented}
                ariaLabel=${t("capability")}
                value=${CAPABILITIES.find((each) => each === asked.capability) ?? ""}
                options=${["", ...CAPABILITIES].map((value) => ({ value, label: t(`capability_${value || "all"}`) }))}
                onInput=${(/** @type {string} */ capability) => set({ capability })}
              />
              <${SwitchField}
                label=${t("only_usable")}
                value=${catalog.only_usable}
                busy=${acts.isBusy("only_usable")}
                onInput=${(/** @type {boolean} */ on) => acts.onlyUsable(on)}
              />
            </div>
            <${DataTable}
              label=${t("title")}
              columns=${columns({ capacities, acts, ...views })}
              rows=${rows}
              rowKey=${(/** @type {Model} */ model) => model.id}
              rowHeight=${58}
              onOpen=${views.open}
              empty=${html`<${Empty}
                icon="filter"
                title=${t("none")}
                action=${html`<${Button} onClick=${() => set({ q: "", capability: "", show: "" })}>${t("show_all")}<//>`}
              />`}
            />
          <//>
          ${opened &&
          html`<${Details}
            key=${opened.id}
            model=${opened}
            catalog=${catalog}
            capacity=${capacities.get(opened.id)}
            acts=${acts}
            onEdit=${() => views.edit(opened)}
            onClose=${() => set({ model: "" })}
          />`}
          ${asked.edit &&
          html`<${CardDialog}
            key=${asked.edit}
            catalog=${catalog}
            edited=${catalog.add.find((card) => card.id === asked.edit)}
            onSave=${acts.put}
            onClose=${() => set({ edit: "" })}
          />`}`;
      }}
    <//>`;
}

/** @param {{models: Model[], show: string, onShow: (show: string) => void}} props */
function Figures({ models, show, onShow }) {
  const count = (/** @type {string} */ name) => models.filter((model) => standing(model) === name).length;
  const figures = {
    "": { count: models.length },
    offered: { count: count("offered"), tone: "ok" },
    unlisted: { count: count("unlisted"), tone: "warn" },
    not_offered: { count: count("not_offered"), tone: "muted" },
    own: { count: models.filter((model) => model.origin === OWN).length, tone: "accent" },
  };
  return html`<${Stats} label=${t("title")}>
    ${Object.entries(figures).map(
      ([name, figure]) =>
        html`<${Stat}
          key=${name}
          label=${t(`count_${name || "all"}`)}
          tone=${"tone" in figure ? figure.tone : undefined}
          value=${number(figure.count)}
          current=${show === name}
          onClick=${() => onShow(name)}
        />`,
    )}
  <//>`;
}
