// What needs the operator now, most urgent first. Pure but for its words.

import { ago, number } from "../../lib/format.js";
import { language, texts } from "../../lib/i18n.js";
import { remedy, setting, tokens } from "../../lib/remedies.js";
import { roughly } from "./capacity.js";
import { grouped } from "./groups.js";
import { counted, explain, failures, ofIncident } from "./links.js";

/** @typedef {import("./types.js").Overview} Overview */
/** @typedef {import("./types.js").Welcome} Welcome */
/** @typedef {{id: string, tone: "bad" | "warn" | "accent", text: string, to: string}} Concern */

const t = texts("overview");

/** Share of failed requests that is worth a word, percent, and of how many at least. */
const BAD_PERCENT = 10;
const FEWEST_REQUESTS = 10;

const URGENCY = { bad: 0, warn: 1, accent: 2 };

/** Where a notice about the set-up is answered. @type {Record<string, string>} */
const NOTICES = {
  anonymous: setting("app.allow_anonymous"),
  no_address: setting("app.app_url"),
  no_key: "/admin/keys",
};

/**
 * @param {Overview} overview
 * @param {Welcome | undefined} welcome
 * @returns {Concern[]}
 */
export function concerns(overview, welcome) {
  const found = [
    ...ofGateway(overview),
    ...ofPool(overview),
    ...ofRequests(overview),
    ...ofSetUp(welcome),
  ];
  return found.sort((one, other) => URGENCY[one.tone] - URGENCY[other.tone]);
}

/**
 * @param {Overview} overview
 * @returns {Concern[]}
 */
function ofGateway({ live, incidents }) {
  /** @type {Concern[]} */
  const found = [];
  if (live.draining) {
    const to = "/admin/datacenter?view=logs";
    found.push({ id: "draining", tone: "bad", text: t("c_draining"), to });
  }
  for (const incident of incidents) {
    if (incident.kind !== "incident" || incident.ended_at_ms) continue;
    const text = t("c_incident", { upstream: incident.subject, since: ago(incident.at_ms) });
    found.push({ id: `incident ${incident.subject}`, tone: "bad", text, to: ofIncident(incident) });
  }
  if (live.queue_depth) {
    const text = t("c_queue", { count: live.queue_depth });
    found.push({ id: "queue", tone: "warn", text, to: setting("token.max_inflight") });
  }
  return found;
}

/**
 * @param {Overview} overview
 * @returns {Concern[]}
 */
function ofPool({ models, tokens: pools }) {
  const counts = Object.values(pools);
  const all = counts.flatMap((each) => Object.values(each)).reduce((sum, count) => sum + count, 0);
  const expired = counts.reduce((sum, each) => sum + (each.expired ?? 0), 0);
  if (!all) {
    return [{ id: "accounts", tone: "bad", text: t("c_no_accounts"), to: tokens({ add: "1" }) }];
  }
  /** @type {Concern[]} */
  const found = [];
  for (const { id, models: names, room } of grouped(models)) {
    if (!room.low) continue;
    const [first, ...others] = names;
    const several = { model: first, count: others.length, total: names.length };
    const listed = others.length ? t("model_and", several) : first;
    const to = explain(first);
    if (!room.candidates) {
      const when = room.next_reset_ms ? t("c_dry_until", { when: ago(room.next_reset_ms) }) : "";
      found.push({ id, tone: "bad", text: t("c_dry", { models: listed }) + when, to });
    } else {
      const words = { models: listed, left: number(room.units), total: number(room.total) };
      const soon = room.forecast.dry_in_s;
      const when = soon === null ? "" : t("c_low_soon", { when: roughly(soon) });
      found.push({ id, tone: "warn", text: t("c_low", words) + when, to });
    }
  }
  if (expired) {
    const text = t("c_expired", { count: expired });
    found.push({ id: "expired", tone: "warn", text, to: tokens({ status: "expired" }) });
  }
  return found;
}

/**
 * @param {Overview} overview
 * @returns {Concern[]}
 */
function ofRequests({ hour }) {
  if (hour.total < FEWEST_REQUESTS || hour.failed * 100 < hour.total * BAD_PERCENT) return [];
  const cause = hour.errors[0];
  const words = { count: hour.failed, total: number(hour.total) };
  const main = cause?.error ? t("c_failed_mostly", { error: cause.error }) : "";
  return [
    {
      id: "failed",
      tone: hour.failed * 2 >= hour.total ? "bad" : "warn",
      text: t("c_failed", words) + main,
      to: cause ? (remedy(cause.error) ?? failures("hour", cause)) : counted("hour"),
    },
  ];
}

/**
 * @param {Welcome | undefined} welcome
 * @returns {Concern[]}
 */
function ofSetUp(welcome) {
  return (welcome?.warnings ?? []).map(({ code, text }, at) => ({
    id: `${code} ${at}`,
    tone: code === "no_key" ? "bad" : code === "no_address" ? "accent" : "warn",
    text: text[language.value],
    to: NOTICES[code] ?? "/admin/config",
  }));
}
