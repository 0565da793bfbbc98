// What is not saved yet: how much, save, discard. Leaving the page asks.

import { Button } from "../../components/button.js";
import { confirm } from "../../components/dialog.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect, useRef } from "../../lib/preact.js";
import { guardLeaving } from "../../lib/router.js";
import { state } from "../../lib/session.js";

const t = texts("config");

/**
 * Ask before unsaved changes are lost, by a link or by closing the window.
 *
 * @param {number} count
 */
export function useGuard(count) {
  useEffect(() => {
    if (!count) return undefined;
    const unload = (/** @type {BeforeUnloadEvent} */ event) => event.preventDefault();
    const end = guardLeaving(
      () =>
        state.peek() !== "in" ||
        confirm({ title: t("leave_title", { count }), body: t("leave_body"), action: t("leave"), danger: true }),
    );
    addEventListener("beforeunload", unload);
    return () => {
      end();
      removeEventListener("beforeunload", unload);
    };
  }, [count]);
}

/**
 * @param {{count: number, faults: number, busy: boolean, onShow: () => void, onDiscard: () => void,
 *   onSave: () => unknown}} props
 */
export function SaveBar({ count, faults, busy, onShow, onDiscard, onSave }) {
  const save = useRef(onSave);
  save.current = onSave;
  useEffect(() => {
    if (!count) return undefined;
    const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      void save.current();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [count > 0]);
  if (!count) return null;
  return html`<div class="bulk" role="toolbar" aria-label=${t("bar")}>
    <div class="bulk-count">
      <strong aria-live="polite">${t("changes", { count })}</strong>
      <${Button} small kind="ghost" onClick=${onShow}>${t("changes_show")}<//>
      ${faults > 0 && html`<span class="tone-text-bad small">${t("faults", { count: faults })}</span>`}
    </div>
    <div class="bulk-actions">
      <${Button} onClick=${onDiscard} disabled=${busy}>${t("discard")}<//>
      <${Button} kind="primary" busy=${busy} title="Ctrl+S" onClick=${onSave}>${t("save")}<//>
    </div>
  </div>`;
}
