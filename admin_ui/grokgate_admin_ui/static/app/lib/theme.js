// Light, dark, or as the system says.

import { effect } from "./preact.js";
import { pref } from "./prefs.js";

/** @type {import("../../vendor/signals.module.js").Signal<"system" | "light" | "dark">} */
export const theme = pref(
  "theme",
  /** @type {"system" | "light" | "dark"} */ ("system"),
  (kept) => ["system", "light", "dark"].includes(kept),
);

effect(() => {
  const chosen = theme.value;
  const root = document.documentElement;
  if (chosen === "system") delete root.dataset.theme;
  else root.dataset.theme = chosen;
  dispatchEvent(new CustomEvent("grokgate:theme"));
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  dispatchEvent(new CustomEvent("grokgate:theme")),
);

/** Tell whether the page is dark now. */
export function isDark() {
  if (theme.value !== "system") return theme.value === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}
