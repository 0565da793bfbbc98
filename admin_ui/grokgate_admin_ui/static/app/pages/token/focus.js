// Keeps the keyboard at the table when what had the focus is gone, as a deleted row.

/** Give the focus to the table once all is drawn, unless something on the page has it by then. */
export function keepFocus() {
  setTimeout(() => {
    if (document.activeElement !== document.body) return;
    const table = document.querySelector(".page-token .table-region");
    if (table instanceof HTMLElement) table.focus({ preventScroll: true });
  });
}
