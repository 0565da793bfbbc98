// Windows over the page: the browser's own dialogs, and what stands above them.

import { useLayoutEffect, useRef } from "./preact.js";

/**
 * Holds the messages. It moves into the window on top, as the browser lets nothing else be clicked.
 */
export const above = document.createElement("div");
document.body.append(above);

/** @type {HTMLElement[]} */
const windows = [];

/** The window on top, or the page. */
export function topmost() {
  return windows.at(-1) ?? document.body;
}

/** What is typed into; pickers of files and switches are no place to begin. */
const TYPED = [
  'input:not([type="file"], [type="checkbox"], [type="radio"], :disabled)',
  "textarea:not(:disabled)",
]
  .map((field) => `.dialog-body ${field}`)
  .join(", ");

/**
 * Begin in the first field of a form, not at the button that closes it.
 *
 * @param {HTMLElement} dialog
 */
function focusFirst(dialog) {
  const field = dialog.querySelector("form")?.querySelector(TYPED);
  if (field instanceof HTMLElement) field.focus();
}

/**
 * Open a dialog for as long as its component stands. The focus returns to where it was.
 *
 * @param {{current: HTMLDialogElement | null}} place
 * @param {() => void} onClose Told when the browser closes it, as it does at the second Esc whatever
 *   the page says.
 */
export function useModal(place, onClose) {
  // At once: what is typed next belongs to the window already.
  useLayoutEffect(() => {
    const dialog = place.current;
    if (!dialog) return undefined;
    const back = document.activeElement;
    dialog.addEventListener("close", onClose);
    dialog.showModal();
    if (!dialog.querySelector("[autofocus]")) focusFirst(dialog);
    windows.push(dialog);
    dialog.append(above);
    return () => {
      dialog.removeEventListener("close", onClose);
      windows.splice(windows.indexOf(dialog), 1);
      topmost().append(above);
      dialog.close();
      if (back instanceof HTMLElement && back.isConnected) back.focus();
    };
  }, []);
}

/**
 * Return *close* for as long as the window's component stands: an answer that comes after Esc must
 * not close another window that was opened meanwhile.
 *
 * @param {() => void} close
 */
export function useOwnClose(close) {
  const isOpen = useRef(true);
  useLayoutEffect(
    () => () => {
      isOpen.current = false;
    },
    [],
  );
  return () => {
    if (isOpen.current) close();
  };
}
