// Addresses and names of pictures and videos, and handing them from one view to another.

import { url } from "../../lib/address.js";
import { save } from "../../lib/api.js";
import { signal } from "../../lib/preact.js";

/**
 * A picture that was made.
 *
 * @typedef {object} Picture
 * @property {string} id
 * @property {string} src Shown by this page without a key.
 * @property {Blob | null} [blob] Its content, where it came in the answer itself.
 * @property {string} name Of the file, when it is saved.
 * @property {string} prompt
 * @property {number} at
 */

const OWN = /\/(v1\/files\/(?:image|video)|images)\/([\w.-]+)(\?[^#]*)?$/;

/**
 * Return the address by which this page shows a file of the gateway, which may name itself by
 * another host than the browser does.
 *
 * @param {string} address As an answer has it.
 */
export function mediaAddress(address) {
  const found = OWN.exec(address);
  return found ? url(`/${found[1]}/${found[2]}${found[3] ?? ""}`).href : address;
}

/** @type {Record<number, string>} By the first byte. */
const TYPES = { 0x89: "image/png", 0xff: "image/jpeg" };

/** @param {string} text Base64. */
export function blobOf(text) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  return new Blob([bytes], { type: TYPES[bytes[0]] ?? "image/webp" });
}

/**
 * Name a file by what was asked for.
 *
 * @param {string} prompt
 * @param {number} number
 * @param {string} source Address or type, which tells the ending.
 */
export function nameOf(prompt, number, source) {
  const words = prompt.toLowerCase().match(/[\p{L}\p{N}]+/gu)?.slice(0, 6).join("-") ?? "picture";
  const ending = /[./](png|jpe?g|webp|gif|mp4)(?:\?|$)/i.exec(source)?.[1] ?? "jpg";
  return `${words.slice(0, 48)}-${String(number).padStart(2, "0")}.${ending.replace("jpeg", "jpg")}`;
}

/**
 * Return the content of a picture. One that came in an answer is at hand; its address is for
 * elements alone, as the policy lets no script read it.
 *
 * @param {Pick<Picture, "src" | "blob">} picture
 */
export async function contentOf({ src, blob }) {
  if (blob) return blob;
  const reply = await fetch(src);
  if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
  return reply.blob();
}

/** @param {Pick<Picture, "src" | "blob" | "name">} picture */
export async function download(picture) {
  save(await contentOf(picture), picture.name);
}

/** A picture that another view shall work on. */
export const handed = signal(/** @type {{to: "edit" | "video", picture: Picture} | null} */ (null));
