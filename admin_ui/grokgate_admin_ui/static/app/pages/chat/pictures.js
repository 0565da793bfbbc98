// Pictures as a grid, and one of them large.

import { Button, CopyButton, IconButton } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { Icon } from "../../components/icon.js";
import { duration } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { download, handed } from "./media.js";
import { ProblemBox, RequestId } from "./problem.js";
import { RequestDialog } from "./request.js";

const t = texts("chat");

/** @typedef {import("./batches.js").Batch} Batch */
/** @typedef {import("./media.js").Picture} Picture */

/** Seconds until a picture that did not come is asked for by itself. */
const RELOADS = [1, 3];

/**
 * The batches of a view, newest first.
 *
 * @param {{batches: Batch[], shape: string, onAgain: (batch: Batch) => void,
 *   onHand: (to: "edit" | "video") => void, alt: string}} props Shape: a CSS aspect ratio for what
 *   is not there yet.
 */
export function Batches({ batches, shape, onAgain, onHand, alt }) {
  const [open, setOpen] = useState("");
  const [request, setRequest] = useState("");
  const all = batches.flatMap(picturesOf);
  return html`<div class="batches">
    ${batches.map(
      (batch) =>
        html`<${BatchView}
          key=${batch.id}
          batch=${batch}
          shape=${shape}
          alt=${alt}
          onOpen=${setOpen}
          onAgain=${() => onAgain(batch)}
          onRequest=${() => setRequest(batch.id)}
        />`,
    )}
    ${open &&
    html`<${Lightbox}
      pictures=${all}
      id=${open}
      onShow=${setOpen}
      onHand=${onHand}
      onClose=${() => setOpen("")}
    />`}
    ${request && html`<${RequestDialog} id=${request} onClose=${() => setRequest("")} />`}
  </div>`;
}

/**
 * @param {Batch} batch
 * @returns {Picture[]}
 */
function picturesOf({ tiles, prompt, at }) {
  return tiles
    .filter(({ state }) => state === "done")
    .map(({ id, src, blob, name }) => ({ id, src, blob, name, prompt, at }));
}

/**
 * @param {{batch: Batch, shape: string, alt: string, onOpen: (id: string) => void,
 *   onAgain: () => void, onRequest: () => void}} props
 */
function BatchView({ batch, shape, alt, onOpen, onAgain, onRequest }) {
  const { tiles, status, prompt, durationMs, requestId, problem } = batch;
  const missing = tiles.filter(({ state }) => state === "missing").length;
  return html`<section class="batch" aria-label=${prompt} aria-busy=${status === "running"}>
    <header class="batch-head">
      <p class="batch-prompt" title=${prompt}>${prompt}</p>
      <div class="batch-tools">
        ${durationMs !== null && html`<span class="muted small nowrap">${duration(durationMs)}</span>`}
        ${requestId && !problem && html`<${RequestId} id=${requestId} short />`}
        ${status === "running"
          ? html`<${Button} small icon="stop" onClick=${() => batch.control.abort()}>${t("stop")}<//>`
          : html`<${IconButton} small icon="refresh" label=${t("make_again")} onClick=${onAgain} />`}
        ${status !== "running" &&
        html`<${IconButton}
          small
          icon="code"
          label=${t("request")}
          onClick=${onRequest}
        />`}
      </div>
    </header>
    ${problem && html`<${ProblemBox} problem=${problem}><${Button}
      small
      icon="refresh"
      onClick=${onAgain}
    >${t("retry")}<//><//>`}
    ${status === "stopped" && html`<p class="muted small">${t("stopped")}</p>`}
    ${tiles.length > 0 &&
    html`<ul class="pictures">
      ${tiles.map(
        (tile) =>
          html`<li key=${tile.id}>
            ${tile.state === "done"
              ? html`<${PictureTile}
                tile=${tile}
                alt=${`${alt}: ${prompt}`}
                onOpen=${() => onOpen(tile.id)}
              />`
              : html`<${Placeholder} tile=${tile} shape=${shape} />`}
          </li>`,
      )}
    </ul>`}
    ${status === "done" && missing > 0 && html`<p class="muted small">${t("pictures_missing", { count: missing })}</p>`}
  </section>`;
}

/** @param {{tile: import("./batches.js").Tile, shape: string}} props */
function Placeholder({ tile, shape }) {
  const { state, src, progress } = tile;
  if (state === "missing") {
    return html`<div
      class="tile tile-missing"
      style=${{ aspectRatio: shape }}
    ><${Icon} name="ban" /> ${t("picture_missing")}</div>`;
  }
  return html`<div
    class=${`tile ${src ? "tile-preview" : "tile-waiting"}`}
    style=${{ aspectRatio: shape }}
  >
    ${src && html`<img src=${src} alt=${t("preview")} />`}
    <span class="tile-state"><span
      class="spinner"
      aria-hidden="true"
    ></span>${progress ? `${progress} %` : t("being_made")}</span>
  </div>`;
}

/** @param {{tile: import("./batches.js").Tile, alt: string, onOpen: () => void}} props */
function PictureTile({ tile, alt, onOpen }) {
  return html`<figure class="tile tile-done">
    <${PictureButton} picture=${tile} alt=${alt} onOpen=${onOpen} />
    <span class="tile-tools">
      <${IconButton}
        small
        kind="plain"
        icon="download"
        label=${t("download_named", { name: tile.name })}
        onClick=${() => load(tile)}
      />
    </span>
  </figure>`;
}

/**
 * A picture that opens large. One that does not come is asked for again, at last by its button.
 *
 * @param {{picture: {src: string, name: string}, alt: string, onOpen: () => void}} props
 */
export function PictureButton({ picture: { src, name }, alt, onOpen }) {
  const [turn, setTurn] = useState(0);
  const [failed, setFailed] = useState(false);
  const isBroken = failed && turn >= RELOADS.length;
  const load = (/** @type {number} */ next) => {
    setTurn(next);
    setFailed(false);
  };
  useEffect(() => {
    if (!failed || isBroken) return undefined;
    const timer = setTimeout(() => load(turn + 1), RELOADS[turn] * 1000);
    return () => clearTimeout(timer);
  }, [failed, turn]);
  return html`<button
    type="button"
    class="tile-open"
    aria-label=${t(isBroken ? "reload_picture" : "open_picture", { name })}
    onClick=${() => (isBroken ? load(0) : onOpen())}
  >
    ${isBroken
      ? html`<span class="tile-broken"><${Icon} name="refresh" /> ${t("picture_reload")}</span>`
      : html`<img key=${turn} src=${src} alt=${alt} loading="lazy" onError=${() => setFailed(true)} />`}
  </button>`;
}

/** @param {Pick<Picture, "src" | "blob" | "name">} picture */
function load(picture) {
  download(picture).catch((error) => toast.error(error));
}

/**
 * One picture, as large as there is room for; arrow keys lead to the others.
 *
 * @param {{pictures: Picture[], id: string, onShow: (id: string) => void, onClose: () => void,
 *   onHand?: (to: "edit" | "video") => void}} props
 */
export function Lightbox({ pictures, id, onShow, onClose, onHand }) {
  const at = pictures.findIndex((each) => each.id === id);
  const picture = pictures[at];
  const go = (/** @type {number} */ step) => onShow(pictures[(at + step + pictures.length) % pictures.length].id);
  useEffect(() => {
    if (!picture) onClose();
  }, [picture]);
  if (!picture) return null;
  const hand = (/** @type {"edit" | "video"} */ to) => {
    handed.value = { to, picture };
    onClose();
    onHand?.(to);
  };
  const several = pictures.length > 1;
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (several && event.key === "ArrowRight") go(1);
    else if (several && event.key === "ArrowLeft") go(-1);
  };
  return html`<div class="lightbox" onKeyDown=${onKeyDown}>
    <${Dialog}
      wide
      title=${several ? t("picture_of", { at: at + 1, count: pictures.length }) : t("picture")}
      onClose=${onClose}
      footer=${html`<div class="lightbox-tools">
        ${several &&
        html`<div class="row">
          <${IconButton} icon="chevronLeft" label=${t("picture_before")} onClick=${() => go(-1)} />
          <${IconButton} icon="chevronRight" label=${t("picture_after")} onClick=${() => go(1)} />
        </div>`}
        <div class="row row-wrap lightbox-actions">
          ${onHand && html`<${Button} icon="edit" onClick=${() => hand("edit")}>${t("edit_this")}<//>`}
          ${onHand && html`<${Button} icon="film" onClick=${() => hand("video")}>${t("film_this")}<//>`}
          <${Button} kind="primary" icon="download" onClick=${() => load(picture)}>${t("download")}<//>
        </div>
      </div>`}
    >
      <img class="lightbox-picture" src=${picture.src} alt=${picture.prompt} />
      <div class="lightbox-words">
        <p class="break">${picture.prompt}</p>
        <${CopyButton} text=${picture.prompt} label=${t("copy_prompt")} />
      </div>
    <//>
  </div>`;
}
