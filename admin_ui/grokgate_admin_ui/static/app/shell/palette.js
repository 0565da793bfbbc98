// The command palette: everything there is, by a few letters.

import { Icon } from "../components/icon.js";
import { Kbd } from "../components/badge.js";
import { answering, commands } from "../lib/commands.js";
import { texts } from "../lib/i18n.js";
import { useModal } from "../lib/modal.js";
import { pref } from "../lib/prefs.js";
import { recordOf } from "../lib/records.js";
import { html, signal, useEffect, useId, useMemo, useRef, useState } from "../lib/preact.js";
import { toast } from "../lib/toasts.js";
import { pageCommands, recordCommands, settingCommands } from "./palette-commands.js";

/** @typedef {import("../lib/commands.js").Command} Command */

const t = texts("kit");
const common = texts("common");
const isOpen = signal(false);
/** Ids of commands, never of records. */
const recent = pref("recent", /** @type {string[]} */ ([]), Array.isArray);

const MOST = 40;
const MOST_RECENT = 4;

/** Open the palette. */
export function openPalette() {
  isOpen.value = true;
}

/** Stands once in the shell; shows itself when it was opened. */
export function Palette() {
  return isOpen.value ? html`<${Window} onClose=${() => (isOpen.value = false)} />` : null;
}

/** @param {{onClose: () => void}} props */
function Window({ onClose }) {
  const place = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const list = useRef(/** @type {HTMLDivElement | null} */ (null));
  const id = useId();
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const settings = useSettings(query.length > 1);
  const groups = useFound(query, settings);
  const all = groups.flatMap((group) => group.commands);
  const chosen = Math.min(at, all.length - 1);

  useModal(place, onClose);
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen, query]);

  const run = (/** @type {Command | undefined} */ command) => {
    if (!command) return;
    onClose();
    remember(command);
    Promise.resolve(command.run()).catch(toast.error);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    /** @type {Record<string, number>} */
    const places = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: chosen + 8, PageUp: chosen - 8 };
    if (event.key in places && all.length) {
      event.preventDefault();
      const next = places[event.key];
      const isStep = event.key.startsWith("Arrow");
      setAt(isStep ? (next + all.length) % all.length : Math.min(all.length - 1, Math.max(0, next)));
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(all[chosen]);
    }
  };

  return html`<dialog
    ref=${place}
    class="palette"
    aria-label=${t("palette")}
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      onClose();
    }}
    onPointerDown=${(/** @type {PointerEvent} */ event) => event.target === place.current && onClose()}
  >
    <div class="palette-frame">
      <div class="palette-field">
        <${Icon} name="search" />
        <input
          type="text"
          role="combobox"
          autofocus
          autocomplete="off"
          spellcheck="false"
          enterkeyhint="go"
          placeholder=${t("palette_placeholder")}
          aria-label=${t("palette_placeholder")}
          aria-expanded=${all.length ? "true" : "false"}
          aria-controls=${`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant=${all.length ? `${id}-${chosen}` : undefined}
          value=${query}
          onInput=${(/** @type {any} */ event) => {
            setQuery(event.target.value);
            setAt(0);
          }}
          onKeyDown=${onKeyDown}
        />
        <${Kbd}>Esc<//>
      </div>
      <div class="palette-list" id=${`${id}-list`} role="listbox" aria-label=${t("palette")} ref=${list} tabindex="-1">
        ${groups.map(
          (group) =>
            html`<div key=${group.name} role="group" aria-labelledby=${`${id}-${group.name}`}>
              <p class="palette-group" id=${`${id}-${group.name}`}>${t(`palette_${group.name}`)}</p>
              ${group.commands.map((command) => {
                const index = all.indexOf(command);
                return html`<${Entry}
                  key=${command.id}
                  id=${`${id}-${index}`}
                  command=${command}
                  chosen=${index === chosen}
                  onPoint=${() => setAt(index)}
                  onRun=${() => run(command)}
                />`;
              })}
            </div>`,
        )}
      </div>
      <p class="palette-none" role="status">
        ${all.length === 0
          ? t("palette_none")
          : html`<span class="visually-hidden">${t("palette_count", { count: all.length })}</span>`}
      </p>
    </div>
  </dialog>`;
}

/**
 * @param {{id: string, command: Command, chosen: boolean, onPoint: () => void,
 *   onRun: () => void}} props
 */
function Entry({ id, command, chosen, onPoint, onRun }) {
  const hint = command.hint?.(common);
  return html`<div
    id=${id}
    role="option"
    class="palette-entry"
    aria-selected=${chosen ? "true" : "false"}
    onMouseMove=${chosen ? undefined : onPoint}
    onClick=${onRun}
  >
    <${Icon} name=${command.icon ?? "bolt"} />
    <span class="palette-label">${command.label(common)}</span>
    ${hint && html`<span class="palette-hint ellipsis">${hint}</span>`}
    ${command.shortcut &&
    html`<span class="palette-keys">
      ${command.shortcut.split(" ").map((key) => html`<${Kbd} key=${key}>${key}<//>`)}
    </span>`}
  </div>`;
}

/**
 * @typedef {{name: "recent" | "record" | "page" | "action" | "setting", commands: Command[]}} Group
 */

/**
 * @param {string} query
 * @param {Command[]} settings
 * @returns {Group[]} None of them empty. They do not change places, so that these are learned by
 *   heart; only what an id names comes first.
 */
function useFound(query, settings) {
  const known = [...pageCommands(), ...commands.value];
  return useMemo(() => {
    const words = query.trim();
    if (!words) return atFirst(known);
    const found = answering([...known, ...settings], words, common).slice(0, MOST);
    const of = (/** @type {string} */ name) =>
      found.filter((command) => (command.group ?? "action") === name);
    const records = /** @type {Group} */ ({ name: "record", commands: recordCommands(words) });
    const isId = recordOf(words) !== null;
    return filled([
      ...(isId ? [records] : []),
      { name: "page", commands: of("page") },
      { name: "action", commands: of("action") },
      { name: "setting", commands: of("setting") },
      ...(isId ? [] : [records]),
    ]);
  }, [query, settings, commands.value, common("palette_open")]);
}

/**
 * @param {Command[]} known
 * @returns {Group[]}
 */
function atFirst(known) {
  const used = recent.peek().flatMap((id) => known.filter((command) => command.id === id));
  const rest = known.filter((command) => !used.includes(command));
  return filled([
    { name: "recent", commands: used },
    { name: "page", commands: rest.filter((command) => command.group === "page") },
    { name: "action", commands: rest.filter((command) => command.group !== "page") },
  ]);
}

/** @param {Group[]} groups */
function filled(groups) {
  return groups.filter((group) => group.commands.length);
}

/** @param {Command} command */
function remember(command) {
  if (command.group === "record" || command.group === "setting") return;
  const others = recent.peek().filter((id) => id !== command.id);
  recent.value = [command.id, ...others].slice(0, MOST_RECENT);
}

/**
 * Settings are many and come from the gateway, so they are fetched when somebody looks for one.
 *
 * @param {boolean} wanted
 */
function useSettings(wanted) {
  const [found, setFound] = useState(/** @type {Command[]} */ ([]));
  useEffect(() => {
    if (!wanted) return undefined;
    const control = new AbortController();
    settingCommands(control.signal).then(setFound, () => {});
    return () => control.abort();
  }, [wanted]);
  return found;
}
