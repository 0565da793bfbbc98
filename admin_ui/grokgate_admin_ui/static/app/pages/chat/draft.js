// What is being written for a picture or a video that starts from pictures.

import { useFiles, useWanted } from "./hooks.js";
import { useModels } from "./models.js";
import { useHanded, withFiles } from "./references.js";

/** @typedef {import("./references.js").Reference} Reference */
/** @typedef {{prompt: string, references: Reference[]}} Written */

/**
 * Follow a draft: its words and pictures, the settings kept in the browser, and the model they name.
 *
 * @template {{model: string}} T
 * @param {{taste: {value: T}, written: import("../../../vendor/signals.module.js").Signal<Written>,
 *   wanted: string, most: number, tab: "edit" | "video", capability: string}} options Wanted: a model
 *   that a link named. Most: so many pictures are taken. Tab: where pictures are handed to.
 */
export function useDraft({ taste, written, wanted, most, tab, capability }) {
  const { list } = useModels();
  const settings = taste.value;
  const write = (/** @type {Partial<Written>} */ changes) =>
    (written.value = { ...written.peek(), ...changes });
  const change = (/** @type {Partial<T>} */ changes) => (taste.value = { ...settings, ...changes });
  useWanted(wanted, (model) => change(/** @type {Partial<T>} */ ({ model })));
  const addFiles = (/** @type {File[]} */ added) =>
    write({ references: withFiles(written.peek().references, added, most) });
  const files = useFiles(addFiles);
  useHanded(tab, (file) => addFiles([file]));
  const model = settings.model || list.find((each) => each.capability === capability)?.id || "";
  return { ...written.value, settings, write, change, files, model };
}
