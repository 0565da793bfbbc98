// What a job's row says, in words.

import { texts } from "../../lib/i18n.js";

const t = texts("jobs");

/**
 * @typedef {object} Task
 * @property {string} task_id
 * @property {string} kind
 * @property {"running" | "done" | "error" | "cancelled"} status
 * @property {number} total
 * @property {number} processed
 * @property {number} ok
 * @property {number} fail
 * @property {string | null} warning
 * @property {string | null} error
 * @property {number} created_at_ms
 * @property {number | null} ended_at_ms
 * @property {string} [actor]
 */

/** @type {Record<string, import("../../components/badge.js").Tone>} */
export const TONES = { running: "accent", done: "ok", error: "bad", cancelled: "warn" };

/** @type {Record<string, string>} Route that does the same again, by kind. */
export const AGAIN = {
  refresh_usage: "/tokens/refresh/async",
  nsfw_enable: "/tokens/nsfw/enable/async",
  nsfw_disable: "/tokens/nsfw/disable/async",
  assets_clear: "/cache/online/clear/async",
  assets_load: "/cache/online/load/async",
};

/**
 * Say who started a job.
 *
 * @param {string | undefined} actor
 */
export function actorName(actor) {
  if (!actor) return t("actor_unknown");
  if (actor === "password" || actor === "command") return t(`actor_${actor}`);
  return t("actor_session", { id: actor.slice(-6) });
}
