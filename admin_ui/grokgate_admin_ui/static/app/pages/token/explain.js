// Why a model finds an account now, or none (F-UI-29, F-TOK-28).

import { Button } from "../../components/button.js";
import { SelectField } from "../../components/fields.js";
import { Card, PageHeader } from "../../components/layout.js";
import { Empty, Loaded } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { Way } from "./explain-way.js";

const t = texts("token");

/** @param {{onOpen: (id: string) => void}} props Shows an account. */
export default function Explain({ onOpen }) {
  const [{ model, key }, ask] = useQuery({ model: "", key: "" });
  const models = useLoad(async (signal) => (await api.get("/models", { signal })).models, []);
  const keys = useLoad(async (signal) => (await api.get("/keys", { signal })).data, []);
  /** @type {{id: string, display_name: string, offered: boolean, capability: string}[]} */
  const known = models.data ?? [];
  const offered = known.filter((each) => each.offered || each.id === model);
  const chosen = model || offered.find((each) => each.capability === "chat")?.id || offered[0]?.id || "";
  const state = useLoad(
    async (signal) => {
      const view = await api.get("/tokens/explain", { query: { model: chosen, key }, signal });
      return /** @type {{model: string, ways: import("./explain-way.js").WayView[]}} */ (view);
    },
    [chosen, key],
    { enabled: Boolean(chosen) },
  );
  return html`<${PageHeader}
      title=${t("explain_title")}
      lead=${t("explain_lead")}
      actions=${html`<${Button} icon="chevronLeft" to="/admin/token">${t("explain_back")}<//>`}
    />
    <div class="token-filters">
      <${SelectField}
        label=${t("model")}
        value=${chosen}
        disabled=${!offered.length}
        onInput=${(/** @type {string} */ next) => ask({ model: next })}
        options=${offered.map(({ id }) => ({ value: id, label: id }))}
      />
      <${SelectField}
        label=${t("for_key")}
        value=${key}
        onInput=${(/** @type {string} */ next) => ask({ key: next })}
        options=${[
          { value: "", label: t("any_key") },
          ...keysOf(keys.data),
        ]}
      />
      <${Button}
        icon="refresh"
        busy=${state.loading}
        disabled=${!chosen}
        onClick=${state.reload}
      >
        ${t("look_again")}
      <//>
    </div>
    <${Loaded}
      state=${models.data && !chosen ? { ...state, data: { model: "", ways: [] } } : models.error ? models : state}
      kind="cards"
      rows=${2}
      isEmpty=${(/** @type {{ways: unknown[]}} */ view) => !view.ways.length}
      empty=${html`<${Card}>
        <${Empty}
          icon="model"
          title=${chosen ? t("no_way") : t("no_models")}
          action=${html`<${Button} to="/admin/models">${t("to_models")}<//>`}
        >
          ${chosen ? t("no_way_hint") : ""}
        <//>
      <//>`}
    >
      ${(/** @type {{ways: import("./explain-way.js").WayView[]}} */ { ways }) =>
        ways.map(
          (way, at) =>
            html`<${Way}
              key=${`${way.upstream}/${way.wire}`}
              way=${way}
              number=${at + 1}
              of=${ways.length}
              onOpen=${onOpen}
            />`,
        )}
    <//>`;
}

/** @param {{key: string, name: string, display_key: string, is_active: boolean}[]} [keys] */
function keysOf(keys = []) {
  const active = keys.filter((key) => key.is_active);
  return active.map((key) => ({ value: key.key, label: key.name || key.display_key }));
}
