// What an operator can do from the keyboard: listed in the palette, run by shortcuts.

import { rate } from "./fuzzy.js";
import { signal } from "./preact.js";

/** @typedef {import("./i18n.js").Translate} Translate */

/**
 * @typedef {object} Command
 * @property {string} id
 * @property {(t: Translate) => string} label Is given the common texts.
 * @property {() => unknown} run
 * @property {string} [icon]
 * @property {(t: Translate) => string} [hint] Said beside the label.
 * @property {string} [keywords] Further words that find it, in any language.
 * @property {string} [shortcut] Keys one after the other: "g o", "n".
 * @property {"page" | "action" | "setting" | "record"} [group] An action unless said.
 */

/** All commands there are now, in the order of their registration. */
export const commands = signal(/** @type {Command[]} */ ([]));

/**
 * Add commands, as a page does while it is open; return what takes them away again.
 *
 * @param {Command[]} added One whose id is known replaces the known one.
 */
export function registerCommands(added) {
  const ids = new Set(added.map((command) => command.id));
  commands.value = [...commands.peek().filter((command) => !ids.has(command.id)), ...added];
  return () => {
    commands.value = commands.peek().filter((command) => !added.includes(command));
  };
}

/**
 * Return the commands that answer a query, the best first.
 *
 * @param {Command[]} all
 * @param {string} query
 * @param {Translate} t
 */
export function answering(all, query, t) {
  return all
    .map((command) => ({ command, rating: rateCommand(command, query, t) }))
    .filter(({ rating }) => rating !== null)
    .sort((one, other) => Number(other.rating) - Number(one.rating))
    .map(({ command }) => command);
}

/**
 * @param {Command} command
 * @param {string} query
 * @param {Translate} t
 */
function rateCommand(command, query, t) {
  const label = rate(query, command.label(t), { scattered: true });
  const words = rate(query, `${command.keywords ?? ""} ${command.hint?.(t) ?? ""}`);
  if (label === null && words === null) return null;
  return Math.max(label ?? 0, (words ?? 0) / 2);
}
