// One stored picture or video, large; arrow keys lead to the next.

import { Button, CopyButton, IconButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { bytes, dateTime, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useState } from "../../lib/preact.js";
import { mediaPath, mediaUrl, stillUrl } from "./media.js";

const t = texts("cache");
/** @typedef {import("./media.js").Media} Media */

/**
 * @param {{kind: "image" | "video", name: string, items: Media[], onShow: (name: string) => void,
 *   onDelete: (name: string) => Promise<boolean>}} props `onShow("")` closes.
 */
export function Lightbox({ kind, name, items, onShow, onDelete }) {
  const at = items.findIndex((media) => media.name === name);
  const media = items[at];
  const before = items[at - 1]?.name;
  const after = at < 0 ? undefined : items[at + 1]?.name;
  const remove = async () => {
    if (await onDelete(name)) onShow(after ?? before ?? "");
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.target instanceof HTMLVideoElement) return;
    const next = event.key === "ArrowLeft" ? before : event.key === "ArrowRight" ? after : undefined;
    if (!next) return;
    event.preventDefault();
    onShow(next);
  };
  return html`<div class="cache-lightbox" onKeyDown=${onKeyDown}>
    <${Dialog}
      wide
      title=${html`<span class="mono">${name}</span>`}
      lead=${media && `${bytes(media.size_bytes)} · ${dateTime(media.mtime_ms)}`}
      onClose=${() => onShow("")}
      footer=${html`<span class="cache-place">
          <${IconButton} icon="chevronLeft" label=${t("before")} disabled=${!before} onClick=${() => before && onShow(before)} />
          ${at >= 0 && html`<span class="muted small">${number(at + 1)} / ${number(items.length)}</span>`}
          <${IconButton} icon="chevronRight" label=${t("after")} disabled=${!after} onClick=${() => after && onShow(after)} />
        </span>
        ${media && html`<${CopyButton} text=${media.link} small=${false}>${t("copy_link")}<//>`}
        <${Button} icon="download" to=${mediaPath(kind, name)} download=${name}>${t("download")}<//>
        <${Button} kind="danger" icon="trash" onClick=${remove}>${t("delete")}<//>`}
    >
      <${Shown} key=${name} kind=${kind} name=${name} still=${stillUrl(kind, media)} />
    <//>
  </div>`;
}

/** @param {{kind: "image" | "video", name: string, still: string | null}} props */
function Shown({ kind, name, still }) {
  const [isBroken, setBroken] = useState(false);
  if (isBroken) return html`<p class="cache-shown muted">${t("gone")}</p>`;
  const source = mediaUrl(kind, name);
  const onError = () => setBroken(true);
  return html`<div class="cache-shown">
    ${kind === "image"
      ? html`<img src=${source} alt=${name} onError=${onError} />`
      : html`<video src=${source} poster=${still ?? undefined} controls preload="metadata" onError=${onError}></video>`}
  </div>`;
}
