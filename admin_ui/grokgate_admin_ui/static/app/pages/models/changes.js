// Changes of the catalog. Each list replaces the former one, so what is there now is read first, and
// one change waits for the other.

import { confirm } from "../../components/dialog.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { useRef, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { ownAliases } from "./records.js";

const t = texts("models");
const EVERY_MS = 15_000;

/** @typedef {import("./records.js").Catalog} Catalog */
/** @typedef {import("./records.js").Change} Change */
/** @typedef {import("./records.js").Model} Model */
/** @typedef {ReturnType<typeof useCatalog>["acts"]} Acts */

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
      const reply = await api.post("/models", make(await api.get("/models")));
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
      rename: async (/** @type {Model} */ model, /** @type {string[]} */ names) => {
        await change((now) => ({ alias: aliased(now, model, names) }));
        toast.ok(t("saved"));
      },
      /** Add a card, or put it in the place of the one with the id *before*; throws what the gateway refuses. */
      put: async (/** @type {import("./records.js").AddedCard} */ card, /** @type {string | undefined} */ before) => {
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
 * @param {Catalog} now
 * @param {Model} model
 * @param {string[]} names
 */
function aliased(now, model, names) {
  const before = new Set(ownAliases(now, model));
  const others = Object.entries(now.alias).filter(([name]) => !before.has(name));
  return Object.fromEntries([...others, ...names.map((name) => [name, model.id])]);
}

/**
 * @param {import("./records.js").AddedCard[]} add
 * @param {import("./records.js").AddedCard} card
 * @param {string | undefined} before
 */
function placed(add, card, before) {
  const at = add.findIndex((each) => each.id === before);
  return at < 0 ? [...add, card] : add.map((each, index) => (index === at ? card : each));
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
