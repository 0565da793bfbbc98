// The single steps from nothing to the first answered request.

import { Button } from "../../components/button.js";
import { Code } from "../../components/code.js";
import { Row } from "../../components/layout.js";
import { Snippets } from "../../components/snippets.js";
import { messageOf } from "../../components/states.js";
import { api } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html, useState } from "../../lib/preact.js";
import { tokens } from "../../lib/remedies.js";
import { Link } from "../../lib/router.js";
import { KEY } from "../../lib/snippets.js";
import { toast } from "../../lib/toasts.js";
import { v1 } from "../../lib/v1.js";
import { explain, requests } from "./links.js";

const t = texts("overview");

/** @typedef {import("./onboarding.js").StepProps} StepProps */

/** Commands; not texts to translate. */
const SANDBOX = "grokgate serve --sandbox";
const SANDBOX_CHECKOUT = "python3 dev.py serve --sandbox";
const CHAT = "/v1/chat/completions";

export function PasswordStep() {
  return html`<p>
    ${t("password_done")} <${Link} to="/admin/audit?view=sessions">${t("sessions_link")}<//>
  </p>`;
}

/** @param {StepProps} props */
export function AccountsStep({ welcome }) {
  const { accounts, usable_accounts: usable, sandbox } = welcome;
  return html`<p>${accounts ? t("accounts_done", { count: accounts, usable }) : t("accounts_lead")}</p>
    ${sandbox && html`<p class="muted">${t("accounts_sandbox")}</p>`}
    <${Row}>
      <${Button} kind=${accounts ? "plain" : "primary"} icon="plus" to=${tokens({ add: "1" })}>
        ${t("add_accounts")}
      <//>
      <${Button} icon="upload" to=${tokens({ import: "1" })}>${t("import_accounts")}<//>
    <//>
    ${!sandbox &&
    !accounts &&
    html`<p>${t("try_sandbox")}</p>
      <${Code} text=${SANDBOX} label=${t("command")} />
      <p>${t("try_sandbox_checkout")}</p>
      <${Code} text=${SANDBOX_CHECKOUT} label=${t("command")} />`}`;
}

/**
 * Makes a key where there is none at hand.
 *
 * @param {StepProps} props
 */
export function KeyStep({ welcome, reload, made, onMade }) {
  const [busy, make] = useAction(async () => {
    const { data } = await api.post("/keys", { name: t("key_name") });
    onMade(data.key);
    await reload();
  }, toast.error);
  const { keys, anonymous } = welcome;
  const lead = keys ? t("key_done", { count: keys }) : anonymous ? t("key_anonymous") : t("key_lead");
  if (made) return html`<${Made} text=${made} />`;
  return html`<p>${lead}</p>
    <${Row}>
      <${Button} kind=${keys || anonymous ? "plain" : "primary"} icon="key" busy=${busy} onClick=${make}>
        ${keys ? t("key_another") : t("key_make")}
      <//>
      <${Button} kind="ghost" to="/admin/keys">${t("key_all")}<//>
    <//>`;
}

/** @param {{text: string}} props */
function Made({ text }) {
  return html`<p>
      ${t("key_once")} <${Link} to="/admin/keys">${t("key_limits")}<//>
    </p>
    <${Code} text=${`export ${KEY}=${text}`} label=${t("command")} wrap />`;
}

/** @param {StepProps} props */
export function RequestStep({ welcome, reload, made }) {
  const done = welcome.steps.some((step) => step.id === "request" && step.done);
  return html`${made && html`<${Made} text=${made} />`}
    <p>${t("request_lead")}</p>
    <${Snippets} path=${CHAT} model=${welcome.model ?? undefined} stream />
    <${Trial} model=${welcome.model} reload=${reload} />
    <p class="step-wait" role="status">
      ${done
        ? html`${t("request_done")} <${Link} to=${requests("day")}>${t("request_log")}<//>`
        : html`<span class="spinner" aria-hidden="true"></span> ${t("request_waits")}`}
    </p>`;
}

/**
 * Sends one request from here, with the session's own key.
 *
 * @param {{model: string | null, reload: () => Promise<void>}} props
 */
function Trial({ model, reload }) {
  const [answer, setAnswer] = useState("");
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  const [busy, send] = useAction(
    async () => {
      setProblem(null);
      setAnswer("");
      const messages = [{ role: "user", content: t("trial_prompt") }];
      const { body } = await v1.post(CHAT, { model, messages });
      setAnswer(body.choices[0].message.content);
      await reload();
    },
    setProblem,
  );
  if (!model) return html`<p class="muted">${t("trial_no_model")}</p>`;
  return html`<${Row}>
      <${Button} icon="send" busy=${busy} onClick=${send}>${t("trial")}<//>
      <${Button} kind="ghost" icon="chat" to="/admin/chat">${t("trial_playground")}<//>
    <//>
    <div aria-live="polite">
      ${answer &&
      html`<blockquote class="trial-answer"><p class="muted small">${model}</p>${answer}</blockquote>`}
      ${problem &&
      html`<p class="tone-text-bad">
        ${messageOf(problem)} <${Link} to=${explain(model)}>${t("explain", { model })}<//>
      </p>`}
    </div>`;
}
