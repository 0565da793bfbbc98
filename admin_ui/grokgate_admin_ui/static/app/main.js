// Starts the admin pages.

import { loadTexts } from "./lib/i18n.js";
import { pageOf, prepare } from "./lib/pages.js";
import { html, render } from "./lib/preact.js";
import { catchMishaps } from "./lib/mishap.js";
import { above } from "./lib/modal.js";
import { followLinks, place as here } from "./lib/router.js";
import { enter } from "./lib/session.js";
import { toast } from "./lib/toasts.js";
import { App } from "./shell/app.js";
import { Toasts } from "./shell/toasts.js";

/** Said in both languages, as it is the texts that did not come. */
const NO_TEXTS = "This page did not load. Load it again. 页面未能加载，请刷新重试。";

const place = /** @type {HTMLElement} */ (document.querySelector("#app"));
catchMishaps(toast.error);
followLinks((path) => pageOf(path) !== undefined);
const page = pageOf(here.value.path);
if (page) prepare(page).catch(() => {}); // it says so when it is shown
try {
  await Promise.all([loadTexts("common", "kit"), enter().catch(() => "unknown")]);
} catch (error) {
  place.textContent = NO_TEXTS;
  throw error;
}
render(html`<${App} />`, place);
render(html`<${Toasts} />`, above);
