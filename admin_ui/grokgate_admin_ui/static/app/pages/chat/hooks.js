// Small things that several views of the playground need.

import { useEffect, useMemo, useState } from "../../lib/preact.js";

/**
 * Return an address by which the browser shows a blob; it ends with the component.
 *
 * @param {Blob | null} blob
 */
export function useBlobUrl(blob) {
  const address = useMemo(() => (blob ? URL.createObjectURL(blob) : ""), [blob]);
  useEffect(() => () => (address ? URL.revokeObjectURL(address) : undefined), [address]);
  return address;
}

/**
 * Tell whether a media query holds now.
 *
 * @param {string} query
 */
export function useMedia(query) {
  const list = useMemo(() => matchMedia(query), [query]);
  const [holds, setHolds] = useState(list.matches);
  useEffect(() => {
    const look = () => setHolds(list.matches);
    look();
    list.addEventListener("change", look);
    return () => list.removeEventListener("change", look);
  }, [list]);
  return holds;
}

/**
 * Return handlers that take files which are dropped or pasted.
 *
 * @param {(files: File[]) => void} onFiles
 */
export function useFiles(onFiles) {
  const [over, setOver] = useState(false);
  const take = (/** @type {DataTransfer | null} */ data, /** @type {Event} */ event) => {
    const files = [...(data?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    onFiles(files);
  };
  const handlers = {
    onDragOver: (/** @type {DragEvent} */ event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (/** @type {DragEvent} */ event) => {
      const place = /** @type {Node} */ (event.currentTarget);
      if (!place.contains(/** @type {Node | null} */ (event.relatedTarget))) setOver(false);
    },
    onDrop: (/** @type {DragEvent} */ event) => {
      setOver(false);
      take(event.dataTransfer, event);
    },
    onPaste: (/** @type {ClipboardEvent} */ event) => take(event.clipboardData, event),
  };
  return { over, handlers };
}

/**
 * Choose the model that a link to a view named.
 *
 * @param {string} wanted "": none was.
 * @param {(model: string) => void} choose
 */
export function useWanted(wanted, choose) {
  useEffect(() => {
    if (wanted) choose(wanted);
  }, [wanted]);
}
