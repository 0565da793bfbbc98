// Changed pictures: one or more to start from, and what shall become of them.

import { Button } from "../../components/button.js";
import { Empty } from "../../components/states.js";
import { texts } from "../../lib/i18n.js";
import { html, signal } from "../../lib/preact.js";
import { pref } from "../../lib/prefs.js";
import { Bench, pictureCount } from "./batches.js";
import { useDraft } from "./draft.js";
import { ModelField } from "./models.js";
import { DeliveryFields, PromptField, shapeOf } from "./picture-form.js";
import { Batches } from "./pictures.js";
import { References, sentReferences } from "./references.js";
import { ResultsBar, Studio, toResults } from "./studio.js";
import { present } from "./talk.js";

const t = texts("chat");

/** @typedef {import("./references.js").Reference} Reference */

/** As many as any protocol of the upstream takes. */
const MOST = 8;
const PREVIEWS = 2;
const PATH = "/v1/images/edits";

const taste = pref("edit_settings", { model: "", size: "", count: 1, format: "url", stream: false });
const bench = new Bench();
const written = signal({ prompt: "", references: /** @type {Reference[]} */ ([]) });

/** Tell whether pictures are being changed. */
export function makesEdits() {
  return bench.busy;
}

/**
 * @param {{wanted: string, onTab: (tab: string) => void}} props Wanted: a model that a link named.
 */
export function EditView({ wanted, onTab }) {
  const { prompt, references, settings, write, change, files, model } = useDraft({
    taste,
    written,
    wanted,
    most: MOST,
    tab: "edit",
    capability: "image_edit",
  });
  const ready = Boolean(prompt.trim() && references.length);
  const go = () => {
    if (!ready) return;
    const body = {
      model,
      prompt: prompt.trim(),
      n: settings.count,
      size: settings.size,
      response_format: settings.format,
      stream: settings.stream || null,
      partial_images: settings.stream ? PREVIEWS : null,
    };
    const makeBody = async () => present({ ...body, images: await sentReferences(references) });
    void bench.make({ path: PATH, prompt: prompt.trim(), count: settings.count, makeBody });
    toResults();
  };
  const batches = bench.batches.value;
  const fields = html`<${References}
      label=${t("edit_from")}
      value=${references}
      most=${MOST}
      onInput=${(/** @type {Reference[]} */ next) => write({ references: next })}
    />
    <${PromptField}
      value=${prompt}
      placeholder=${t("prompt_edit")}
      rows=${3}
      onSend=${go}
      onInput=${(/** @type {string} */ words) => write({ prompt: words })}
    />
    <${ModelField}
      value=${model}
      capability=${["image_edit"]}
      onInput=${(/** @type {string} */ next) => change({ model: next })}
    />
    <${DeliveryFields} settings=${settings} onChange=${change} />
    <${Button} kind="primary" type="submit" icon="edit" disabled=${!ready}>${t("change_picture")}<//>`;
  return html`<${Studio} fields=${fields} files=${files} onGo=${go}>
    ${batches.length > 0
      ? html`<${ResultsBar} count=${pictureCount(batches)} onClear=${() => bench.clear()} />
          <${Batches}
            batches=${batches}
            shape=${settings.size ? shapeOf(settings.size) : "1 / 1"}
            alt=${t("picture_changed")}
            onHand=${onTab}
            onAgain=${(/** @type {import("./batches.js").Batch} */ batch) => void bench.make(batch.wish)}
          />`
      : html`<${Empty} icon="edit" title=${t("no_edits")}>${t("no_edits_lead")}<//>`}
  <//>`;
}
