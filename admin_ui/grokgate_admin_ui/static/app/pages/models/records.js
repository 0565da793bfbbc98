// Models as the gateway tells them, and what an operator makes of them. Pure.

/** @typedef {"chat" | "image" | "image_edit" | "video"} Capability */
/** @typedef {"hidden" | "switched_off" | "no_upstream" | "not_shown" | "no_account"} Obstacle */
/** @typedef {{profile: string, name: string, buckets: string[], tier: string, units: number, active: boolean}} Wire */
/** @typedef {{units: number, per: string, when: Record<string, string>, upstream: string | null}} Cost */

/**
 * @typedef {object} Model
 * @property {string} id
 * @property {string} display_name
 * @property {string} description
 * @property {Capability} capability
 * @property {string} tier
 * @property {string} effort
 * @property {string[]} aliases
 * @property {string} origin
 * @property {boolean} offered
 * @property {Obstacle | null} obstacle
 * @property {string | null} why_not
 * @property {string[]} requires
 * @property {Wire[]} wires
 * @property {Cost[]} costs
 */

/**
 * @typedef {object} AddedCard What an operator wrote; the rest is as in the model it is like.
 * @property {string} id
 * @property {string} [like]
 * @property {Capability} [capability]
 * @property {string} [tier]
 * @property {string} [effort]
 * @property {Record<string, unknown>} [wire]
 * @property {string[]} [requires]
 * @property {string[]} [aliases]
 * @property {string} [display_name]
 * @property {string} [description]
 * @property {boolean} [visible]
 */

/** @typedef {{models: Model[], add: AddedCard[], hide: string[], alias: Record<string, string>, only_usable: boolean, revision: number}} Catalog */
/** @typedef {Partial<Omit<Catalog, "models" | "revision">>} Change */
/** @typedef {{model: string, accounts: number, candidates: number, unknown: number, units: number, low: boolean,
 *   next_reset_ms: number | null}} Capacity */

export const CAPABILITIES = /** @type {const} */ (["chat", "image", "image_edit", "video"]);
export const TIERS = /** @type {const} */ (["basic", "super", "heavy"]);
export const EFFORTS = /** @type {const} */ (["low", "high"]);
export const OWN = "operator";

/** Capability → tab of the playground. */
export const TABS = /** @type {Record<Capability, string>} */ ({
  chat: "chat",
  image: "image",
  image_edit: "edit",
  video: "video",
});

/**
 * Tell in one word how a model stands.
 *
 * @param {Model} model
 * @returns {"offered" | "not_offered" | "unlisted"}
 */
export function standing({ offered, obstacle }) {
  if (!offered) return "not_offered";
  return obstacle ? "unlisted" : "offered";
}

/**
 * @param {Model} model
 * @param {{q: string, capability: string, show: string}} asked
 */
export function fits(model, { q, capability, show }) {
  if (capability && model.capability !== capability) return false;
  if (show === "own" ? model.origin !== OWN : show && standing(model) !== show) return false;
  const { id, display_name: name, description, aliases, origin, wires } = model;
  const active = wires.filter((wire) => wire.active).flatMap((wire) => [wire.name, ...wire.buckets]);
  const place = [id, name, description, origin, ...aliases, ...active].join(" ").toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => place.includes(word));
}

/**
 * Return the names that the operator gave a model.
 *
 * @param {Catalog} catalog
 * @param {Model} model
 */
export function ownAliases(catalog, model) {
  const bundled = new Set([model.id, ...model.aliases]);
  return Object.entries(catalog.alias)
    .filter(([, meant]) => bundled.has(meant))
    .map(([name]) => name);
}

/**
 * Return what the operator wrote that has no effect: cards that are not there, aliases that lead nowhere.
 *
 * @param {Catalog} catalog
 */
export function idle({ models, add, hide, alias }) {
  const there = new Set(models.map((model) => model.id));
  const own = new Set(models.filter((model) => model.origin === OWN).map((model) => model.id));
  const leads = (/** @type {[string, string]} */ [name, meant]) =>
    models.some((model) => model.aliases.includes(name) && (model.id === meant || model.aliases.includes(meant)));
  return {
    add: add.map((card) => card.id).filter((id) => !own.has(id)),
    hide: hide.filter((id) => !there.has(id)),
    alias: Object.entries(alias)
      .filter((entry) => !leads(entry))
      .map(([name]) => name),
  };
}
