// Changes of the catalog. Each list replaces the former one, so what is there now is read first, and
// one change waits for the other; what somebody else changed in between is read once more.

import { confirm } from "../../components/dialog.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { useRef, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";

const t = texts("models");
const EVERY_MS = 15_000;
const TRIES = 3;

/** @typedef {import("./records.js").Catalog} Catalog */
/** @typedef {import("./records.js").Change} Change */
/** @typedef {import("./records.js").Model} Model */
/** @typedef {import("./records.js").AddedCard} AddedCard */
/** @typedef {{seen: string[], wanted: string[]}} Names */
/** @typedef {ReturnType<typeof useCatalog>["acts"]} Acts */

/** What is being edited is not what was looked at any more. */
export class Outdated extends Error {}

/** The catalog, and what can be done with it. */
export function useCatalog() {
  const [warnings, setWarnings] = useState(/** @type {string[]} */ ([]));
  const [busy, setBusy] = useState(/** @type {string[]} */ ([]));
  const state = useLoad(
    async (signal) => /** @type {Catalog} */ (await api.get("/models", { signal })),
    [],
    { everyMs: EVERY_MS },
  );

  const last = useRef(Promise.resolve());
  const change = (/** @type {(now: Catalog) => Change} */ make) => {
    const done = last.current.then(async () => {
      const reply = await saved(make);
      state.replace(reply);
      setWarnings(reply.warnings ?? []);
    });
    last.current = done.catch(() => {});
    return done;
  };
  const act = async (/** @type {string} */ name, /** @type {(now: Catalog) => Change} */ make, /** @type {() => void} */ done) => {
    setBusy((now) => [...now, name]);
    try {
      await change(make);
      done();
    } catch (error) {
      toast.error(error);
    }
    setBusy((now) => now.toSpliced(now.indexOf(name), 1));
  };

  const offer = (/** @type {string} */ id) =>
    act(id, ({ hide }) => ({ hide: hide.filter((each) => each !== id) }), () => toast.ok(t("now_offered", { id })));
  const hide = (/** @type {string} */ id) =>
    act(
      id,
      (now) => ({ hide: [...now.hide.filter((each) => each !== id), id] }),
      () => toast.ok(t("now_hidden", { id }), { label: t("take_back"), run: () => void offer(id) }),
    );
  const remove = async (/** @type {string} */ id) => {
    if (!(await confirm({ title: t("delete_title", { id }), body: t("delete_body"), action: t("delete"), danger: true }))) return;
    await act(id, ({ add }) => ({ add: add.filter((card) => card.id !== id) }), () => toast.ok(t("deleted", { id })));
  };

  return {
    state,
    warnings,
    forget: () => setWarnings([]),
    acts: {
      /** What is being changed. */
      isBusy: (/** @type {string} */ name) => busy.includes(name),
      hide,
      offer,
      remove,
      onlyUsable: (/** @type {boolean} */ on) =>
        act("only_usable", () => ({ only_usable: on }), () => toast.ok(t(on ? "now_usable" : "now_all"))),
      /** Replace the operator's names of a model; throws what the gateway refuses. */
      rename: async (/** @type {Model} */ model, /** @type {Names} */ names) => {
        await change((now) => ({ alias: aliased(now, model, names) }));
        toast.ok(t("saved"));
      },
      /**
       * Add a card, or put it in the place of *before*; throws what the gateway refuses, and `Outdated`
       * where somebody else has changed that one.
       */
      put: async (/** @type {AddedCard} */ card, /** @type {AddedCard | undefined} */ before) => {
        await change(({ add }) => ({ add: placed(add, card, before) }));
        toast.ok(t("saved"));
      },
      /** Take away what has no effect. */
      clear: (/** @type {"add" | "hide" | "alias"} */ list, /** @type {string} */ name) =>
        act(name, (now) => without(now, list, name), () => toast.ok(t("saved"))),
    },
  };
}

/**
 * Change what is there now; somebody else may be quicker once or twice.
 *
 * @param {(now: Catalog) => Change} make
 * @returns {Promise<any>}
 */
async function saved(make, tries = TRIES) {
  const now = /** @type {Catalog} */ (await api.get("/models"));
  try {
    return await api.post("/models", make(now), { headers: { "if-match": `"${now.revision}"` } });
  } catch (error) {
    if (/** @type {{code?: string}} */ (error).code !== "revision_conflict" || tries === 1) throw error;
    return saved(make, tries - 1);
  }
}

/**
 * Take away and add what an operator did, who has seen some names and wants others.
 *
 * @param {Catalog} now
 * @param {Model} model
 * @param {Names} names
 */
function aliased(now, model, { seen, wanted }) {
  const removed = new Set(seen.filter((name) => !wanted.includes(name)));
  const added = wanted.filter((name) => !seen.includes(name));
  const others = Object.entries(now.alias).filter(([name]) => !removed.has(name));
  return Object.fromEntries([...others, ...added.map((name) => [name, model.id])]);
}

/**
 * @param {AddedCard[]} add
 * @param {AddedCard} card
 * @param {AddedCard | undefined} before
 */
function placed(add, card, before) {
  if (!before) return [...add, card];
  const at = add.findIndex((each) => each.id === before.id);
  if (JSON.stringify(add[at]) !== JSON.stringify(before)) throw new Outdated();
  return add.with(at, card);
}

/**
 * @param {Catalog} now
 * @param {"add" | "hide" | "alias"} list
 * @param {string} name
 * @returns {Change}
 */
function without(now, list, name) {
  if (list === "add") return { add: now.add.filter((card) => card.id !== name) };
  if (list === "hide") return { hide: now.hide.filter((each) => each !== name) };
  return { alias: Object.fromEntries(Object.entries(now.alias).filter(([each]) => each !== name)) };
}
