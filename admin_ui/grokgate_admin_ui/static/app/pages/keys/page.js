// Keys of clients: what each may do, what it did today (F-UI-30 to 32).

import { Badge, Time, Tip } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { confirm } from "../../components/dialog.js";
import { SearchField, SwitchField } from "../../components/fields.js";
import { Card, PageHeader, Stat, Stats } from "../../components/layout.js";
import { Menu } from "../../components/menu.js";
import { Meter } from "../../components/progress.js";
import { Empty, Loaded } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { navigate, useQuery } from "../../lib/router.js";
import { toast } from "../../lib/toasts.js";
import { KeyDialog } from "./dialog.js";
import { MadeDialog } from "./made.js";
import { fits, isExhausted, isExpired, KINDS, limitOf } from "./records.js";

const t = texts("keys");
const EVERY_MS = 10_000;

/** @typedef {import("./records.js").Key} Key */

export default function KeysPage() {
  const [{ q, status, key }, set] = useQuery({ q: "", status: "", key: "" });
  const [made, setMade] = useState(/** @type {Key | null} */ (null));
  const state = useLoad(
    async (signal) => /** @type {Key[]} */ ((await api.get("/keys", { signal })).data),
    [],
    { everyMs: EVERY_MS },
  );
  const all = state.data ?? [];
  const reset = () => set({ q: "", status: "" });
  const [busy, setBusy] = useState(/** @type {Record<string, boolean>} */ ({}));
  const edited = all.find((each) => each.id === key && each.source === "managed");
  const counts = {
    "": all.length,
    active: all.filter((each) => each.is_active).length,
    inactive: all.filter((each) => !each.is_active).length,
    exhausted: all.filter(isExhausted).length,
  };
  const turn = async (/** @type {Key} */ row, /** @type {boolean} */ on) => {
    setBusy((now) => ({ ...now, [row.id]: on }));
    try {
      await api.post("/keys/update", { key: row.id, is_active: on });
      await state.reload();
    } catch (error) {
      toast.error(error);
    }
    setBusy(({ [row.id]: _, ...others }) => others);
  };
  const remove = async (/** @type {Key} */ row) => {
    const isSure = await confirm({
      title: t("delete_title", { name: row.name || row.display_key }),
      body: t("delete_body"),
      action: t("delete"),
      danger: true,
    });
    if (!isSure) return;
    try {
      await api.post("/keys/delete", { key: row.id });
      toast.ok(t("deleted"));
      await state.reload();
    } catch (error) {
      toast.error(error);
    }
  };

  return html`<${PageHeader}
      title=${t("title")}
      lead=${t("lead")}
      actions=${html`<${Button} kind="primary" icon="plus" onClick=${() => set({ key: "new" })}>${t("create")}<//>`}
    />
    <${Loaded} state=${state} kind="table">
      ${() =>
        html`<${Stats} label=${t("title")}>
            ${Object.entries(counts).map(
              ([name, count]) =>
                html`<${Stat}
                  key=${name}
                  label=${t(`count_${name || "all"}`)}
                  tone=${{ active: "ok", inactive: "muted", exhausted: count ? "warn" : "muted" }[name]}
                  value=${number(count)}
                  current=${status === name}
                  onClick=${() => set({ status: name })}
                />`,
            )}
          <//>
          <${Card} flush>
            <div class="keys-tools">
              <${SearchField} value=${q} placeholder=${t("search")} onInput=${(/** @type {string} */ text) => set({ q: text })} />
              ${(q || status) && html`<${Button} kind="ghost" icon="close" onClick=${reset}>${t("reset")}<//>`}
            </div>
            <${DataTable}
              label=${t("title")}
              columns=${columns({ busy, turn, remove, onEdit: (/** @type {Key} */ row) => set({ key: row.id }) })}
              rows=${all.filter((each) => fits(each, q, status))}
              rowKey=${(/** @type {Key} */ row) => row.id}
              rowHeight=${58}
              empty=${all.length
                ? html`<${Empty} icon="filter" title=${t("none_fits")} action=${html`<${Button} onClick=${reset}>${t("reset")}<//>`} />`
                : html`<${Empty}
                    icon="key"
                    title=${t("none")}
                    action=${html`<${Button} kind="primary" icon="plus" onClick=${() => set({ key: "new" })}>${t("create")}<//>`}
                  >
                    ${t("none_more")}
                  <//>`}
            />
          <//>`}
    <//>
    ${(key === "new" || edited) &&
    html`<${KeyDialog}
      key=${key}
      edited=${edited}
      onClose=${() => set({ key: "" })}
      onDone=${(/** @type {Key | null} */ created) => {
        if (created) setMade(created);
        void state.reload();
      }}
    />`}
    ${made && html`<${MadeDialog} made=${made} onClose=${() => setMade(null)} />`}`;
}

/**
 * @param {{busy: Record<string, boolean>, turn: (row: Key, on: boolean) => Promise<void>,
 *   remove: (row: Key) => Promise<void>, onEdit: (row: Key) => void}} acts
 * @returns {import("../../components/table.js").Column<Key>[]}
 */
function columns({ busy, turn, remove, onEdit }) {
  return [
    { id: "name", label: t("name"), width: "minmax(min(14rem, 45vw), 3fr)", sticky: true, render: (row) => html`<${Name} row=${row} />` },
    {
      id: "active",
      label: t("active"),
      width: "5rem",
      render: (row) =>
        html`<${SwitchField}
          ariaLabel=${t("active_named", { name: row.name || row.display_key })}
          value=${busy[row.id] ?? row.is_active}
          busy=${row.id in busy}
          disabled=${row.source === "config"}
          onInput=${(/** @type {boolean} */ on) => turn(row, on)}
        />`,
    },
    ...KINDS.map((kind) => ({
      id: kind,
      label: t(`kind_${kind}`),
      width: "minmax(6.5rem, 1fr)",
      render: (/** @type {Key} */ row) => html`<${Usage} row=${row} kind=${kind} />`,
    })),
    {
      id: "created",
      label: t("created"),
      width: "8rem",
      render: (row) => html`<${Time} ms=${row.created_at * 1000} />`,
    },
    {
      id: "acts",
      label: t("acts"),
      quiet: true,
      width: "4rem",
      align: "end",
      render: (row) =>
        html`<${Menu}
          label=${t("acts_named", { name: row.name || row.display_key })}
          items=${[
            row.source === "managed" && { label: t("edit"), icon: "edit", onSelect: () => onEdit(row) },
            { label: t("requests"), icon: "list", onSelect: () => navigate("/admin/datacenter", { query: { view: "requests", key: row.id } }) },
            row.source === "managed" && { label: t("delete"), icon: "trash", danger: true, onSelect: () => remove(row) },
          ]}
        />`,
    },
  ];
}

/** @param {{row: Key}} props */
function Name({ row }) {
  return html`<div class="keys-name">
    <span class="row nowrap">
      <strong class="ellipsis" title=${row.name}>${row.name || t("unnamed")}</strong>
      ${row.source === "config" && html`<${Tip} text=${t("config_more")}><${Badge} icon="lock">${t("config")}<//><//>`}
      ${isExpired(row) && html`<${Badge} tone="bad">${t("expired")}<//>`}
      ${isExhausted(row) && html`<${Badge} tone="warn">${t("exhausted")}<//>`}
      ${row.is_short && html`<${Tip} text=${t("short_more")}><${Badge} tone="warn" icon="alert">${t("short")}<//><//>`}
    </span>
    <code class="muted">${row.display_key}</code>
  </div>`;
}

/** @param {{row: Key, kind: import("./records.js").Kind}} props */
function Usage({ row, kind }) {
  const limit = limitOf(row, kind);
  const used = row.usage_today[`${kind}_used`] ?? 0;
  if (limit === 0) return html`<span class="muted small">${t("forbidden")}</span>`;
  if (limit < 0) {
    return html`<span class=${used ? "small" : "small muted"}>${number(used)} <span class="muted">/ ∞</span></span>`;
  }
  const tone = used >= limit ? "bad" : used >= limit * 0.8 ? "warn" : "accent";
  return html`<div class="keys-usage">
    <span class="small">${number(used)} <span class="muted">/ ${number(limit)}</span></span>
    <${Meter} value=${used} max=${limit} tone=${tone} label=${t("used_today", { kind: t(`kind_${kind}`) })} />
  </div>`;
}
