// The way in (F-UI-10).

import { Button } from "../../components/button.js";
import { Code } from "../../components/code.js";
import { Loading, Failure, messageOf } from "../../components/states.js";
import { Note, SecretField, TextField } from "../../components/fields.js";
import { root } from "../../lib/address.js";
import { api, ApiError } from "../../lib/api.js";
import { texts } from "../../lib/i18n.js";
import { useAction } from "../../lib/poll.js";
import { html, useEffect, useRef, useState } from "../../lib/preact.js";
import { navigate, place } from "../../lib/router.js";
import { entered, obstacle, state, verify } from "../../lib/session.js";
import { toast } from "../../lib/toasts.js";
import { Entry } from "./entry.js";
import { safeNext } from "./next.js";
import { useWait } from "./wait.js";

const t = texts("login");

/** Prints a new set-up link; not a text to translate. */
const RESET = "grokgate admin reset-password";

export default function Login() {
  const session = state.value;
  useEffect(() => {
    if (session === "in") void navigate(safeNext(place.peek().query.get("next")), { replace: true });
  }, [session]);
  useEffect(() => {
    const look = () => {
      if (!document.hidden && state.peek() !== "in") void verify().catch(() => {});
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  if (session === "in") return html`<${Entry} title=${t("title")}><${Loading} rows=${3} /><//>`;
  if (session === "setup") return html`<${NotSetUp} />`;
  if (session === "unknown") return html`<${Silent} />`;
  return html`<${Form} />`;
}

function Form() {
  const [username, setUsername] = useState("admin");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState("");
  const [left, wait] = useWait();
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const focus = () => /** @type {any} */ (form.current?.elements.namedItem("password"))?.select();
  useEffect(focus, []);

  const [busy, submit] = useAction(
    async () => {
      setProblem("");
      const { csrf } = await api.post("/login", { password, username }, { quiet: true });
      entered(csrf);
    },
    (error) => {
      if (error instanceof ApiError && error.code === "setup_required") {
        state.value = "setup";
        return;
      }
      const seconds = error instanceof ApiError ? error.retryAfterS : null;
      if (seconds) wait(seconds);
      setProblem(seconds ? t("limited") : wrong(error) ? t("wrong") : messageOf(error));
      focus();
    },
  );

  return html`<${Entry}
    title=${t("title")}
    lead=${t("lead", { host: root.host })}
    below=${html`<details>
      <summary>${t("lost")}</summary>
      <p>${t("lost_help")}</p>
      <${Code} text=${RESET} label=${t("command")} />
    </details>`}
  >
    <form
      ref=${form}
      class="entry-form"
      novalidate
      onSubmit=${(/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        if (password && !left && !busy) void submit();
      }}
    >
      ${problem && html`<${Note}>${problem}<//>`}
      <${TextField}
        label=${t("username")}
        name="username"
        value=${username}
        onInput=${setUsername}
        autocomplete="username"
      />
      <${SecretField}
        label=${t("password")}
        name="password"
        value=${password}
        onInput=${setPassword}
        autocomplete="current-password"
      />
      <${Button}
        kind="primary"
        type="submit"
        class="entry-submit"
        busy=${busy}
        disabled=${!password || left > 0}
      >
        ${left ? t("wait", { count: left }) : t("submit")}
      <//>
    </form>
  <//>`;
}

/** @param {unknown} error */
function wrong(error) {
  return error instanceof ApiError && error.status === 401;
}

/** There is no password yet: the link that leads to it is on the terminal. */
function NotSetUp() {
  const [busy, look] = useAction(async () => void (await verify()), toast.error);
  return html`<${Entry}
    title=${t("setup_title")}
    lead=${t("setup_lead")}
    below=${html`<p>${t("setup_variable")}</p>`}
  >
    <ol class="entry-steps">
      <li>
        <p>${t("setup_find")}</p>
        <${Code} text=${`admin password  ${root.href}setup#…`} label=${t("setup_line")} wrap />
      </li>
      <li>
        <p>${t("setup_again")}</p>
        <${Code} text=${RESET} label=${t("command")} />
      </li>
    </ol>
    <${Button} kind="primary" class="entry-submit" icon="refresh" busy=${busy} onClick=${look}>
      ${t("setup_check")}
    <//>
  <//>`;
}

/** The gateway could not tell who we are. */
function Silent() {
  return html`<${Entry} title=${t("title")} lead=${t("lead", { host: root.host })}>
    <${Failure} error=${obstacle.value} onRetry=${() => verify().catch(() => {})} />
  <//>`;
}
