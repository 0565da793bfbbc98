// Faults of the pages' own code, as opposed to what the gateway refused.

const KINDS = [TypeError, ReferenceError, RangeError, SyntaxError];

/** @type {WeakSet<Error>} */
const reported = new WeakSet();

/**
 * Tell whether an error is a fault of the page; its message is for who mends it.
 *
 * @param {unknown} error
 * @returns {error is Error}
 */
export function isMishap(error) {
  return KINDS.some((kind) => error instanceof kind);
}

/**
 * Write a fault to the browser's console, once.
 *
 * @param {unknown} error
 */
export function report(error) {
  if (!isMishap(error) || reported.has(error)) return;
  reported.add(error);
  console.error(error);
}

/**
 * Write down what who mends a fault has to know.
 *
 * @param {Error} error
 */
export function detailsOf(error) {
  return [`${location.pathname} · ${navigator.userAgent}`, `${error}`, error.stack ?? ""].join("\n");
}

/**
 * Tell of the faults that nobody caught.
 *
 * @param {(error: Error) => void} tell
 */
export function catchMishaps(tell) {
  // The browser writes these to its console itself.
  const take = (/** @type {unknown} */ error) => {
    if (isMishap(error) && !reported.has(error)) tell(error);
    if (isMishap(error)) reported.add(error);
  };
  addEventListener("error", (event) => take(event.error));
  addEventListener("unhandledrejection", (event) => take(event.reason));
}
