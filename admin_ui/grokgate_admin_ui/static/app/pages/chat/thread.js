// The turns of a conversation, which stay at their end while an answer grows.

import { Button } from "../../components/button.js";
import { Icon } from "../../components/icon.js";
import { texts } from "../../lib/i18n.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../../lib/preact.js";
import { AnswerView, QuestionView } from "./messages.js";
import { RequestDialog } from "./request.js";

const t = texts("chat");

/** So near to the end counts as being there, pixels. */
const NEAR = 60;
const EXAMPLES = ["example_1", "example_2", "example_3", "example_4"];

/**
 * @param {{conversation: import("./sessions.js").Conversation | null, busy: boolean,
 *   onExample: (text: string) => void, onRetry: (turnId: string) => void,
 *   onResend: (turnId: string, text: string) => void}} props
 */
export function Thread({ conversation, busy, onExample, onRetry, onResend }) {
  const [shown, setShown] = useState("");
  const { place, content, away, toEnd } = useEnd(conversation?.id ?? "", conversation?.turns.length ?? 0);
  const last = conversation?.turns.at(-1);
  const told = last?.role === "assistant" && !busy && last.status === "done" ? t("answer_came") : "";
  return html`<div class="thread-frame">
    <div class="thread" ref=${place} tabindex="0" role="region" aria-label=${t("conversation")}>
      <div class="thread-content" ref=${content}>
        ${conversation?.turns.length
          ? conversation.turns.map((turn) =>
              turn.role === "user"
                ? html`<${QuestionView}
                    key=${turn.id}
                    turn=${turn}
                    busy=${busy}
                    onResend=${(/** @type {string} */ text) => onResend(turn.id, text)}
                  />`
                : html`<${AnswerView}
                    key=${turn.id}
                    turn=${turn}
                    busy=${busy}
                    onRetry=${() => onRetry(turn.id)}
                    onRequest=${() => setShown(turn.id)}
                  />`,
            )
          : html`<${Welcome} onExample=${onExample} />`}
      </div>
    </div>
    ${away &&
    html`<${Button} small icon="arrowDown" class="thread-end" onClick=${toEnd}>${t("to_end")}<//>`}
    <p class="visually-hidden" role="status">${busy ? t("answering") : told}</p>
    ${shown && html`<${RequestDialog} id=${shown} onClose=${() => setShown("")} />`}
  </div>`;
}

/** @param {{onExample: (text: string) => void}} props */
function Welcome({ onExample }) {
  return html`<div class="welcome">
    <span class="empty-icon"><${Icon} name="chat" size=${28} /></span>
    <h2>${t("welcome")}</h2>
    <p class="muted">${t("welcome_lead")}</p>
    <ul class="examples">
      ${EXAMPLES.map(
        (each) =>
          html`<li key=${each}>
            <button
              type="button"
              class="example"
              onClick=${() => onExample(t(each))}
            >${t(each)}</button>
          </li>`,
      )}
    </ul>
  </div>`;
}

/**
 * Keep a region at its end while its content grows, unless the reader scrolled away.
 *
 * @param {string} id Of what is shown.
 * @param {number} count Of turns; one more leads to the end again.
 */
function useEnd(id, count) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const content = useRef(/** @type {HTMLDivElement | null} */ (null));
  const follows = useRef(true);
  const [away, setAway] = useState(false);
  const toEnd = () => {
    const region = place.current;
    if (!region) return;
    follows.current = true;
    region.scrollTop = region.scrollHeight;
    setAway(false);
  };
  useLayoutEffect(toEnd, [id, count]);
  useEffect(() => {
    const region = place.current;
    const inner = content.current;
    if (!region || !inner) return undefined;
    const look = () => {
      const rest = region.scrollHeight - region.scrollTop - region.clientHeight;
      follows.current = rest < NEAR;
      setAway(rest >= NEAR);
    };
    const grew = new ResizeObserver(() => {
      if (follows.current) region.scrollTop = region.scrollHeight;
      else look();
    });
    grew.observe(inner);
    grew.observe(region);
    region.addEventListener("scroll", look, { passive: true });
    return () => {
      grew.disconnect();
      region.removeEventListener("scroll", look);
    };
  }, []);
  return { place, content, away, toEnd };
}
