// The first password, chosen with the code of the set-up link (F-AUTH-08).

import { Button } from "../../components/button.js";
import { Code } from "../../components/code.js";
import { Note, SecretField, TextField } from "../../components/fields.js";
import { Failure, Loading, messageOf } from "../../components/states.js";
import { root } from "../../lib/address.js";
import { api, ApiError } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html, useEffect, useRef, useState } from "../../lib/preact.js";
import { navigate } from "../../lib/router.js";
import { entered, obstacle, state, verify } from "../../lib/session.js";
import { Entry } from "../login/entry.js";
import { HOME } from "../login/next.js";
import { useWait } from "../login/wait.js";
import { codeIn, takeCode } from "./code.js";
import { judge, Rules } from "./rules.js";

const t = texts("setup");

/** Prints a new set-up link; not a text to translate. */
const RESET = "grokgate admin reset-password";

export default function SetUp() {
  const [code, setCode] = useState(takeCode);
  useEffect(() => {
    const renew = () => {
      const found = takeCode();
      if (found) setCode(found);
    };
    addEventListener("hashchange", renew);
    return () => removeEventListener("hashchange", renew);
  }, []);
  const session = state.value;
  useEffect(() => {
    if (session === "in") void navigate(HOME, { replace: true });
  }, [session]);
  if (session === "unknown") {
    return html`<${Entry} title=${t("title")}>
      <${Failure} error=${obstacle.value} onRetry=${() => verify().catch(() => {})} />
    <//>`;
  }
  if (session === "in") return html`<${Entry} title=${t("title")}><${Loading} rows=${3} /><//>`;
  if (session === "out") return html`<${Chosen} />`;
  return html`<${Choose} code=${code} onCode=${setCode} />`;
}

/** @param {{code: string, onCode: (code: string) => void}} props */
function Choose({ code, onCode }) {
  const [pasted, setPasted] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [problem, setProblem] = useState(/** @type {{code?: string, password?: string}} */ ({}));
  const [left, wait] = useWait();
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  useEffect(() => form.current?.querySelector(/** @type {"input"} */ ("input:not([tabindex])"))?.focus(), []);
  const sent = code || codeIn(pasted);
  const mayTry = sent && password && password === again && !left;

  const [busy, submit] = useAction(
    async () => {
      setProblem({});
      const { csrf } = await api.post("/setup", { code: sent, password }, { quiet: true });
      entered(csrf);
    },
    (error) => {
      if (!(error instanceof ApiError)) return setProblem({ code: messageOf(error) });
      if (error.retryAfterS) wait(error.retryAfterS);
      if (error.param === "password") return setProblem({ password: fault(password, error.message) });
      if (error.status === 401) {
        onCode("");
        setPasted("");
        return setProblem({ code: t("stale") });
      }
      return setProblem({ code: error.retryAfterS ? t("limited") : messageOf(error) });
    },
  );

  return html`<${Entry} title=${t("title")} lead=${t("lead", { host: root.host })}>
    <form
      ref=${form}
      class="entry-form"
      novalidate
      onSubmit=${(/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        if (mayTry && !busy) void submit();
      }}
    >
      ${problem.code && html`<${Note}>${problem.code}<//>`}
      ${!code &&
      html`<${TextField}
        label=${t("code")}
        help=${html`${t("code_help")} <code>${RESET}</code>`}
        value=${pasted}
        onInput=${setPasted}
        autocomplete="off"
        mono
        required
      />`}
      <input
        class="visually-hidden"
        type="text"
        autocomplete="username"
        value="admin"
        aria-label=${t("username")}
        tabindex="-1"
        readonly
      />
      <${SecretField}
        label=${t("password")}
        name="password"
        value=${password}
        onInput=${setPassword}
        error=${problem.password}
        autocomplete="new-password"
      />
      <${SecretField}
        label=${t("again")}
        name="again"
        value=${again}
        onInput=${setAgain}
        autocomplete="new-password"
      />
      <${Rules} rules=${judge(password, again)} />
      <${Button}
        kind="primary"
        type="submit"
        class="entry-submit"
        busy=${busy}
        disabled=${!mayTry}
      >
        ${left ? t("wait", { count: left }) : t("submit")}
      <//>
    </form>
  <//>`;
}

/**
 * Say in the operator's language what the gateway found wrong.
 *
 * @param {string} password
 * @param {string} told
 */
function fault(password, told) {
  const open = judge(password, password).filter((rule) => !rule.kept);
  const broken = open.find(({ id }) => id === "known") ?? open[0]; // it is refused anywhere
  return broken ? t(`fault_${broken.id}`, { count: 12 }) : told;
}

/** There is a password, so there is nothing to set up. */
function Chosen() {
  return html`<${Entry} title=${t("chosen")} lead=${t("chosen_lead")}>
    <${Code} text=${RESET} label=${t("command")} />
    <${Button} kind="primary" class="entry-submit" to="/login">${t("login")}<//>
  <//>`;
}
