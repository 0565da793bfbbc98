// Dialogs and further views are loaded when they are first opened, so that the table comes first.

import { useOwnClose } from "../../lib/modal.js";
import { useLoad } from "../../lib/poll.js";
import { html, useEffect } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";

/** @type {Record<string, () => Promise<{default: any}>>} */
const PARTS = {
  add: () => import("./add.js"),
  bulk: () => import("./bulk-edit.js"),
  columns: () => import("./columns-dialog.js"),
  edit: () => import("./edit.js"),
  explain: () => import("./explain.js"),
  export: () => import("./export.js"),
  import: () => import("./import.js"),
  details: () => import("./details.js"),
  failures: () => import("./failures.js"),
};

/**
 * Show a part of the page by its name.
 *
 * @param {{name: string, onClose: () => void} & Record<string, unknown>} props Further ones are its own.
 */
export function Late({ name, onClose, ...props }) {
  const close = useOwnClose(onClose);
  const { data, error } = useLoad(() => PARTS[name](), [name]);
  useEffect(() => {
    if (!error) return;
    toast.error(error);
    close();
  }, [error]);
  return data ? html`<${data.default} ...${props} onClose=${close} />` : null;
}
