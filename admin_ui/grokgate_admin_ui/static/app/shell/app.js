// Shows the page of the address: loads what it needs, sends away who may not see it.

import { Button } from "../components/button.js";
import { Empty, Failure, Loading } from "../components/states.js";
import { reasonOf } from "../lib/build.js";
import { texts } from "../lib/i18n.js";
import { report } from "../lib/mishap.js";
import { pageOf, prepare } from "../lib/pages.js";
import { waiting } from "../lib/poll.js";
import { html, useEffect, useErrorBoundary, useRef, useState } from "../lib/preact.js";
import { navigate, place } from "../lib/router.js";
import { obstacle, state } from "../lib/session.js";
import { Frame } from "./frame.js";
import { Shell } from "./shell.js";

const t = texts("common");

/** The whole of it. */
export function App() {
  const { path } = place.value;
  const page = pageOf(path);
  const session = state.value;
  const mayNot = page && !page.open && session !== "in";
  useEffect(() => {
    if (mayNot && session !== "unknown") void leave();
  }, [mayNot, session]);
  const title = page ? t(`page_${page.name}`) : t("page_unknown");
  useEffect(() => {
    document.title = `${title} · Grokgate`;
  }, [title]);
  if (session === "unknown" && !page?.open) return html`<${Unreachable} />`;
  if (mayNot) return null;
  const Around = page?.open || session !== "in" ? Frame : Shell;
  return html`<${Around} page=${page}>
    ${page
      ? html`<${Opened} key=${page.name === "panel" ? path : page.name} page=${page} />`
      : html`<${Lost} />`}
  <//>`;
}

/** Go to the login or set-up page, and remember where from. */
async function leave() {
  const { path, query } = place.peek();
  if (pageOf(path)?.open) return;
  const next = query.size ? `${path}?${query}` : path;
  await navigate("/login", { replace: true, force: true, query: { next } });
}

/** The gateway could not tell who we are. */
function Unreachable() {
  return html`<${Frame}>
    <main id="main" class="frame-main">
      <h1 class="visually-hidden">Grokgate</h1>
      <${Failure} error=${obstacle.value} onRetry=${() => location.reload()} />
    </main>
  <//>`;
}

/** There is no such page. */
function Lost() {
  return html`<main id="main" class="page" data-ready="">
    <h1 class="visually-hidden">${t("page_unknown")}</h1>
    <${Empty}
      icon="help"
      title=${t("page_unknown")}
      action=${html`<${Button} kind="primary" to="/admin/overview">${t("page_overview")}<//>`}
    />
  </main>`;
}

/**
 * One page, from its loading on.
 *
 * @param {{page: import("../lib/pages.js").Page}} props
 */
function Opened({ page }) {
  const [view, setView] = useState(/** @type {{of: any} | null} */ (null));
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  const [broken, forget] = useErrorBoundary(report);
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const load = async () => {
    setProblem(null);
    try {
      setView({ of: await prepare(page) });
    } catch (error) {
      setProblem(await reasonOf(error));
    }
  };
  useEffect(() => void load(), []);
  useEffect(() => {
    const place = main.current;
    if (!view || !place || isHeld(document.activeElement, place)) return;
    (place.querySelector("h1") ?? place).focus({ preventScroll: true });
  }, [view]);
  const ready = view && waiting.value === 0 ? "" : undefined;
  useEffect(() => {
    // A page whose title comes with what it shows.
    if (document.activeElement === main.current) main.current?.querySelector("h1")?.focus();
  }, [ready]);
  const name = `${page.open ? "frame-main" : "page"} page-${page.name}`;
  return html`<main id="main" class=${name} ref=${main} data-ready=${ready} tabindex="-1">
    ${broken
      ? html`<${Failure} error=${broken} onRetry=${forget} />`
      : problem
        ? html`<${Failure} error=${problem} onRetry=${load} />`
        : view
          ? html`<${view.of} />`
          : html`<${Loading} kind="page" />`}
  </main>`;
}

/**
 * Tell whether the page has put the focus somewhere already, or a window has it.
 *
 * @param {Element | null} focused
 * @param {HTMLElement} main
 */
function isHeld(focused, main) {
  return focused !== null && (main.contains(focused) || focused.closest("dialog[open]") !== null);
}
