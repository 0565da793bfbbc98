// The changes, newest first, as many as were asked for.

import { Time } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { SearchField } from "../../components/fields.js";
import { Json } from "../../components/code.js";
import { Card, Facts, Stack } from "../../components/layout.js";
import { Empty, Failure, Loading } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { dateTime } from "../../lib/format.js";
import { knows, texts } from "../../lib/i18n.js";
import { html, useEffect, useRef, useState } from "../../lib/preact.js";
import { deed } from "./words.js";

const t = texts("audit");
const PAGE = 100;

/**
 * @typedef {object} Line
 * @property {string | number} id
 * @property {number} at
 * @property {string} actor
 * @property {string} address
 * @property {string} action
 * @property {string} target
 * @property {Record<string, unknown>} detail
 */

/** @param {string} actor */
function who(actor) {
  if (!actor) return t("actor_unknown");
  return knows("audit", `actor_${actor}`) ? t(`actor_${actor}`) : t("actor_session", { id: actor.slice(-6) });
}

export function Trail() {
  const [lines, setLines] = useState(/** @type {Line[]} */ ([]));
  const [next, setNext] = useState(/** @type {string | null | undefined} */ (undefined));
  const [busy, setBusy] = useState(true);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [filter, setFilter] = useState("");
  const [open, setOpen] = useState(/** @type {Line | null} */ (null));
  const under = useRef(/** @type {AbortController | null} */ (null));
  const load = async (/** @type {string | null | undefined} */ before) => {
    setBusy(true);
    setError(null);
    under.current?.abort();
    const control = new AbortController();
    under.current = control;
    try {
      const page = await api.get("/audit", { query: { limit: PAGE, before }, signal: control.signal });
      setLines((now) => [...(before ? now : []), ...page.lines]);
      setNext(page.next);
    } catch (problem) {
      if (control.signal.aborted) return;
      setError(problem);
    }
    setBusy(false);
  };
  useEffect(() => {
    void load(null);
    return () => under.current?.abort();
  }, []);
  const wanted = filter.trim().toLowerCase();
  const shown = lines.filter((line) =>
    [deed(line), line.action, line.target, line.address, JSON.stringify(line.detail)].join(" ").toLowerCase().includes(wanted),
  );
  if (error && !lines.length) return html`<${Failure} error=${error} onRetry=${() => load(null)} />`;
  if (next === undefined) return html`<${Loading} kind="table" rows=${10} />`;
  return html`<${Card}
    flush
    title=${t("trail")}
    lead=${t("trail_lead")}
    actions=${html`<${SearchField} value=${filter} placeholder=${t("filter")} onInput=${setFilter} />
      <${Button} icon="refresh" busy=${busy} onClick=${() => load(null)}>${t("reload")}<//>`}
  >
    <${DataTable}
      label=${t("trail")}
      columns=${columns(setOpen)}
      rows=${shown}
      rowKey=${(/** @type {Line} */ line) => String(line.id)}
      onOpen=${setOpen}
      empty=${html`<${Empty} icon="audit" title=${wanted ? t("none_fits") : t("none")} />`}
    />
    ${error ? html`<${Failure} error=${error} onRetry=${() => load(next)} />` : null}
    ${next &&
    html`<div class="audit-more">
      <${Button} busy=${busy} onClick=${() => load(next)}>${t("older")}<//>
    </div>`}
    ${open && html`<${LineDialog} line=${open} onClose=${() => setOpen(null)} />`}
  <//>`;
}

/**
 * @param {(line: Line) => void} onOpen
 * @returns {import("../../components/table.js").Column<Line>[]}
 */
function columns(onOpen) {
  return [
    { id: "at", label: t("at"), width: "10rem", render: (line) => html`<${Time} ms=${line.at} />` },
    {
      id: "action",
      label: t("action"),
      width: "minmax(min(14rem, 45vw), 1fr)",
      sticky: true,
      render: (line) =>
        html`<button type="button" class="link-button" title=${line.action} onClick=${() => onOpen(line)}>
          ${deed(line)}
        </button>`,
    },
    { id: "target", label: t("target"), width: "minmax(12rem, 2fr)", render: (line) => html`<span title=${line.target}>${line.target}</span>` },
    { id: "actor", label: t("actor"), width: "11rem", render: (line) => who(line.actor) },
    { id: "address", label: t("address"), width: "10rem", render: (line) => html`<span class="mono">${line.address}</span>` },
  ];
}

/** @param {{line: Line, onClose: () => void}} props */
function LineDialog({ line, onClose }) {
  return html`<${Dialog} title=${deed(line)} onClose=${onClose}>
    <${Stack}>
      <${Facts}
        items=${[
          [t("at"), dateTime(line.at)],
          [t("code"), html`<code>${line.action}</code>`],
          [t("target"), line.target],
          [t("actor"), who(line.actor)],
          [t("address"), html`<span class="mono">${line.address}</span>`],
        ]}
      />
      ${Object.keys(line.detail).length > 0 && html`<${Json} value=${line.detail} label=${t("detail")} />`}
    <//>
  <//>`;
}
