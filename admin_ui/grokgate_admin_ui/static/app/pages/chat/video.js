// Videos from words and pictures (F-UI-84).

import { Button } from "../../components/button.js";
import { Segmented, SelectField } from "../../components/fields.js";
import { Empty, Loaded } from "../../components/states.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, signal, useState } from "../../lib/preact.js";
import { pref } from "../../lib/prefs.js";
import { useDraft } from "./draft.js";
import { beginVideo, isUnderWay, listVideos } from "./film.js";
import { ModelField } from "./models.js";
import { PromptField } from "./picture-form.js";
import { ProblemBox } from "./problem.js";
import { References, sentReferences } from "./references.js";
import { problemOf } from "./stream.js";
import { Studio, toResults } from "./studio.js";
import { present } from "./talk.js";
import { VideoCard } from "./video-card.js";

const t = texts("chat");

/** @typedef {import("./film.js").Video} Video */
/** @typedef {import("./references.js").Reference} Reference */

const MOST = 7;
const RATIOS = ["16:9", "9:16", "1:1", "3:2", "2:3"];
const LENGTHS = ["6", "10", "12", "15", "16", "20", "30"];
const PRESETS = ["", "normal", "fun", "custom"];
/** How often a job is asked for that is under way, and the list otherwise, milliseconds. */
const OFTEN_MS = 1500;
const SELDOM_MS = 20_000;

const taste = pref("video_settings", { model: "", ratio: "9:16", seconds: "6", resolution: "", preset: "" });
const written = signal({ prompt: "", references: /** @type {Reference[]} */ ([]) });

/**
 * @param {{spicy: boolean, wanted: string}} props Spicy: videos for adults may be asked for. Wanted:
 *   a model that a link named.
 */
export function VideoView({ spicy, wanted }) {
  const [often, setOften] = useState(false);
  const [begun, setBegun] = useState(/** @type {Video[]} */ ([]));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {import("./sessions.js").Problem | null} */ (null));
  const videos = useLoad(
    async (signal) => {
      const found = await listVideos(signal);
      setBegun((all) => all.filter(({ id }) => !found.some((each) => each.id === id)));
      setOften(found.some(isUnderWay));
      return found;
    },
    [],
    { everyMs: often || begun.length ? OFTEN_MS : SELDOM_MS },
  );
  const { prompt, references, settings, write, change, files, model } = useDraft({
    taste,
    written,
    wanted,
    most: MOST,
    tab: "video",
    capability: "video",
  });

  const begin = async (/** @type {string} */ path, /** @type {() => Promise<Record<string, any>>} */ makeBody) => {
    setBusy(true);
    setProblem(null);
    try {
      const video = await beginVideo(path, await makeBody());
      setBegun((all) => [video, ...all]);
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setBusy(false);
    }
  };
  const go = () => {
    if (busy || !prompt.trim()) return;
    toResults();
    void begin("/v1/videos", async () => {
      const from = await sentReferences(references);
      return present({
        model,
        prompt: prompt.trim(),
        seconds: settings.seconds,
        size: settings.ratio,
        resolution_name: settings.resolution,
        preset: settings.preset,
        input_reference: from.length ? from : null,
      });
    });
  };
  /** @type {(video: Video, words: string, seconds: string) => void} */
  const extend = ({ id }, words, seconds) =>
    void begin("/v1/videos/extensions", async () => ({ prompt: words, video: { id }, seconds }));
  const presets = [...PRESETS, ...(spicy ? ["spicy"] : [])];
  const fields = html`<${PromptField}
      value=${prompt}
      placeholder=${t("prompt_video")}
      rows=${4}
      onSend=${go}
      onInput=${(/** @type {string} */ words) => write({ prompt: words })}
    />
    <${ModelField}
      value=${model}
      capability=${["video"]}
      onInput=${(/** @type {string} */ next) => change({ model: next })}
    />
    <${Segmented}
      label=${t("ratio")}
      value=${settings.ratio}
      options=${RATIOS.map((value) => ({ value, label: value }))}
      onInput=${(/** @type {string} */ ratio) => change({ ratio })}
    />
    <div class="form-pair">
      <${SelectField}
        label=${t("length")}
        value=${settings.seconds}
        options=${LENGTHS.map((value) => ({ value, label: t("seconds", { seconds: Number(value) }) }))}
        onInput=${(/** @type {string} */ seconds) => change({ seconds })}
      />
      <${SelectField}
        label=${t("preset")}
        value=${presets.includes(settings.preset) ? settings.preset : ""}
        options=${presets.map((value) => ({ value, label: t(value ? `preset_${value}` : "preset_none") }))}
        onInput=${(/** @type {string} */ preset) => change({ preset })}
      />
    </div>
    <${Segmented}
      label=${t("resolution")}
      value=${settings.resolution}
      options=${[
        { value: "", label: t("resolution_any") },
        { value: "480p", label: t("resolution_sd") },
        { value: "720p", label: t("resolution_hd") },
      ]}
      onInput=${(/** @type {string} */ resolution) => change({ resolution })}
    />
    <${References}
      label=${t("video_from")}
      value=${references}
      most=${MOST}
      onInput=${(/** @type {Reference[]} */ next) => write({ references: next })}
    />
    <${Button}
      kind="primary"
      type="submit"
      icon="film"
      busy=${busy}
      disabled=${!prompt.trim()}
    >${t("make_video")}<//>`;
  return html`<${Studio} fields=${fields} files=${files} onGo=${go}>
    ${problem && html`<${ProblemBox} problem=${problem} />`}
    <${Loaded}
      state=${videos}
      kind="cards"
      rows=${3}
      isEmpty=${(/** @type {Video[]} */ found) => !found.length && !begun.length}
      empty=${html`<${Empty} icon="film" title=${t("no_videos")}>${t("no_videos_lead")}<//>`}
    >
      ${(/** @type {Video[]} */ found) =>
        html`<ul class="videos">
          ${[...begun.filter(({ id }) => !found.some((each) => each.id === id)), ...found].map(
            (video) =>
              html`<li key=${video.id}>
                <${VideoCard} video=${video} onExtend=${extend} onGone=${() => {
                  setBegun((all) => all.filter(({ id }) => id !== video.id));
                  return videos.reload();
                }} />
              </li>`,
          )}
        </ul>`}
    <//>
  <//>`;
}
