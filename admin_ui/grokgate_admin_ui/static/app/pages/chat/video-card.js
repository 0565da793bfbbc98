// One video: how far it is, its player, what can be done with it.

import { Button, IconButton } from "../../components/button.js";
import { confirm, Dialog } from "../../components/dialog.js";
import { Segmented, TextArea } from "../../components/fields.js";
import { Icon } from "../../components/icon.js";
import { Progress } from "../../components/progress.js";
import { save } from "../../lib/api.js";
import { ago } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { canExtend, fileOf, isUnderWay, removeVideo } from "./film.js";
import { useBlobUrl } from "./hooks.js";
import { nameOf } from "./media.js";
import { shapeOf } from "./picture-form.js";
import { ProblemBox } from "./problem.js";
import { recordOf } from "./records.js";
import { RequestDialog } from "./request.js";

const t = texts("chat");

/** @typedef {import("./film.js").Video} Video */

/**
 * @param {{video: Video, onExtend: (video: Video, prompt: string, seconds: string) => void,
 *   onGone: () => Promise<void>}} props
 */
export function VideoCard({ video, onExtend, onGone }) {
  const [extending, setExtending] = useState(false);
  const [request, setRequest] = useState(false);
  const [busy, setBusy] = useState(false);
  const { id, prompt, status, seconds, size, error } = video;
  const remove = async () => {
    const body = t(isUnderWay(video) ? "cancel_video_body" : "delete_video_body");
    const asking = { title: t("delete_video_title"), body, action: t("delete"), danger: true };
    if (!(await confirm(asking))) return;
    setBusy(true);
    await removeVideo(id).then(onGone, (problem) => toast.error(problem));
    setBusy(false);
  };
  const fetchFile = async () => {
    setBusy(true);
    try {
      save(await fileOf(id, "video"), nameOf(prompt, 1, ".mp4"));
    } catch (problem) {
      toast.error(problem);
    }
    setBusy(false);
  };
  return html`<article class="video" aria-label=${prompt}>
    <${Screen} video=${video} />
    <div class="video-words">
      <p class="video-prompt" title=${prompt}>${prompt}</p>
      <p class="muted small">
        ${t("seconds", { seconds: Number(seconds) })} · ${size.replace("x", " × ")} · ${ago(video.created_at * 1000)}
      </p>
      ${isUnderWay(video) &&
      html`<${Progress}
        label=${t("video_progress")}
        value=${video.progress}
        max=${video.progress ? 100 : undefined}
      />`}
      ${error && html`<${ProblemBox} problem=${{ ...error, status: 0, requestId: "" }} />`}
    </div>
    <div class="video-tools">
      ${status === "completed" &&
      html`<${Button}
        small
        icon="download"
        busy=${busy}
        onClick=${fetchFile}
      >${t("download")}<//>`}
      ${status === "completed" && canExtend.value &&
      html`<${Button}
        small
        icon="plus"
        onClick=${() => setExtending(true)}
      >${t("extend")}<//>`}
      <span class="video-tools-end">
        ${recordOf(id) &&
        html`<${IconButton}
          small
          icon="code"
          label=${t("request")}
          onClick=${() => setRequest(true)}
        />`}
        <${IconButton} small icon="trash" label=${t("delete")} onClick=${remove} />
      </span>
    </div>
    ${request && html`<${RequestDialog} id=${id} onClose=${() => setRequest(false)} />`}
    ${extending &&
    html`<${Extend}
      onClose=${() => setExtending(false)}
      onGo=${(/** @type {string} */ words, /** @type {string} */ length) => {
        setExtending(false);
        onExtend(video, words, length);
      }}
    />`}
  </article>`;
}

/**
 * The player, its first picture before it plays, or how far it is.
 *
 * @param {{video: Video}} props
 */
function Screen({ video }) {
  const { id, status, progress, size, prompt } = video;
  const [still, setStill] = useState(/** @type {Blob | null} */ (null));
  const [film, setFilm] = useState(/** @type {Blob | null} */ (null));
  const [loading, setLoading] = useState(false);
  const poster = useBlobUrl(still);
  const src = useBlobUrl(film);
  useEffect(() => {
    if (status !== "completed") return undefined;
    const control = new AbortController();
    fileOf(id, "thumbnail", control.signal).then(setStill, () => {});
    return () => control.abort();
  }, [id, status]);
  const play = async () => {
    setLoading(true);
    try {
      setFilm(await fileOf(id, "video"));
    } catch (problem) {
      toast.error(problem);
    }
    setLoading(false);
  };
  const style = { aspectRatio: shapeOf(size) };
  if (src) {
    return html`<video
      class="video-screen"
      style=${style}
      src=${src}
      poster=${poster || undefined}
      aria-label=${prompt}
      controls
      autoplay
      loop
      playsinline
    ></video>`;
  }
  if (status === "completed") {
    return html`<button
      type="button"
      class="video-screen"
      style=${style}
      aria-label=${t("play_video", { prompt })}
      onClick=${play}
    >
      ${poster && html`<img src=${poster} alt="" />`}
      <span class="video-play">${loading ? html`<span class="spinner"></span>` : html`<${Icon}
        name="play"
        size=${24}
      />`}</span>
    </button>`;
  }
  return html`<div class="video-screen" style=${style}>
    ${status === "failed"
      ? html`<${Icon} name="ban" size=${24} />`
      : html`<span class="tile-state"><span
        class="spinner"
        aria-hidden="true"
      ></span>${progress ? `${progress} %` : t(`video_${status}`)}</span>`}
  </div>`;
}

/** @param {{onClose: () => void, onGo: (prompt: string, seconds: string) => void}} props */
function Extend({ onClose, onGo }) {
  const [prompt, setPrompt] = useState("");
  const [seconds, setSeconds] = useState("6");
  return html`<${Dialog}
    title=${t("extend_title")}
    lead=${t("extend_lead")}
    onClose=${onClose}
    onSubmit=${() => prompt.trim() && onGo(prompt.trim(), seconds)}
    footer=${html`<${Button} onClick=${onClose}>${t("cancel")}<//>
      <${Button} kind="primary" type="submit" disabled=${!prompt.trim()}>${t("extend")}<//>`}
  >
    <div class="stack">
      <${TextArea} label=${t("prompt")} rows=${3} value=${prompt} onInput=${setPrompt} />
      <${Segmented}
        label=${t("length")}
        value=${seconds}
        options=${["6", "10"].map((value) => ({ value, label: t("seconds", { seconds: Number(value) }) }))}
        onInput=${setSeconds}
      />
    </div>
  <//>`;
}
