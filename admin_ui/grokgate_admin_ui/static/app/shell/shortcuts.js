// Keys that work on every page, and the dialog that tells them.

import { Kbd } from "../components/badge.js";
import { Dialog } from "../components/dialog.js";
import { commands, registerCommands } from "../lib/commands.js";
import { texts } from "../lib/i18n.js";
import { html, signal, useEffect } from "../lib/preact.js";
import { toast } from "../lib/toasts.js";
import { openPalette } from "./palette.js";
import { pageCommands } from "./palette-commands.js";

/** @typedef {import("../lib/commands.js").Command} Command */

const t = texts("kit");
const common = texts("common");
const isOpen = signal(false);

/** Milliseconds in which the second key of two has to come. */
const NEXT_KEY_MS = 1200;

/** @type {Command} */
const HELP = {
  id: "shortcuts",
  icon: "help",
  label: (words) => words("shortcuts"),
  keywords: "keyboard keys help 快捷键 帮助",
  shortcut: "?",
  run: openShortcuts,
};

/** Show which keys there are. */
export function openShortcuts() {
  isOpen.value = true;
}

/** Listens while it stands in the shell; shows the list of keys when it was asked for. */
export function Shortcuts() {
  useEffect(() => registerCommands([HELP]), []);
  useEffect(() => {
    const listen = listener();
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
  return isOpen.value ? html`<${Help} onClose=${() => (isOpen.value = false)} />` : null;
}

/** @returns {(event: KeyboardEvent) => void} It remembers the first key of two. */
function listener() {
  let before = "";
  let until = 0;
  return (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat) return;
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault();
      if (!isBusy()) openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || isBusy()) return;
    const keys = until > event.timeStamp ? `${before} ${event.key}` : event.key;
    const run = meaning(keys) ?? meaning(event.key);
    before = run ? "" : event.key;
    until = run ? 0 : event.timeStamp + NEXT_KEY_MS;
    if (!run) return;
    event.preventDefault();
    Promise.resolve(run()).catch(toast.error);
  };
}

/** Tell whether a dialog is open. */
function isBusy() {
  return document.querySelector("dialog[open]") !== null;
}

/**
 * Tell whether a key belongs to the control that has the focus.
 *
 * @param {KeyboardEvent} event
 */
function isTyping({ target }) {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest("input, textarea, select, [role=menu]") !== null;
}

/**
 * @param {string} keys
 * @returns {(() => unknown) | undefined}
 */
function meaning(keys) {
  if (keys === "/") return search;
  return withKeys().find((command) => command.shortcut === keys)?.run;
}

/** The page's own search comes first; a page without one has the palette. */
function search() {
  const field = [...document.querySelectorAll("[data-search]")].find((each) => each.checkVisibility());
  if (field instanceof HTMLInputElement) field.focus();
  else openPalette();
}

function withKeys() {
  return [...pageCommands(), ...commands.peek()].filter((command) => command.shortcut);
}

/** @param {{onClose: () => void}} props */
function Help({ onClose }) {
  const command = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";
  const known = withKeys();
  const named = (/** @type {Command} */ each) =>
    /** @type {[string, string[]]} */ ([each.label(common), each.shortcut?.split(" ") ?? []]);
  const pages = known.filter((each) => each.group === "page");
  const actions = known.filter((each) => each.group !== "page");
  return html`<${Dialog} title=${common("shortcuts")} wide onClose=${onClose}>
    <div class="keys">
      <${Keys}
        title=${t("keys_everywhere")}
        rows=${[
          [t("keys_palette"), [command, "K"]],
          [t("keys_search"), ["/"]],
          ...actions.map(named),
          [t("keys_close"), ["Esc"]],
        ]}
      />
      <${Keys} title=${t("keys_pages")} rows=${pages.map(named)} />
      <${Keys}
        title=${t("keys_inside")}
        rows=${[
          [t("keys_chart"), ["←", "→"]],
          [t("keys_tabs"), ["←", "→"]],
          [t("keys_table"), ["↑", "↓"]],
          [t("keys_send"), [command, "Enter"]],
        ]}
      />
    </div>
  <//>`;
}

/** @param {{title: string, rows: [string, string[]][]}} props */
function Keys({ title, rows }) {
  return html`<section>
    <h3>${title}</h3>
    <dl class="keys-list">
      ${rows.map(
        ([label, keys]) =>
          html`<div key=${label}>
            <dt>${label}</dt>
            <dd>${keys.map((key) => html`<${Kbd} key=${key}>${key}<//>`)}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}
