// Runs before the first paint, so that a page is never shown in the wrong theme or language.
// Reads what lib/prefs.js keeps.
(() => {
  const root = document.documentElement;
  /** @type {{theme?: unknown, language?: unknown} | null} */
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem("grokgate.prefs") ?? "null");
  } catch {
    // Storage is closed or holds something else: the browser's own wishes count.
  }
  const theme = kept?.theme;
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const language = kept?.language ?? navigator.language;
  root.lang = String(language).toLowerCase().startsWith("zh") ? "zh" : "en";
  // Its address is relative to the first page, and browsers read it again on the next one.
  const icon = document.querySelector('link[rel="icon"]');
  if (icon instanceof HTMLLinkElement) icon.setAttribute("href", icon.href);
})();
