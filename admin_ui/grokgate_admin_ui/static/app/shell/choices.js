// Language and theme.

import { Menu } from "../components/menu.js";
import { LANGUAGES, language, speak, texts } from "../lib/i18n.js";
import { html } from "../lib/preact.js";
import { theme } from "../lib/theme.js";
import { toast } from "../lib/toasts.js";

const t = texts("common");

export function LanguageMenu() {
  const items = Object.entries(LANGUAGES).map(([code, name]) => ({
    label: html`<span lang=${code}>${name}</span>`,
    checked: language.value === code,
    onSelect: () => speak(/** @type {"en" | "zh"} */ (code)).catch(toast.error),
  }));
  return html`<${Menu} label=${t("language")} icon="language" items=${items} />`;
}

/** @type {Record<string, string>} */
const ICONS = { system: "monitor", light: "sun", dark: "moon" };

export function ThemeMenu() {
  const items = /** @type {const} */ (["system", "light", "dark"]).map((name) => ({
    label: t(`theme_${name}`),
    checked: theme.value === name,
    onSelect: () => {
      theme.value = name;
    },
  }));
  return html`<${Menu} label=${t("theme")} icon=${ICONS[theme.value]} items=${items} />`;
}
