// Questions and answers as they are shown.

import { Button, CopyButton, IconButton } from "../../components/button.js";
import { Icon } from "../../components/icon.js";
import { Markdown } from "../../components/markdown.js";
import { duration, number } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../../lib/preact.js";
import { Files, fit, isSending } from "./composer.js";
import { ProblemBox, RequestId } from "./problem.js";
import { recordOf } from "./records.js";

const t = texts("chat");

/** @typedef {import("./sessions.js").Answer} Answer */
/** @typedef {import("./sessions.js").Question} Question */

/**
 * @param {{turn: Question, busy: boolean, onResend: (text: string) => void}} props Busy: the
 *   conversation is being answered.
 */
export function QuestionView({ turn, busy, onResend }) {
  const [edited, setEdited] = useState(/** @type {string | null} */ (null));
  const actions = useRef(/** @type {HTMLDivElement | null} */ (null));
  const wasEdited = useRef(false);
  useEffect(() => {
    if (wasEdited.current && edited === null) actions.current?.querySelector("button")?.focus();
    wasEdited.current = edited !== null;
  }, [edited]);
  if (edited !== null) {
    return html`<${Editing}
      text=${edited}
      busy=${busy}
      onInput=${setEdited}
      onCancel=${() => setEdited(null)}
      onSend=${() => {
        setEdited(null);
        onResend(edited);
      }}
    />`;
  }
  return html`<article class="turn turn-question" aria-label=${t("you")}>
    ${turn.files.length > 0 && html`<${Files} files=${turn.files} />`}
    <div class="turn-asked">
      ${turn.text && html`<div class="bubble">${turn.text}</div>`}
      <div class="turn-actions" ref=${actions}>
        <${CopyButton} text=${turn.text} label=${t("copy_question")} />
        <${IconButton}
          small
          icon="edit"
          label=${t("edit_resend")}
          disabled=${busy}
          onClick=${() => setEdited(turn.text)}
        />
      </div>
    </div>
  </article>`;
}

/**
 * @param {{text: string, busy: boolean, onInput: (text: string) => void, onCancel: () => void,
 *   onSend: () => void}} props
 */
function Editing({ text, busy, onInput, onCancel, onSend }) {
  const mayGo = !busy && Boolean(text.trim());
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  useEffect(() => {
    area.current?.focus();
    area.current?.setSelectionRange(text.length, text.length);
  }, []);
  useLayoutEffect(() => fit(area.current), [text]);
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") onCancel();
    else if (isSending(event)) {
      event.preventDefault();
      if (mayGo) onSend();
    }
  };
  return html`<div class="turn turn-editing">
    <textarea
      ref=${area}
      class="input textarea"
      aria-label=${t("edit_resend")}
      value=${text}
      onInput=${(/** @type {any} */ event) => onInput(event.target.value)}
      onKeyDown=${onKeyDown}
    ></textarea>
    <div class="row">
      <${Button} small onClick=${onCancel}>${t("cancel")}<//>
      <${Button} small kind="primary" disabled=${!mayGo} onClick=${onSend}>${t("resend")}<//>
    </div>
  </div>`;
}

/**
 * @param {{turn: Answer, busy: boolean, onRetry: () => void, onRequest: () => void}} props
 */
export function AnswerView({ turn, busy, onRetry, onRequest }) {
  const { status, text, reasoning, sources, pictures, problem } = turn;
  const isOver = status !== "waiting" && status !== "running";
  return html`<article
    class="turn turn-answer"
    aria-label=${t("answer_of", { model: turn.model })}
    aria-busy=${!isOver}
  >
    <p class="turn-model">${turn.model}</p>
    ${reasoning && html`<${Reasoning} turn=${turn} isOver=${isOver} />`}
    ${text && html`<${Markdown} text=${text} growing=${!isOver} />`}
    ${status === "waiting" && html`<${Waiting} />`}
    ${pictures.length > 0 &&
    html`<div class="turn-pictures">
      ${pictures.map((each, at) => html`<img key=${at} src=${each} alt=${t("picture_made")} />`)}
    </div>`}
    ${sources.length > 0 && html`<${Sources} sources=${sources} />`}
    ${status === "stopped" && html`<p class="turn-note muted">${t("stopped")}</p>`}
    ${status === "done" && !text && !pictures.length && html`<p class="turn-note muted">${t("answered_nothing")}</p>`}
    ${problem &&
    html`<${ProblemBox} problem=${problem}>
      <${Button} small icon="refresh" disabled=${busy} onClick=${onRetry}>${t("retry")}<//>
    <//>`}
    ${isOver && html`<${Foot} turn=${turn} busy=${busy} onRetry=${onRetry} onRequest=${onRequest} />`}
  </article>`;
}

/** The model has not said anything yet, and for how long. */
function Waiting() {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((past) => past + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return html`<p class="waiting muted">
    <span class="waiting-dots" aria-hidden="true"><i></i><i></i><i></i></span>
    <span>${seconds > 2 ? t("waiting_for", { time: duration(seconds * 1000) }) : t("waiting")}</span>
  </p>`;
}

/**
 * What the model thought, folded once it answers.
 *
 * @param {{turn: Answer, isOver: boolean}} props
 */
function Reasoning({ turn, isOver }) {
  const [chosen, setChosen] = useState(/** @type {boolean | null} */ (null));
  const thinks = !isOver && !turn.text;
  const open = chosen ?? thinks;
  const words = thinks
    ? t("thinks")
    : turn.reasoningMs === null
      ? t("thought")
      : t("thought_for", { time: duration(turn.reasoningMs) });
  return html`<div class="reasoning">
    <button
      type="button"
      class="reasoning-head"
      aria-expanded=${open}
      onClick=${() => setChosen(!open)}
    >
      ${thinks ? html`<span
        class="spinner"
        aria-hidden="true"
      ></span>` : html`<${Icon} name="bolt" size=${14} />`}
      <span>${words}</span>
      <${Icon} name=${open ? "chevronDown" : "chevronRight"} size=${14} />
    </button>
    ${open && html`<div class="reasoning-text"><${Markdown}
      text=${turn.reasoning}
      growing=${thinks}
    /></div>`}
  </div>`;
}

/** @param {{sources: {title: string, url: string}[]}} props */
function Sources({ sources }) {
  return html`<details class="sources">
    <summary>${t("sources", { count: sources.length })}</summary>
    <ol>
      ${sources.map(
        ({ title, url }) =>
          html`<li key=${url}>
            <a href=${url} target="_blank" rel="noopener noreferrer" class="break">${title}</a>
            <span class="muted">${hostOf(url)}</span>
          </li>`,
      )}
    </ol>
  </details>`;
}

/** @param {string} url */
function hostOf(url) {
  return URL.canParse(url) ? new URL(url).host : "";
}

/**
 * @param {{turn: Answer, busy: boolean, onRetry: () => void, onRequest: () => void}} props
 */
function Foot({ turn, busy, onRetry, onRequest }) {
  const { figures, text } = turn;
  const units = [figures.input, figures.output].every((each) => each !== null);
  return html`<footer class="turn-foot">
    <div class="turn-actions">
      ${text && html`<${CopyButton} text=${text} label=${t("copy_answer")} />`}
      <${IconButton} small icon="refresh" label=${t("retry")} disabled=${busy} onClick=${onRetry} />
      ${recordOf(turn.id) &&
      html`<${IconButton}
        small
        icon="code"
        label=${t("request")}
        onClick=${onRequest}
      />`}
    </div>
    <dl class="figures">
      ${figures.firstMs !== null &&
      html`<${Figure}
        name=${t("first_byte")}
        value=${duration(figures.firstMs)}
      />`}
      ${figures.durationMs !== null &&
      html`<${Figure}
        name=${t("duration")}
        value=${duration(figures.durationMs)}
      />`}
      ${units &&
      html`<${Figure}
        name=${t("units")}
        value=${t("units_in_out", { input: number(figures.input), output: number(figures.output) })}
        title=${figures.reasoning ? t("units_reasoning", { count: figures.reasoning }) : undefined}
      />`}
      ${unusual(figures.finish) && html`<${Figure} name=${t("finish")} value=${figures.finish} />`}
      ${figures.ignored &&
      html`<${Figure}
        name=${t("ignored")}
        value=${figures.ignored}
        title=${t("ignored_title")}
      />`}
      ${figures.requestId &&
      !turn.problem &&
      html`<${Figure}
        name=${t("request_id")}
        value=${html`<${RequestId} id=${figures.requestId} short />`}
      />`}
    </dl>
  </footer>`;
}

/** @param {{name: string, value: unknown, title?: string}} props */
function Figure({ name, value, title }) {
  return html`<div class="figure" title=${title}><dt>${name}</dt><dd>${value}</dd></div>`;
}

/** @param {string} finish */
function unusual(finish) {
  return Boolean(finish) && finish !== "stop" && finish !== "completed";
}
