// The code of the set-up link. It stands after # so that no server ever sees it, and it leaves the
// address, and with it the browser's history, as soon as this page runs. It is kept in memory alone.

/** Take the code out of the address; empty where there is none. */
export function takeCode() {
  const code = codeIn(location.hash);
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return code;
}

/**
 * Return the code in what somebody pasted: the whole link, or the code alone.
 *
 * @param {string} text
 */
export function codeIn(text) {
  const given = text.trim();
  const code = given.slice(given.lastIndexOf("#") + 1);
  try {
    return decodeURIComponent(code);
  } catch {
    return code;
  }
}
