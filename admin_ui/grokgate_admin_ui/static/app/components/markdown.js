// Markdown of a model, also while it is still being written.

import { useBase } from "../lib/base.js";
import { texts } from "../lib/i18n.js";
import { blocks } from "../lib/markdown.js";
import { html, render, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/preact.js";
import { Code } from "./code.js";

const t = texts("kit");

/** @typedef {import("../lib/markdown.js").Block} Block */

/**
 * Shows a text of Markdown. It may grow: it is read at most once a frame, and only blocks that
 * changed are drawn.
 *
 * @param {{text: string, growing?: boolean}} props Growing: more of it comes.
 */
export function Markdown({ text, growing = false }) {
  const shown = useFrame(text);
  const { base } = useBase();
  const found = useMemo(() => blocks(shown, { base }), [shown, base]);
  return html`<div class=${`markdown ${growing ? "markdown-growing" : ""}`}>
    ${found.map((block, at) =>
      block.kind === "code"
        ? html`<${Code} key=${at} text=${block.text} language=${block.language} />`
        : html`<${Prose} key=${at} block=${block} raw=${block.raw} />`,
    )}
  </div>`;
}

/**
 * @param {{block: Extract<Block, {kind: "prose"}>, raw: string}} props
 */
function Prose({ block, raw }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  useLayoutEffect(() => {
    const parent = /** @type {HTMLDivElement} */ (place.current);
    parent.innerHTML = /** @type {any} */ (block.html());
    for (const region of parent.querySelectorAll(".table-scroll")) {
      region.setAttribute("aria-label", t("table"));
    }
    const hosts = [...parent.querySelectorAll("pre")].map(mountCode);
    return () => hosts.forEach((host) => render(null, host));
  }, [raw]);
  return html`<div class="markdown-block" ref=${place}></div>`;
}

/**
 * Code within a list or a quote gets the same frame as code between paragraphs.
 *
 * @param {HTMLPreElement} pre
 */
function mountCode(pre) {
  const host = document.createElement("div");
  const language = pre.dataset.language ?? "";
  const text = pre.textContent ?? "";
  pre.replaceWith(host);
  render(html`<${Code} text=${text} language=${language} />`, host);
  return host;
}

/**
 * Return a text that follows *text* once a frame.
 *
 * @param {string} text
 */
function useFrame(text) {
  const [shown, setShown] = useState(text);
  const latest = useRef(text);
  latest.current = text;
  const asked = useRef(0);
  useEffect(() => {
    if (shown === text || asked.current) return;
    asked.current = requestAnimationFrame(() => {
      asked.current = 0;
      setShown(latest.current);
    });
  }, [text, shown]);
  useEffect(() => () => cancelAnimationFrame(asked.current), []);
  return shown;
}
