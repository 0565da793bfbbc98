// What stands around every page of a logged-in operator.

import { IconButton } from "../components/button.js";
import { DialogHost } from "../components/dialog.js";
import { Icon } from "../components/icon.js";
import { api } from "../lib/api.js";
import { texts } from "../lib/i18n.js";
import { panels } from "../lib/pages.js";
import { html, useEffect, useState } from "../lib/preact.js";
import { place } from "../lib/router.js";
import { LanguageMenu, ThemeMenu } from "./choices.js";
import { Drawer, Navigation } from "./navigation.js";
import { Palette, openPalette } from "./palette.js";
import { Shortcuts } from "./shortcuts.js";
import { StorageBadge } from "./storage.js";
import { JobTray } from "./tray.js";
import { Account } from "./account.js";

const t = texts("common");

/**
 * @param {{page?: import("../lib/pages.js").Page, children?: unknown}} props
 */
export function Shell({ page, children }) {
  const [drawer, setDrawer] = useState(false);
  const { path } = place.value;
  useEffect(() => setDrawer(false), [path]);
  useEffect(() => {
    findPanels().catch(() => {});
  }, []);
  return html`<div class="shell">
    <a class="skip" href="#main">${t("skip")}</a>
    <aside class="sidebar"><${Navigation} page=${page} /></aside>
    <header class="topbar">
      <${IconButton}
        class="drawer-button"
        icon="menu"
        label=${t("menu")}
        expanded=${drawer}
        onClick=${() => setDrawer(true)}
      />
      <button type="button" class="palette-button" onClick=${openPalette}>
        <${Icon} name="search" size=${16} />
        <span>${t("palette_open")}</span>
        <kbd class="kbd">Ctrl K</kbd>
      </button>
      <div class="topbar-right">
        <${StorageBadge} />
        <${JobTray} />
        <${LanguageMenu} />
        <${ThemeMenu} />
        <${Account} />
      </div>
    </header>
    <div class="content">${children}</div>
    ${drawer && html`<${Drawer} page=${page} onClose=${() => setDrawer(false)} />`}
    <${Palette} />
    <${Shortcuts} />
    <${DialogHost} />
  </div>`;
}

/** Learn which pages the loaded plugins bring. */
async function findPanels() {
  const { plugins } = await api.get("/plugins", { quiet: true });
  panels.value = plugins.flatMap((/** @type {any} */ plugin) =>
    (plugin.panels ?? []).map((/** @type {any} */ panel) => ({
      plugin: plugin.name,
      texts: plugin.texts,
      styles: plugin.styles,
      ...panel,
    })),
  );
}
