// Several pictures as one file.

import { Zip, ZipPassThrough } from "../../../vendor/fflate.js";
import { contentOf } from "./media.js";

/**
 * Put pictures into a zip file; those that cannot be fetched are left out.
 *
 * @param {import("./media.js").Picture[]} pictures
 * @param {(done: number) => void} onProgress
 * @returns {Promise<{file: Blob, missing: number}>}
 */
export async function zipped(pictures, onProgress) {
  /** @type {BlobPart[]} */
  const parts = [];
  let missing = 0;
  const zip = new Zip((error, part) => {
    if (error) throw error;
    parts.push(new Uint8Array(part));
  });
  const names = new Set();
  for (const [at, picture] of pictures.entries()) {
    try {
      const content = new Uint8Array(await (await contentOf(picture)).arrayBuffer());
      const entry = new ZipPassThrough(unused(picture.name, names));
      zip.add(entry);
      entry.push(content, true);
    } catch {
      missing += 1;
    }
    onProgress(at + 1);
  }
  zip.end();
  return { file: new Blob(parts, { type: "application/zip" }), missing };
}

/**
 * @param {string} name
 * @param {Set<string>} names
 */
function unused(name, names) {
  let found = name;
  for (let number = 2; names.has(found); number += 1) found = name.replace(/(\.\w+)$/, ` (${number})$1`);
  names.add(found);
  return found;
}
