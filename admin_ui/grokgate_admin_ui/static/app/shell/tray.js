// Jobs that run, in the head of every page.

import { Button } from "../components/button.js";
import { Icon } from "../components/icon.js";
import { JobBar, runningChores } from "../components/progress.js";
import { begun, chores, findChores, forgetEnded } from "../lib/chores.js";
import { number } from "../lib/format.js";
import { texts } from "../lib/i18n.js";
import { useLoad } from "../lib/poll.js";
import { html, useEffect, useRef, useState } from "../lib/preact.js";

const t = texts("common");
/** Milliseconds after which jobs are known here that were begun elsewhere. */
const EVERY_MS = 8000;
/** Milliseconds that it stays open by itself over what the page can do: while jobs run, and after. */
const STAYS_MS = { running: 8000, ended: 4000 };

/** Opens by itself for a moment when a job begins on this page; pointed at, it stays. */
export function JobTray() {
  const [open, setOpen] = useState(false);
  const [passing, setPassing] = useState(false);
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const all = chores.value;
  const running = runningChores();
  const newest = begun.value;
  const known = useRef(newest);
  useLoad(findChores, [], { everyMs: EVERY_MS });
  useEffect(() => {
    if (newest === known.current) return;
    known.current = newest;
    setPassing(true);
    setOpen(true);
  }, [newest]);
  const stays = running.length ? STAYS_MS.running : STAYS_MS.ended;
  useEffect(() => {
    if (!open || !passing) return undefined;
    const timer = setTimeout(() => setOpen(false), stays);
    return () => clearTimeout(timer);
  }, [open, passing, stays, newest]);
  const keep = () => setPassing(false);
  useEffect(() => {
    if (!open) return undefined;
    const leave = (/** @type {PointerEvent} */ event) => {
      if (!place.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    const close = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
      if (place.current?.contains(document.activeElement)) button.current?.focus();
      setOpen(false);
    };
    document.addEventListener("pointerdown", leave);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("keydown", close);
    };
  }, [open]);
  if (!all.length) return null;
  return html`<div class="tray" ref=${place}>
    <button
      ref=${button}
      type="button"
      class=${`tray-button ${running.length ? "tray-busy" : ""}`}
      aria-expanded=${open ? "true" : "false"}
      aria-label=${running.length ? t("jobs_running", { count: running.length }) : t("jobs_ended")}
      onClick=${() => {
        keep();
        setOpen(!open);
      }}
    >
      ${running.length
        ? html`<span class="spinner" aria-hidden="true"></span>${number(running.length)}`
        : html`<${Icon} name="check" size=${16} />`}
    </button>
    ${open &&
    html`<div
      class="tray-list"
      role="group"
      aria-label=${t("page_jobs")}
      onPointerEnter=${keep}
      onFocusIn=${keep}
    >
      ${all.map((job) => html`<${JobBar} key=${job.task_id} job=${job} compact />`)}
      <div class="row row-between">
        <${Button} small kind="ghost" to="/admin/jobs">${t("jobs_all")}<//>
        ${running.length < all.length &&
        html`<${Button} small kind="ghost" onClick=${forgetEnded}>${t("jobs_forget")}<//>`}
      </div>
    </div>`}
  </div>`;
}
