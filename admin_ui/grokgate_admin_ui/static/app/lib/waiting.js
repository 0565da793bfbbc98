// Waiting for time, and for the page to be looked at.

/** @param {number} ms */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Fulfilled while the page is seen; in a hidden tab, once it is seen again. */
export async function whenSeen() {
  while (document.hidden) {
    await new Promise((resolve) =>
      document.addEventListener("visibilitychange", resolve, { once: true }),
    );
  }
}
