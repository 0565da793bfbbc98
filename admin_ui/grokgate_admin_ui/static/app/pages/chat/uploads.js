// Files that go along with a request: uploaded once for each visit, then named by their id.

import { ApiError } from "../../lib/api.js";
import { onEnd } from "../../lib/session.js";
import { v1 } from "../../lib/v1.js";

/** @typedef {import("./sessions.js").Attachment} Attachment */

/** Seconds that the gateway keeps what was uploaded for trying something. */
const KEPT_S = 86_400;
/** A little earlier it is uploaded anew, milliseconds. */
const GOOD_MS = (KEPT_S - 600) * 1000;

/** @typedef {{fileId: string} | {address: string}} Uploaded Address: the file itself as a data URI. */

/** @type {Map<string, {at: number, uploaded: Promise<Uploaded>}>} */
const known = new Map();

/**
 * Upload a file unless it is there already. Where uploads are switched off, or not allowed to the
 * key, the file travels in the request itself.
 *
 * @param {Attachment} file
 * @returns {Promise<Uploaded>}
 */
export function uploaded(file) {
  const found = known.get(file.id);
  if (found && Date.now() - found.at < GOOD_MS) return found.uploaded;
  const uploading = upload(file).catch((error) => {
    known.delete(file.id);
    if (error instanceof ApiError && (error.status === 404 || error.status === 403)) {
      return inline(file);
    }
    throw error;
  });
  known.set(file.id, { at: Date.now(), uploaded: uploading });
  return uploading;
}

/** Forget all uploads, as when another key is used. */
export function forgetUploads() {
  known.clear();
}

onEnd(forgetUploads);

/**
 * @param {Attachment} file
 * @returns {Promise<Uploaded>}
 */
async function upload(file) {
  const form = new FormData();
  form.append("purpose", isPicture(file) ? "vision" : "user_data");
  form.append("expires_after[anchor]", "created_at");
  form.append("expires_after[seconds]", String(KEPT_S));
  form.append("file", file.blob, file.name);
  const { body } = await v1.post("/v1/files", form);
  return { fileId: body.id };
}

/**
 * @param {Attachment} file
 * @returns {Promise<Uploaded>}
 */
function inline(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({ address: String(reader.result) });
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file.blob);
  });
}

/** @param {{mime: string}} file */
export function isPicture({ mime }) {
  return /^image\/(png|jpeg|webp|gif)$/.test(mime);
}
