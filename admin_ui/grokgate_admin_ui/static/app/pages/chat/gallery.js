// Pictures without end: they come by sockets until they are stopped (F-UI-83).

import { Button } from "../../components/button.js";
import { SearchField, Segmented, SwitchField } from "../../components/fields.js";
import { Icon } from "../../components/icon.js";
import { BulkBar } from "../../components/pager.js";
import { Empty } from "../../components/states.js";
import { save } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { html, signal, useEffect, useRef, useState } from "../../lib/preact.js";
import { pref } from "../../lib/prefs.js";
import { toast } from "../../lib/toasts.js";
import { PromptField, shapeOf } from "./picture-form.js";
import { Lightbox, PictureButton } from "./pictures.js";
import { pictures, startGallery, state, stopGallery } from "./sockets.js";
import { Fares, Studio, toResults } from "./studio.js";
import { zipped } from "./zip.js";

const t = texts("chat");

const RATIOS = ["2:3", "3:2", "1:1", "9:16", "16:9"];

const taste = pref("gallery_settings", {
  ratio: "2:3",
  sockets: "1",
  quality: /** @type {"speed" | "quality"} */ ("speed"),
  nsfw: false,
  follow: true,
  newest: true,
});
const prompt = signal("");
const chosen = signal(/** @type {ReadonlySet<string>} */ (new Set()));

/** @param {{nsfw: boolean, onTab: (tab: string) => void}} props Nsfw: it may be asked for. */
export function GalleryView({ nsfw, onTab }) {
  const [word, setWord] = useState("");
  const [open, setOpen] = useState("");
  const settings = taste.value;
  const { on } = state.value;
  const change = (/** @type {Partial<typeof settings>} */ changes) =>
    (taste.value = { ...settings, ...changes });
  const all = settings.newest ? pictures.value.toReversed() : pictures.value;
  const sought = word.trim().toLowerCase();
  const shown = all.filter((each) => each.prompt.toLowerCase().includes(sought));
  const go = () => {
    if (on) stopGallery();
    else if (prompt.value.trim()) {
      const { ratio, quality, sockets } = settings;
      const adult = nsfw && settings.nsfw;
      startGallery(Number(sockets), { prompt: prompt.value.trim(), ratio, quality, nsfw: adult });
      toResults();
    }
  };
  const fields = html`<${PromptField}
      value=${prompt.value}
      placeholder=${t("prompt_gallery")}
      rows=${4}
      onSend=${go}
      onInput=${(/** @type {string} */ words) => (prompt.value = words)}
    />
    <${Segmented}
      label=${t("ratio")}
      value=${settings.ratio}
      options=${RATIOS.map((value) => ({ value, label: value }))}
      onInput=${(/** @type {string} */ ratio) => change({ ratio })}
    />
    <div class="form-pair">
      <${Segmented}
        label=${t("sockets")}
        value=${settings.sockets}
        options=${["1", "2", "3"].map((value) => ({ value, label: value }))}
        onInput=${(/** @type {string} */ sockets) => change({ sockets })}
      />
      <${Segmented}
        label=${t("quality")}
        value=${settings.quality}
        options=${["speed", "quality"].map((value) => ({ value, label: t(`quality_${value}`) }))}
        onInput=${(/** @type {"speed" | "quality"} */ quality) => change({ quality })}
      />
    </div>
    ${nsfw &&
    html`<${SwitchField}
      label=${t("nsfw")}
      value=${settings.nsfw}
      onInput=${(/** @type {boolean} */ value) => change({ nsfw: value })}
    />`}
    <${SwitchField}
      label=${t("newest_first")}
      value=${settings.newest}
      onInput=${(/** @type {boolean} */ newest) => change({ newest })}
    />
    <${SwitchField}
      label=${t("auto_scroll")}
      value=${settings.follow}
      onInput=${(/** @type {boolean} */ follow) => change({ follow })}
    />
    <${Button}
      kind=${on ? "plain" : "primary"}
      type="submit"
      icon=${on ? "stop" : "play"}
      disabled=${!on && !prompt.value.trim()}
    >
      ${on ? t("stop") : t("start")}
    <//>`;
  return html`<${Studio} fields=${fields} onGo=${go}>
    <${RunFares} />
    ${all.length > 0 &&
    html`<div class="studio-bar">
      <${SearchField} value=${word} onInput=${setWord} placeholder=${t("filter_pictures")} />
      <div class="row">
        <${Button}
          small
          kind="ghost"
          onClick=${() => (chosen.value = new Set(shown.map(({ id }) => id)))}
        >${t("select_all")}<//>
        <${Button}
          small
          kind="ghost"
          icon="close"
          disabled=${on}
          onClick=${clear}
        >${t("clear_results")}<//>
      </div>
    </div>`}
    ${shown.length > 0
      ? html`<${Wall}
        shown=${shown}
        shape=${shapeOf(settings.ratio)}
        follow=${settings.follow && on}
        newest=${settings.newest}
        onOpen=${setOpen}
      />`
      : html`<${Empty}
        icon="layers"
        title=${sought ? t("nothing_found") : on ? t("gallery_waits") : t("no_gallery")}
      >
          ${!on && !sought && t("no_gallery_lead")}
        <//>`}
    <${Selected} />
    ${open &&
    html`<${Lightbox}
      pictures=${shown}
      id=${open}
      onShow=${setOpen}
      onHand=${onTab}
      onClose=${() => setOpen("")}
    />`}
  <//>`;
}

function clear() {
  pictures.value = [];
  chosen.value = new Set();
}

/** How the run fares. */
function RunFares() {
  const { on, open, since, made, totalMs, lastError } = state.value;
  if (!on && !made && !lastError) return null;
  const minutes = (Date.now() - since) / 60_000;
  const pace = on && made && minutes > 0.05 ? Math.round(made / minutes) : null;
  const averageMs = made ? totalMs / made : null;
  return html`<${Fares} made=${made} active=${open} averageMs=${averageMs} pace=${pace} lastError=${lastError} />`;
}

/**
 * @param {{shown: import("./sockets.js").GalleryPicture[], shape: string, follow: boolean,
 *   newest: boolean, onOpen: (id: string) => void}} props
 */
function Wall({ shown, shape, follow, newest, onOpen }) {
  const place = useRef(/** @type {HTMLUListElement | null} */ (null));
  const latest = newest ? shown[0]?.id : shown.at(-1)?.id;
  useEffect(() => {
    if (!follow) return;
    const list = place.current;
    const item = newest ? list?.firstElementChild : list?.lastElementChild;
    item?.scrollIntoView({ block: "nearest" });
  }, [latest, follow]);
  const toggle = (/** @type {string} */ id) => {
    const next = new Set(chosen.peek());
    if (!next.delete(id)) next.add(id);
    chosen.value = next;
  };
  return html`<ul class="pictures wall" ref=${place}>
    ${shown.map(
      (each) =>
        html`<li key=${each.id} class=${chosen.value.has(each.id) ? "tile-chosen" : ""}>
          <figure
            class="tile tile-done"
            style=${{ aspectRatio: each.ratio ? shapeOf(each.ratio) : shape }}
          >
            <${PictureButton} picture=${each} alt=${each.prompt} onOpen=${() => onOpen(each.id)} />
            <button
              type="button"
              class="tile-check"
              role="checkbox"
              aria-checked=${chosen.value.has(each.id) ? "true" : "false"}
              aria-label=${t("select_row", { name: each.name })}
              onClick=${() => toggle(each.id)}
            >
              ${chosen.value.has(each.id) && html`<${Icon} name="check" size=${14} />`}
            </button>
          </figure>
        </li>`,
    )}
  </ul>`;
}

/** What can be done with the selected ones. */
function Selected() {
  const [done, setDone] = useState(-1);
  const some = pictures.value.filter(({ id }) => chosen.value.has(id));
  if (!some.length) return null;
  const zip = async () => {
    setDone(0);
    try {
      const { file, missing } = await zipped(some, setDone);
      save(file, `grokgate-${new Date().toISOString().slice(0, 16).replace(/[:T]/g, "-")}.zip`);
      if (missing) toast.info(t("zip_missing", { count: missing }));
    } catch (error) {
      toast.error(error);
    }
    setDone(-1);
  };
  const forget = () => {
    const gone = chosen.peek();
    pictures.value = pictures.peek().filter(({ id }) => !gone.has(id));
    chosen.value = new Set();
  };
  return html`<${BulkBar} count=${some.length} onClear=${() => (chosen.value = new Set())}>
    <${Button} kind="primary" icon="download" busy=${done >= 0} onClick=${zip}>
      ${done >= 0 ? `${done} / ${some.length}` : t("zip")}
    <//>
    <${Button} icon="close" disabled=${done >= 0} onClick=${forget}>${t("forget")}<//>
  <//>`;
}
