// Fields that requests for pictures share.

import { NumberField, Segmented, SelectField, SwitchField, TextArea } from "../../components/fields.js";
import { texts } from "../../lib/i18n.js";
import { html } from "../../lib/preact.js";

const t = texts("chat");

/** Streamed requests make no more. */
const MOST_STREAMED = 2;
const MOST = 10;

const RATIOS = ["1:1", "2:3", "3:2", "9:16", "16:9"];
const SIZES = ["1024x1024", "1024x1536", "1536x1024"];

/**
 * @param {{value: string, onInput: (prompt: string) => void, onSend: () => void, label?: string,
 *   placeholder?: string, rows?: number}} props
 */
export function PromptField({ value, onInput, onSend, label, placeholder, rows = 5 }) {
  return html`<${TextArea}
    label=${label ?? t("prompt")}
    rows=${rows}
    value=${value}
    placeholder=${placeholder}
    onInput=${onInput}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || event.isComposing || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (!event.repeat) onSend();
    }}
  />`;
}

/** @param {{value: string, onInput: (size: string) => void}} props */
function SizeField({ value, onInput }) {
  const options = [
    { value: "", label: t("size_auto") },
    ...RATIOS.map((ratio) => ({ value: ratio, label: `${ratio} · ${t(`ratio_${orientation(ratio)}`)}` })),
    ...SIZES.map((size) => ({ value: size, label: size.replace("x", " × ") })),
  ];
  return html`<${SelectField}
    label=${t("size")}
    value=${value}
    options=${options}
    onInput=${onInput}
  />`;
}

/** @param {string} ratio */
function orientation(ratio) {
  const [width, height] = ratio.split(":").map(Number);
  return width === height ? "square" : width > height ? "wide" : "tall";
}

/**
 * Return how many pictures a request may ask for, nearest to *count*.
 *
 * @param {number} count
 * @param {boolean} stream
 */
function fitting(count, stream) {
  return Math.max(1, Math.min(stream ? MOST_STREAMED : MOST, Math.round(count)));
}

/**
 * Return a CSS aspect ratio for a size or ratio.
 *
 * @param {string} size
 */
export function shapeOf(size) {
  const found = /^(\d+)[x:](\d+)$/.exec(size);
  return found ? `${found[1]} / ${found[2]}` : "2 / 3";
}

/**
 * @typedef {{size: string, count: number, stream: boolean, format: string}} Delivery
 */

/**
 * How pictures are wanted.
 *
 * @param {{settings: Delivery, onChange: (changes: Partial<Delivery>) => void}} props
 */
export function DeliveryFields({ settings: { size, count, stream, format }, onChange }) {
  return html`<${SizeField}
      value=${size}
      onInput=${(/** @type {string} */ next) => onChange({ size: next })}
    />
    <div class="form-pair">
      <${NumberField}
        label=${t("count")}
        value=${count}
        min=${1}
        max=${stream ? MOST_STREAMED : MOST}
        step=${1}
        onInput=${(/** @type {number | null} */ value) => onChange({ count: fitting(value ?? 1, stream) })}
      />
      <${Segmented}
        label=${t("format")}
        value=${format}
        options=${[
          { value: "url", label: t("format_url") },
          { value: "b64_json", label: t("format_b64") },
        ]}
        onInput=${(/** @type {string} */ next) => onChange({ format: next })}
      />
    </div>
    <${SwitchField}
      label=${t("stream")}
      help=${t("stream_pictures_help")}
      value=${stream}
      onInput=${(/** @type {boolean} */ next) => onChange({ stream: next, count: fitting(count, next) })}
    />`;
}
