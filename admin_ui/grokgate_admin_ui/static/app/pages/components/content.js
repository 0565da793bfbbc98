// What is read and copied: code, JSON, Markdown, snippets.

import { Button } from "../../components/button.js";
import { Code, FoldedCode, Json } from "../../components/code.js";
import { Markdown } from "../../components/markdown.js";
import { Snippets } from "../../components/snippets.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { Example } from "./example.js";

const t = texts("components");

const REQUEST = {
  id: "req_4be1f0c2",
  model: "grok-4",
  stream: true,
  error: null,
  usage: { input: 1280, output: 311, estimated: false },
  attempts: [
    { account: "tok_9hd2k1", outcome: "rate_limited", duration_s: 0.41 },
    { account: "tok_07fa5c", outcome: "completed", duration_s: 2.875 },
  ],
  messages: [{ role: "user", content: "It's <b>text</b>, nothing else.\nIn two lines." }],
};

const CODE = `async def main() -> None:
    async with Gateway.open(settings) as gateway:
        await gateway.serve()  # a line that is long enough to be wrapped or scrolled, as the operator likes`;

/** Text in its forms. */
export function Content() {
  const many = Array.from({ length: 40 }, (_, at) => `12:00:${String(at).padStart(2, "0")} | INFO | lease_taken`);
  return html`<div class="kit-grid">
    <${Example} title=${t("code")} code="Code"><${Code} text=${CODE} language="python" /><//>
    <${Example} title=${t("code_folded")} code="FoldedCode">
      <${FoldedCode} text=${many.join("\n")} language="log" lines=${4} />
    <//>
    <${Example} title=${t("json")} code="Json"><${Json} value=${REQUEST} /><//>
    <${Example} title=${t("snippets")} code="Snippets">
      <${Snippets} path="/v1/chat/completions" stream />
    <//>
    <${Example} title=${t("markdown")} code="Markdown" wide><${Written} /><//>
  </div>`;
}

/** Plays a text as a model writes it. */
function Written() {
  const whole = t("markdown_text");
  const [length, setLength] = useState(whole.length);
  const growing = length < whole.length;
  useEffect(() => {
    if (!growing) return undefined;
    const timer = setInterval(() => setLength((now) => now + 12), 30);
    return () => clearInterval(timer);
  }, [growing]);
  return html`<${Markdown} text=${whole.slice(0, length)} growing=${growing} />
    <p class="kit-play">
      <${Button} small icon="play" disabled=${growing} onClick=${() => setLength(0)}>${t("markdown_play")}<//>
    </p>`;
}
