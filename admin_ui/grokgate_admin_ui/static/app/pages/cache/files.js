// The files of one account at its upstream, to be deleted one by one or together (F-UI-62).

import { Time } from "../../components/badge.js";
import { Button, IconButton } from "../../components/button.js";
import { confirm, Dialog } from "../../components/dialog.js";
import { Icon } from "../../components/icon.js";
import { Empty, Loaded } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { bytes } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { toast } from "../../lib/toasts.js";
import { note } from "./counts.js";
import { clear } from "./work.js";

const t = texts("cache");

/** @typedef {{asset_id: string, name: string, mime: string, size_bytes: number, created_at: number | null}} Asset */

/** @param {{account: string, onClose: () => void}} props */
export function AccountFiles({ account, onClose }) {
  /** @type {import("../../lib/poll.js").Load<Asset[]>} */
  const state = useLoad(
    async (signal) => (await api.get("/cache/online/files", { query: { token: account }, signal })).items,
    [account],
  );
  const [gone, setGone] = useState(/** @type {Set<string>} */ (new Set()));
  const files = state.data?.filter((file) => !gone.has(file.asset_id));
  const size = files?.reduce((sum, file) => sum + file.size_bytes, 0) ?? 0;
  useEffect(() => {
    if (files) note(account, { files: files.length, size });
  }, [files?.length]);

  const remove = async (/** @type {Asset} */ file) => {
    const title = t("delete_file_title", { name: file.name });
    if (!(await confirm({ title, body: t("clear_online_body"), action: t("delete"), danger: true }))) return;
    try {
      await api.post("/cache/online/item/delete", { token: account, asset_id: file.asset_id });
      setGone((now) => new Set([...now, file.asset_id]));
      toast.ok(t("deleted", { count: 1 }));
    } catch (error) {
      toast.error(error);
    }
  };
  const removeAll = async () => {
    if (await clear({ ids: [account] }, 1)) onClose();
  };
  return html`<${Dialog}
    side
    wide
    title=${t("files_of", { account })}
    lead=${files && `${t("files", { count: files.length })} · ${bytes(size)}`}
    onClose=${onClose}
    footer=${html`<${Button} kind="danger" icon="trash" disabled=${!files?.length} onClick=${removeAll}>
        ${t("delete_all_files")}
      <//>
      <${Button} onClick=${onClose}>${t("close")}<//>`}
  >
    <${Loaded}
      state=${state}
      kind="table"
      isEmpty=${() => !files?.length}
      empty=${html`<${Empty} icon="cloud" title=${t("files_none")} />`}
    >
      ${() =>
        html`<div class="cache-framed">
          <${DataTable}
            label=${t("files_of", { account })}
            columns=${columns(remove)}
            rows=${files}
            rowKey=${(/** @type {Asset} */ file) => file.asset_id}
            maxHeight="none"
          />
        </div>`}
    <//>
  <//>`;
}

/**
 * @param {(file: Asset) => unknown} remove
 * @returns {import("../../components/table.js").Column<Asset>[]}
 */
function columns(remove) {
  return [
    {
      id: "name",
      label: t("name"),
      width: "minmax(10rem, 1fr)",
      render: ({ name, mime }) =>
        html`<span class="cache-file" title=${mime}><${Icon} name=${iconOf(mime)} /><span class="ellipsis">${name}</span></span>`,
    },
    { id: "size", label: t("size"), width: "5.5rem", align: "end", render: (file) => bytes(file.size_bytes) },
    { id: "created", label: t("created"), width: "8rem", align: "end", render: (file) => html`<${Time} ms=${file.created_at} />` },
    {
      id: "acts",
      label: t("actions"),
      quiet: true,
      width: "3.5rem",
      align: "end",
      render: (file) =>
        html`<${IconButton} small icon="trash" label=${t("delete_named", { name: file.name })} onClick=${() => remove(file)} />`,
    },
  ];
}

/** @param {string} mime */
function iconOf(mime) {
  if (mime.startsWith("image/")) return "image";
  return mime.startsWith("video/") ? "film" : "audit";
}
