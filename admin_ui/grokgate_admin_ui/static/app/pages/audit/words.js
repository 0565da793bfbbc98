// What an operator did, in words.

import { knows, texts } from "../../lib/i18n.js";

const t = texts("audit");

/**
 * Say what was done; an action without words, as one of a plugin, is shown as it is.
 *
 * @param {Pick<import("./trail.js").Line, "action" | "detail">} line
 */
export function deed({ action, detail }) {
  const key = `did_${action.replace(/\.async$/, "").replace(/\W+/g, "_")}`;
  const sided = `${key}${sideOf(detail)}`;
  if (knows("audit", sided)) return t(sided);
  return knows("audit", key) ? t(key) : action;
}

/**
 * Tell which way a switch was turned, or several alike.
 *
 * @param {Record<string, unknown>} detail
 */
function sideOf({ disabled, enabled, ...others }) {
  const turned = typeof disabled === "boolean" ? [!disabled] : enabled === undefined ? Object.values(others) : [enabled];
  if (turned.length && turned.every((on) => on === true)) return "_on";
  return turned.length && turned.every((on) => on === false) ? "_off" : "";
}
