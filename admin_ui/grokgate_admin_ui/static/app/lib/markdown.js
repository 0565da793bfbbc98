// Markdown of models as blocks of safe HTML (S7). HTML in the text stays text, pictures of other
// hosts become links, and what is left goes through DOMPurify, which makes it TrustedHTML.

import { Marked } from "../../vendor/marked.esm.js";
import DOMPurify from "../../vendor/purify.es.mjs";
import { root, url } from "./address.js";

/**
 * @typedef {{kind: "code", text: string, language: string, raw: string}
 *   | {kind: "prose", html: () => string, raw: string}} Block
 *   What `html` returns is TrustedHTML to browsers that know it; `innerHTML` alone may have it.
 */

/** Attributes that hold no address. */
const PLAIN_ATTRIBUTES = [
  ..."align alt class controls data-language loading preload rel role start tabindex".split(" "),
  ...["target", "title"],
];
const PURIFY = {
  ALLOWED_TAGS: [
    ..."a blockquote br code del div em h1 h2 h3 h4 h5 h6 hr img li ol p pre span".split(" "),
    ..."strong table tbody td th thead tr ul video".split(" "),
  ],
  ALLOWED_ATTR: ["href", "src", "poster", ...PLAIN_ATTRIBUTES],
  ADD_URI_SAFE_ATTR: PLAIN_ATTRIBUTES,
  ALLOWED_URI_REGEXP: /^(?:https?:|data:image\/(?:png|jpeg|gif|webp);base64,)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ADD_DATA_URI_TAGS: ["img"],
  RETURN_TRUSTED_TYPE: true,
};

/** The files that this gateway keeps; they are shown, whatever host the link names it by. */
const OWN_FILE = /^(?:v1\/files\/(?:image|video)|images)\/[\w.-]+(?:\?[^#]*)?$/;
/** As the gateway itself writes videos into answers. */
const VIDEO = /^<video\b([^>]*)>(?:<source\b([^>]*)>)?<\/video>/;
const POSTER = /^<a href="([^"]*)"><img src="([^"]*)"><\/a>/;

/**
 * Split a text into blocks. A block whose `raw` did not change need not be drawn again, so a text
 * that grows costs little.
 *
 * @param {string} text
 * @param {{base?: string}} [options] Base: the gateway's address as its links name it.
 * @returns {Block[]}
 */
export function blocks(text, { base = "" } = {}) {
  const marked = reader(base);
  const tokens = marked.lexer(text);
  return tokens
    .filter((token) => token.type !== "space" && token.type !== "def")
    .map((token) => {
      if (token.type === "code") {
        return { kind: "code", text: token.text, language: languageOf(token.lang), raw: token.raw };
      }
      const one = Object.assign([token], { links: tokens.links });
      return { kind: "prose", html: () => clean(marked.parser(one)), raw: token.raw };
    });
}

/**
 * @param {string} markup
 * @returns {string}
 */
function clean(markup) {
  return /** @type {any} */ (DOMPurify.sanitize(markup, PURIFY));
}

/** @param {string | undefined} info */
function languageOf(info) {
  return /^[\w+#.-]{1,24}/.exec(info ?? "")?.[0] ?? "";
}

/**
 * Return the address that shows a file of this gateway; null for any other address.
 *
 * @param {string} address
 * @param {string} base
 */
export function ownFile(address, base = "") {
  const roots = [root.href, new URL("/", root).href, ...(base ? [`${base.replace(/\/$/, "")}/`] : [])];
  const full = URL.canParse(address, root.href) ? new URL(address, root).href : "";
  const path = roots.filter((each) => full.startsWith(each)).map((each) => full.slice(each.length));
  const found = path.find((each) => OWN_FILE.test(each));
  return found === undefined ? null : url(found).href;
}

/** @param {string} base */
function reader(base) {
  const marked = new Marked({ gfm: true, breaks: true });
  marked.use({ renderer: renderer(base), extensions: [player(base)] });
  return marked;
}

/**
 * @param {string} base
 * @returns {import("../../vendor/marked.esm.js").RendererObject}
 */
function renderer(base) {
  return {
    html: ({ text }) => escape(text),
    link({ href, title, tokens }) {
      return link(href, this.parser.parseInline(tokens), title);
    },
    image: ({ href, text, title }) => picture(href, text, title, base),
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    code: ({ text, lang }) =>
      `<pre data-language="${escape(languageOf(lang))}"><code>${escape(text)}</code></pre>`,
    table(token) {
      const cells = (/** @type {any[]} */ row) =>
        row.map((cell) => this.tablecell(cell)).join("");
      const line = (/** @type {any[]} */ row) => `<tr>${cells(row)}</tr>`;
      return `<div class="table-scroll" tabindex="0" role="group"><table>
        <thead>${line(token.header)}</thead>
        <tbody>${token.rows.map(line).join("")}</tbody></table></div>`;
    },
  };
}

/**
 * @param {string} address
 * @param {string} inner HTML.
 * @param {string | null} [title]
 */
function link(address, inner, title) {
  if (!/^https?:\/\//i.test(address)) return inner;
  const shown = title ? ` title="${escape(title)}"` : "";
  return `<a href="${escape(address)}"${shown} target="_blank" rel="noopener noreferrer">${inner}</a>`;
}

/**
 * @param {string} address
 * @param {string} alt
 * @param {string | null} title
 * @param {string} base
 */
function picture(address, alt, title, base) {
  const own = address.startsWith("data:image/") ? address : ownFile(address, base);
  if (own) return `<img src="${escape(own)}" alt="${escape(alt)}" loading="lazy">`;
  return link(address, escape(alt || title || address));
}

/**
 * Reads the videos and posters that the gateway writes into answers.
 *
 * @param {string} base
 * @returns {import("../../vendor/marked.esm.js").TokenizerAndRendererExtension}
 */
function player(base) {
  return {
    name: "player",
    level: "inline",
    start: (text) => /<(?:video|a href)/.exec(text)?.index,
    tokenizer(text) {
      const found = VIDEO.exec(text);
      if (found) {
        const address = attribute(found[1] + (found[2] ?? ""), "src");
        const poster = attribute(found[1], "poster");
        return { type: "player", raw: found[0], address, poster };
      }
      const linked = POSTER.exec(text);
      if (!linked) return undefined;
      return { type: "player", raw: linked[0], address: plain(linked[1]), poster: plain(linked[2]) };
    },
    renderer({ address, poster }) {
      const own = ownFile(address, base);
      if (!own) return link(address, escape(address));
      const still = poster ? ownFile(poster, base) : null;
      const shown = still ? ` poster="${escape(still)}"` : "";
      return `<video controls preload="none" src="${escape(own)}"${shown}></video>`;
    },
  };
}

/**
 * @param {string} attributes
 * @param {string} name
 */
function attribute(attributes, name) {
  return plain(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

/** @type {Record<string, string>} */
const NAMED = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** @param {string} text */
function escape(text) {
  return text.replace(/[&<>"']/g, (char) => NAMED[char]);
}

/** @param {string} text */
function plain(text) {
  return text
    .replace(/&quot;/g, '"')
    .replace(/&#(?:x27|39);/g, "'")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&amp;/g, "&");
}
