// Pictures from words, once or without end; also those for adults (F-UI-82).

import { Button } from "../../components/button.js";
import { NumberField, Segmented } from "../../components/fields.js";
import { Empty } from "../../components/states.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { pref } from "../../lib/prefs.js";
import { v1 } from "../../lib/v1.js";
import { Bench, pictureCount } from "./batches.js";
import { Continuous } from "./continuous.js";
import { useWanted } from "./hooks.js";
import { ModelField, useModels } from "./models.js";
import { DeliveryFields, PromptField, shapeOf } from "./picture-form.js";
import { Batches } from "./pictures.js";
import { Fares, ResultsBar, Studio, toResults } from "./studio.js";
import { present } from "./talk.js";

const t = texts("chat");

const PATHS = /** @type {const} */ ({
  image: "/v1/images/generations",
  nsfw: "/v1/images/generations/nsfw",
});

const taste = pref("image_settings", {
  model: "",
  size: "",
  count: 2,
  format: "url",
  stream: false,
  previews: 2,
  concurrency: 1,
  mode: "single",
});
const benches = { image: new Bench(), nsfw: new Bench() };
const endless = { image: new Continuous(), nsfw: new Continuous() };
const prompts = { image: "", nsfw: "" };

/**
 * Tell whether pictures are being made, or asked for without end.
 *
 * @param {"image" | "nsfw"} tab
 */
export function makesImages(tab) {
  return benches[tab].busy || endless[tab].tally.value.on;
}

/**
 * @param {{tab: "image" | "nsfw", wanted: string, onTab: (tab: string) => void}} props
 *   Wanted: a model that a link named.
 */
export function ImagesView({ tab, wanted, onTab }) {
  const [prompt, setPrompt] = useState(prompts[tab]);
  const { list } = useModels();
  const method = useLoad(async (signal) => (await v1.get("/v1/images/method", { signal })).body, []);
  const bench = benches[tab];
  const loop = endless[tab];
  const settings = taste.value;
  const change = (/** @type {Partial<typeof settings>} */ changes) =>
    (taste.value = { ...settings, ...changes });
  useWanted(wanted, (model) => change({ model }));
  const model = settings.model || list.find(({ capability }) => capability === "image")?.id || "";
  const bySocket = tab === "nsfw" || method.data?.image_generation_method === "imagine_ws_experimental";
  const isEndless = settings.mode === "continuous";
  const isOn = loop.tally.value.on;

  /** @returns {import("./batches.js").Wish} */
  const wish = () => {
    const body = present({
      model: tab === "image" ? model : null,
      prompt: prompt.trim(),
      n: settings.count,
      size: settings.size,
      response_format: settings.format,
      stream: settings.stream || null,
      partial_images: settings.stream ? settings.previews : null,
      concurrency: bySocket && !isEndless && settings.concurrency > 1 ? settings.concurrency : null,
    });
    const asked = { path: PATHS[tab], prompt: prompt.trim(), count: settings.count };
    return { ...asked, makeBody: async () => body };
  };
  const go = () => {
    if (isOn) loop.stop();
    else if (prompt.trim()) {
      const asked = wish();
      if (isEndless) loop.start(bySocket ? settings.concurrency : 1, () => bench.make(asked));
      else void bench.make(asked);
      toResults();
    }
  };
  const batches = bench.batches.value;
  const fields = html`<${PromptField}
      value=${prompt}
      placeholder=${t(`prompt_${tab}`)}
      onSend=${go}
      onInput=${(/** @type {string} */ words) => {
        prompts[tab] = words;
        setPrompt(words);
      }}
    />
    ${tab === "image" &&
    html`<${ModelField}
      value=${model}
      capability=${["image"]}
      onInput=${(/** @type {string} */ next) => change({ model: next })}
    />`}
    <${DeliveryFields} settings=${settings} onChange=${change} />
    ${settings.stream &&
    html`<${NumberField}
      label=${t("previews")}
      value=${settings.previews}
      min=${0}
      max=${3}
      onInput=${(/** @type {number | null} */ value) =>
        change({ previews: Math.max(0, Math.min(3, value ?? 0)) })}
    />`}
    <${Segmented}
      label=${t("mode")}
      value=${settings.mode}
      options=${["single", "continuous"].map((value) => ({ value, label: t(`mode_${value}`) }))}
      onInput=${(/** @type {string} */ mode) => change({ mode })}
    />
    ${bySocket &&
    html`<${Segmented}
      label=${t("concurrency")}
      value=${String(settings.concurrency)}
      options=${["1", "2", "3"].map((value) => ({ value, label: value }))}
      onInput=${(/** @type {string} */ value) => change({ concurrency: Number(value) })}
    />`}
    <${Button}
      kind=${isOn ? "plain" : "primary"}
      type="submit"
      icon=${isOn ? "stop" : "image"}
      disabled=${!isOn && !prompt.trim()}
    >
      ${isOn ? t("stop") : isEndless ? t("start") : t("make")}
    <//>`;
  return html`<${Studio} fields=${fields} onGo=${go}>
    <${LoopFares} tally=${loop.tally.value} />
    ${batches.length > 0
      ? html`<${ResultsBar} count=${pictureCount(batches)} onClear=${() => bench.clear()} />
          <${Batches}
            batches=${batches}
            shape=${shapeOf(settings.size)}
            alt=${t("picture_made")}
            onHand=${onTab}
            onAgain=${(/** @type {import("./batches.js").Batch} */ batch) => void bench.make(batch.wish)}
          />`
      : html`<${Empty} icon="image" title=${t("no_pictures")}>${t("no_pictures_lead")}<//>`}
  <//>`;
}

/** @param {{tally: import("./continuous.js").Tally}} props */
function LoopFares({ tally: { on, made, active, requests, totalMs, lastError } }) {
  if (!on && !made && !lastError) return null;
  const averageMs = requests ? totalMs / requests : null;
  return html`<${Fares} made=${made} active=${active} averageMs=${averageMs} lastError=${lastError} />`;
}
