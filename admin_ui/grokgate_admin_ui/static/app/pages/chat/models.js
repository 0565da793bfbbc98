// Which models the key may use, and the field that chooses one.

import { Icon } from "../../components/icon.js";
import { texts } from "../../lib/i18n.js";
import { html, signal, useEffect, useId, useRef, useState } from "../../lib/preact.js";
import { v1 } from "../../lib/v1.js";

const t = texts("chat");

/**
 * @typedef {object} Model
 * @property {string} id
 * @property {string} name
 * @property {string} capability `chat`, `image`, `image_edit`, `video`.
 * @property {string} tier
 * @property {string} description
 */

/** @typedef {{list: Model[], error: unknown}} Known */

const known = signal(/** @type {Known} */ ({ list: [], error: null }));
/** Milliseconds for which an answer is good enough for a view that is opened. */
const GOOD_MS = 30_000;
let askedAt = -Infinity;
/** @type {Promise<void> | null} */
let learning = null;

/** Return the models that may be used; a view that is opened asks anew, as accounts may have come. */
export function useModels() {
  useEffect(() => {
    if (performance.now() - askedAt > GOOD_MS) void learnModels().catch(() => {});
  }, []);
  return known.value;
}

/** Ask for the models; who asks meanwhile gets the same answer. */
export function learnModels() {
  learning ??= ask().finally(() => {
    learning = null;
  });
  return learning;
}

async function ask() {
  askedAt = performance.now();
  try {
    const { body } = await v1.get("/v1/models?verbose=true");
    known.value = { list: body.data.map(toModel), error: null };
  } catch (error) {
    known.value = { list: [], error };
    throw error;
  }
}

/** Forget them, as when another key is used. */
export function forgetModels() {
  askedAt = -Infinity;
  known.value = { list: [], error: null };
}

/**
 * @param {any} told
 * @returns {Model}
 */
function toModel({ id, display_name: name, capability = "chat", tier, description }) {
  return { id, name: name ?? id, capability, tier: tier ?? "", description: description ?? "" };
}

/**
 * Chooses a model by its name, or takes any name that is typed.
 *
 * @param {{value: string, onInput: (model: string) => void, capability: string[], label?: string,
 *   bare?: boolean}} props Bare: the label is for screen readers alone.
 */
export function ModelField({ value, onInput, capability, label, bare = false }) {
  const { list } = useModels();
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const [at, setAt] = useState(-1);
  const id = useId();
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const fitting = list.filter((each) => capability.includes(each.capability));
  const word = (typed ?? "").trim().toLowerCase();
  const shown = fitting.filter(({ id: name, name: title }) => `${name} ${title}`.toLowerCase().includes(word));
  const chosen = list.find((each) => each.id === value);

  const begin = () => {
    setTyped(null);
    setAt(-1);
    setOpen(true);
    input.current?.select();
  };
  const take = (/** @type {string} */ model) => {
    if (model) onInput(model);
    setTyped(null);
    setOpen(false);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) begin();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (shown.length) setAt((at + step + shown.length) % shown.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(shown[at]?.id ?? (typed ?? "").trim());
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      event.stopPropagation();
      setTyped(null);
      setOpen(false);
    }
  };
  return html`<div class=${`model-field ${bare ? "model-field-bare" : "field"}`}>
    <label class=${bare ? "visually-hidden" : "field-label"} for=${id}>${label ?? t("model")}</label>
    <div class="model-control">
      <input
        ref=${input}
        id=${id}
        class="input"
        role="combobox"
        autocomplete="off"
        spellcheck="false"
        aria-expanded=${open ? "true" : "false"}
        aria-controls=${open ? `${id}-list` : undefined}
        aria-activedescendant=${open && shown[at] ? `${id}-${at}` : undefined}
        aria-autocomplete="list"
        value=${typed ?? value}
        placeholder=${t("model_any")}
        title=${chosen?.description || undefined}
        onFocus=${() => input.current?.select()}
        onClick=${begin}
        onInput=${(/** @type {any} */ event) => {
          setTyped(event.target.value);
          setAt(-1);
          setOpen(true);
        }}
        onKeyDown=${onKeyDown}
        onBlur=${() => take((typed ?? "").trim())}
      />
      <${Icon} name="chevronDown" size=${16} />
    </div>
    ${open &&
    html`<${Choices} id=${id} models=${shown} at=${at} value=${value} typed=${typed} onTake=${take} />`}
  </div>`;
}

/**
 * @param {{id: string, models: Model[], at: number, value: string, typed: string | null,
 *   onTake: (model: string) => void}} props
 */
function Choices({ id, models, at, value, typed, onTake }) {
  const list = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    const found = list.current?.querySelector(at < 0 ? ".model-chosen" : ".model-at");
    found?.scrollIntoView({ block: "nearest" });
  }, [at]);
  return html`<div
    class="model-list floating-list"
    role="listbox"
    id=${`${id}-list`}
    aria-label=${t("models")}
    ref=${list}
  >
    ${models.map(
      (model, index) =>
        html`<div
          key=${model.id}
          id=${`${id}-${index}`}
          role="option"
          class=${`model-choice ${index === at ? "model-at" : ""} ${model.id === value ? "model-chosen" : ""}`}
          aria-selected=${model.id === value ? "true" : "false"}
          onMouseDown=${(/** @type {MouseEvent} */ event) => {
            event.preventDefault();
            onTake(model.id);
          }}
        >
          <span class="model-words">
            <span class="model-name">${model.name}</span>
            <span class="model-id">${model.id}</span>
          </span>
          ${model.tier && model.tier !== "basic" && html`<span class="model-tier">${model.tier}</span>`}
        </div>`,
    )}
    ${!models.length &&
    html`<p class="model-none" role="option" aria-selected="false" aria-disabled="true">
      ${typed ? t("model_free", { model: typed.trim() }) : t("model_none")}
    </p>`}
  </div>`;
}
