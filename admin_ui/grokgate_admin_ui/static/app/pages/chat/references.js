// Pictures that a request starts from: dropped, pasted, chosen, or named by address.

import { Button } from "../../components/button.js";
import { FileDrop, TextField } from "../../components/fields.js";
import { Icon } from "../../components/icon.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { attachmentOf } from "./composer.js";
import { useBlobUrl } from "./hooks.js";
import { contentOf, handed } from "./media.js";
import { newId } from "./sessions.js";
import { isPicture, uploaded } from "./uploads.js";

const t = texts("chat");

/**
 * @typedef {{id: string, file: import("./sessions.js").Attachment} | {id: string, url: string}}
 *   Reference
 */

/**
 * @param {{value: Reference[], onInput: (value: Reference[]) => void, most: number, label: string,
 *   help?: string}} props
 */
export function References({ value, onInput, most, label, help }) {
  const [address, setAddress] = useState("");
  const full = value.length >= most;
  const isAddress = /^https?:\/\/\S+$/.test(address.trim());
  const addAddress = () => {
    onInput([...value, { id: newId(), url: address.trim() }].slice(0, most));
    setAddress("");
  };
  return html`<div class="references field" role="group" aria-label=${label}>
    <span class="field-label">${label} <span class="muted">${value.length} / ${most}</span></span>
    ${value.length > 0 &&
    html`<ul class="files">
      ${value.map(
        (each) =>
          html`<${Thumb}
            key=${each.id}
            reference=${each}
            onRemove=${() => onInput(value.filter(({ id }) => id !== each.id))}
          />`,
      )}
    </ul>`}
    ${!full &&
    html`<${FileDrop}
        label=${t("drop_pictures")}
        help=${help ?? t("drop_pictures_help")}
        accept="image/png,image/jpeg,image/webp"
        multiple
        onFiles=${(/** @type {File[]} */ files) => onInput(withFiles(value, files, most))}
      />
      <${TextField}
        ariaLabel=${t("picture_address")}
        placeholder=${t("picture_address")}
        value=${address}
        onInput=${setAddress}
        onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
          if (event.key !== "Enter" || event.isComposing) return;
          event.preventDefault();
          if (isAddress) addAddress();
        }}
        after=${html`<${Button} disabled=${!isAddress} onClick=${addAddress}>${t("add")}<//>`}
      />`}
  </div>`;
}

/** @param {{reference: Reference, onRemove: () => void}} props */
function Thumb({ reference, onRemove }) {
  const address = useBlobUrl("file" in reference ? reference.file.blob : null);
  const name = "file" in reference ? reference.file.name : reference.url;
  return html`<li class=${`file ${address ? "file-picture" : ""}`}>
    ${address
      ? html`<img src=${address} alt=${name} title=${name} />`
      : html`<span class="file-icon"><${Icon} name="link" size=${16} /></span>
          <span class="file-words"><span class="ellipsis" title=${name}>${name}</span></span>`}
    <button
      type="button"
      class="file-remove"
      aria-label=${t("remove_named", { name })}
      onClick=${onRemove}
    >
      <${Icon} name="close" size=${12} />
    </button>
  </li>`;
}

/**
 * Add files, as far as they are pictures and there is room.
 *
 * @param {Reference[]} value
 * @param {File[]} files
 * @param {number} most
 * @returns {Reference[]}
 */
export function withFiles(value, files, most) {
  const pictures = files.map(attachmentOf).filter(isPicture);
  if (pictures.length < files.length) toast.info(t("pictures_only"));
  const room = most - value.length;
  if (pictures.length > room) toast.info(t("pictures_most", { count: most }));
  return [...value, ...pictures.slice(0, Math.max(0, room)).map((file) => ({ id: file.id, file }))];
}

/**
 * Take the picture that another view handed over.
 *
 * @param {"edit" | "video"} to
 * @param {(file: File) => void} onFile
 */
export function useHanded(to, onFile) {
  const waiting = handed.value?.to === to ? handed.value.picture : null;
  useEffect(() => {
    if (!waiting) return;
    handed.value = null;
    contentOf(waiting).then(
      (blob) => onFile(new File([blob], waiting.name, { type: blob.type })),
      (error) => toast.error(error),
    );
  }, [waiting]);
}

/**
 * Return references in the form of a request; files are uploaded first.
 *
 * @param {Reference[]} references
 * @returns {Promise<({image_url: string} | {file_id: string})[]>}
 */
export function sentReferences(references) {
  return Promise.all(
    references.map(async (each) => {
      if ("url" in each) return { image_url: each.url };
      const found = await uploaded(each.file);
      return "fileId" in found ? { file_id: found.fileId } : { image_url: found.address };
    }),
  );
}
