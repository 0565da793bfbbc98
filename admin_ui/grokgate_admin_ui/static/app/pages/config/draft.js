// What the operator changed and did not save yet.

import { confirm } from "../../components/dialog.js";
import { messageOf } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { useMemo, useRef, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { faultOf, fieldsOf, patchOf, same } from "./records.js";

const t = texts("config");
const EVERY_MS = 15_000;
const PASSWORD = "app.app_key";
const TRIES = 3;

/** @typedef {import("./records.js").Settings} Settings */
/** @typedef {import("./records.js").Edits} Edits */
/** @typedef {import("./records.js").Field} Field */

/**
 * Load the settings again and again; another operator may change them too.
 *
 * @param {AbortSignal} signal
 * @returns {Promise<Settings>}
 */
function load(signal) {
  return api.get("/config/schema", { signal });
}

/**
 * @param {(key: string) => void} onBad Told the first setting that keeps the changes from being saved.
 */
export function useDraft(onBad) {
  const [edits, setEdits] = useState(/** @type {Edits} */ ({}));
  const [refused, setRefused] = useState(/** @type {Record<string, string>} */ ({}));
  const [warnings, setWarnings] = useState(/** @type {string[]} */ ([]));
  const [busy, setBusy] = useState(false);
  const latest = useRef(/** @type {Settings | null} */ (null));
  const state = useLoad(async (signal) => (latest.current = await load(signal)), [], { everyMs: EVERY_MS });
  const fields = useMemo(() => (state.data ? fieldsOf(state.data) : new Map()), [state.data]);
  const faults = faultsOf(edits, fields);

  const forget = (/** @type {string} */ key) => setRefused(({ [key]: _, ...others }) => others);
  const undo = (/** @type {string} */ key) => {
    forget(key);
    setEdits(({ [key]: _, ...others }) => others);
  };
  const edit = (/** @type {Field} */ field, /** @type {unknown} */ value) => {
    if (same(value, field.value) && !busy) {
      undo(field.key);
      return;
    }
    forget(field.key);
    setEdits((now) => ({ ...now, [field.key]: { base: now[field.key]?.base ?? field.value, value } }));
  };
  const keep = (/** @type {string} */ key) =>
    setEdits((now) => ({ ...now, [key]: { ...now[key], base: latest.current && fieldsOf(latest.current).get(key)?.value } }));
  const discard = () => {
    setEdits({});
    setRefused({});
  };

  const save = async () => {
    if (busy) return;
    const bad = Object.keys(faults)[0];
    if (bad) {
      onBad(bad);
      return;
    }
    setBusy(true);
    try {
      await send();
    } catch (error) {
      take(error);
    }
    setBusy(false);
  };
  /** Saves over what was looked at and nothing else; somebody else may be quicker once or twice. */
  const send = async (tries = TRIES) => {
    await state.reload();
    const seen = latest.current;
    if (!seen || !(await mayBeSaved(edits, seen))) return;
    try {
      await post(seen);
    } catch (error) {
      if (codeOf(error) !== "revision_conflict" || tries === 1) throw error;
      await send(tries - 1);
    }
  };
  const post = async (/** @type {Settings} */ seen) => {
    const headers = { "if-match": `"${seen.revision}"` };
    const reply = await api.post("/config", patchOf(edits, fields), { headers });
    await state.reload();
    setEdits((now) => typedSince(now, edits, fieldsOf(latest.current ?? seen)));
    setRefused({});
    setWarnings(reply.warnings ?? []);
    toast.ok(t("saved", { count: Object.keys(edits).length }));
  };
  const take = (/** @type {unknown} */ error) => {
    const { param = null } = /** @type {{param?: string | null}} */ (error);
    if (!param || !edits[param]) {
      toast.error(error);
      return;
    }
    setRefused({ [param]: messageOf(error) });
    onBad(param);
  };

  return {
    state,
    fields,
    edits,
    errors: { ...refused, ...faults },
    faults: Object.keys({ ...refused, ...faults }).length,
    warnings,
    busy,
    edit,
    undo,
    keep,
    discard,
    save,
    close: () => setWarnings([]),
  };
}

/** @param {unknown} error */
function codeOf(error) {
  return /** @type {{code?: string}} */ (error).code;
}

/**
 * @param {Edits} edits
 * @param {Map<string, Field>} fields
 */
function faultsOf(edits, fields) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const [key, { value }] of Object.entries(edits)) {
    const field = fields.get(key);
    const fault = field ? faultOf(field, value) : "";
    if (fault) found[key] = fault;
  }
  return found;
}

/**
 * Return what was typed while changes were saved. It is not saved yet; of a setting among them, it
 * is a change of what is stored now.
 *
 * @param {Edits} now
 * @param {Edits} sent
 * @param {Map<string, Field>} fields As they are stored.
 * @returns {Edits}
 */
function typedSince(now, sent, fields) {
  const stored = (/** @type {string} */ key) => fields.get(key)?.value;
  const left = Object.entries(now).filter(([key, edit]) => edit !== sent[key] && !same(edit.value, stored(key)));
  return Object.fromEntries(left.map(([key, edit]) => [key, sent[key] ? { ...edit, base: stored(key) } : edit]));
}

/**
 * Ask where saving would undo what somebody else did, or end the operator's own session.
 *
 * @param {Edits} edits
 * @param {Settings} now
 */
async function mayBeSaved(edits, now) {
  const fields = fieldsOf(now);
  const overtaken = Object.entries(edits).filter(([key, { base, value }]) => {
    const current = fields.get(key)?.value;
    return !same(base, current) && !same(value, current);
  });
  if (overtaken.length) {
    const keys = overtaken.map(([key]) => key).join(", ");
    const title = t("overtaken_title", { count: overtaken.length });
    if (!(await confirm({ title, body: t("overtaken_body", { keys }), action: t("overtaken_save"), danger: true }))) return false;
  }
  if (!edits[PASSWORD]) return true;
  return confirm({ title: t("password_change"), body: t("password_change_body"), action: t("save") });
}
