// Pictures or videos stored here (F-UI-61).

import { Time } from "../../components/badge.js";
import { Button, CopyButton, IconButton } from "../../components/button.js";
import { confirm } from "../../components/dialog.js";
import { Icon } from "../../components/icon.js";
import { Card } from "../../components/layout.js";
import { BulkBar, Pager } from "../../components/pager.js";
import { Empty, Loaded } from "../../components/states.js";
import { DataTable } from "../../components/table.js";
import { api } from "../../lib/api.js";
import { bytes } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useEffect, useState } from "../../lib/preact.js";
import { useQuery } from "../../lib/router.js";
import { toast } from "../../lib/toasts.js";
import { Lightbox } from "./lightbox.js";
import { mediaPath, stillUrl } from "./media.js";

const t = texts("cache");
const EVERY_MS = 10_000;
const SIZES = [50, 100, 200, 500, 1000];
const SIZE = 100;

/** @typedef {import("./media.js").Media} Media */
/** @typedef {{total: number, items: Media[]}} Page */

/**
 * @param {{kind: "image" | "video", cleared: number, onChange: () => unknown}} props Cleared: how
 *   often all of it was removed, which makes the list read anew.
 */
export function LocalList({ kind, cleared, onChange }) {
  const [query, set] = useQuery({ page: 1, size: SIZE, view: "" });
  const size = SIZES.includes(query.size) ? query.size : SIZE;
  const page = Math.max(1, Math.trunc(query.page));
  const [selection, setSelection] = useState(/** @type {Set<string>} */ (new Set()));
  /** @type {import("../../lib/poll.js").Load<Page>} */
  const state = useLoad(
    (signal) =>
      api.get("/cache/list", { query: { type: kind, page, page_size: size }, signal }),
    [page, size, cleared],
    { everyMs: EVERY_MS },
  );
  const { data } = state;
  useEffect(() => {
    const last = Math.max(1, Math.ceil((data?.total ?? 0) / size));
    if (data && !data.items.length && page > last) set({ page: last });
  }, [data]);

  const remove = async (/** @type {string[]} */ names) => {
    if (!(await mayDelete(kind, names.length))) return false;
    try {
      const { result } = await api.post("/cache/items/delete", { type: kind, names });
      toast.ok(t("deleted", { count: result.deleted }));
      setSelection((now) => new Set([...now].filter((name) => !names.includes(name))));
      await Promise.all([state.reload(), onChange()]);
      return true;
    } catch (error) {
      toast.error(error);
      return false;
    }
  };
  const names = [...selection];
  return html`<${Card} flush title=${t(`list_${kind}`)} lead=${t("local_lead")}>
      <${Loaded}
        state=${state}
        kind="table"
        isEmpty=${(/** @type {Page} */ found) => found.total === 0}
        empty=${html`<${Nothing} kind=${kind} />`}
      >
        ${(/** @type {Page} */ found) =>
          html`<${DataTable}
              label=${t(`list_${kind}`)}
              columns=${columns(kind, (name) => set({ view: name }), remove)}
              rows=${found.items}
              rowKey=${(/** @type {Media} */ media) => media.name}
              rowHeight=${60}
              selection=${selection}
              onSelection=${setSelection}
              loading=${state.loading && !found.items.length}
              firstIndex=${(page - 1) * size}
              total=${found.total}
              onOpen=${(/** @type {Media} */ media) => set({ view: media.name })}
            />
            <${Pager}
              page=${page}
              pageSize=${size}
              total=${found.total}
              sizes=${SIZES}
              onPage=${(/** @type {number} */ number) => set({ page: number })}
              onPageSize=${(/** @type {number} */ rows) => set({ size: rows, page: 1 })}
            />`}
      <//>
    <//>
    <${BulkBar} count=${names.length} onClear=${() => setSelection(new Set())}>
      <${Button} kind="danger" icon="trash" onClick=${() => remove(names)}>${t("delete")}<//>
    <//>
    ${query.view &&
    html`<${Lightbox}
      kind=${kind}
      name=${query.view}
      items=${data?.items ?? []}
      onShow=${(/** @type {string} */ name) => set({ view: name })}
      onDelete=${(/** @type {string} */ name) => remove([name])}
    />`}`;
}

/**
 * @param {"image" | "video"} kind
 * @param {number} count
 */
function mayDelete(kind, count) {
  return confirm({
    title: t(`delete_${kind}_title`, { count }),
    body: t("delete_body"),
    action: t("delete"),
    danger: true,
  });
}

/** @param {{kind: "image" | "video"}} props */
function Nothing({ kind }) {
  return html`<${Empty}
    icon=${kind === "image" ? "image" : "film"}
    title=${t(`empty_${kind}`)}
    action=${html`<${Button} kind="primary" icon="chat" to=${`/admin/chat?tab=${kind}`}>${t("playground")}<//>`}
  >
    ${t("empty_lead")}
  <//>`;
}

/**
 * @param {"image" | "video"} kind
 * @param {(name: string) => void} view
 * @param {(names: string[]) => unknown} remove
 * @returns {import("../../components/table.js").Column<Media>[]}
 */
function columns(kind, view, remove) {
  return [
    {
      id: "still",
      label: t("preview"),
      quiet: true,
      width: "4.25rem",
      render: (media) => html`<${Still} kind=${kind} media=${media} onClick=${() => view(media.name)} />`,
    },
    {
      id: "name",
      label: t("name"),
      width: "minmax(12rem, 1fr)",
      render: ({ name }) => html`<span class="mono small" title=${name}>${name}</span>`,
    },
    { id: "size", label: t("size"), width: "6rem", align: "end", render: (media) => bytes(media.size_bytes) },
    { id: "time", label: t("stored"), width: "9rem", align: "end", render: (media) => html`<${Time} ms=${media.mtime_ms} />` },
    {
      id: "acts",
      label: t("actions"),
      quiet: true,
      width: "9rem",
      align: "end",
      render: (media) =>
        html`<${IconButton}
            small
            icon="download"
            label=${t("download_named", { name: media.name })}
            to=${mediaPath(kind, media.name)}
            download=${media.name}
          />
          <${CopyButton} text=${media.link} label=${t("copy_link")} />
          <${IconButton}
            small
            icon="trash"
            label=${t("delete_named", { name: media.name })}
            onClick=${() => remove([media.name])}
          />`,
    },
  ];
}

/** @param {{kind: "image" | "video", media: Media, onClick: () => void}} props */
function Still({ kind, media, onClick }) {
  const source = stillUrl(kind, media);
  return html`<button type="button" class="cache-still" aria-label=${t("view_named", { name: media.name })} onClick=${onClick}>
    ${source
      ? html`<img src=${source} alt="" loading="lazy" decoding="async" />`
      : html`<${Icon} name="film" />`}
  </button>`;
}
