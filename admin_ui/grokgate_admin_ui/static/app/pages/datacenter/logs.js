// The log viewer (F-UI-41).

import { Badge } from "../../components/badge.js";
import { Button, CopyButton, IconButton } from "../../components/button.js";
import { SearchField, SelectField, SwitchField } from "../../components/fields.js";
import { Empty, Failure, Loading } from "../../components/states.js";
import { api, save } from "../../lib/api.js";
import { bytes, dateTime } from "../../lib/format.js";
import { texts } from "../../lib/i18n.js";
import { useLoad } from "../../lib/poll.js";
import { html, useMemo, useState } from "../../lib/preact.js";
import { Link, navigate, place, useQuery } from "../../lib/router.js";
import { Lines, Marked } from "./lines.js";
import { LEVELS, named, readLines, sifted } from "./log-lines.js";

/** @typedef {import("./log-lines.js").Line} Line */
/** @typedef {{name: string, size_bytes: number, mtime_ms: number}} LogFile */

const t = texts("datacenter");
const EVERY_MS = 3000;
const FILES_EVERY_MS = 30_000;
const SIZES = [50, 100, 200, 500, 1000, 2000, 5000];
const SIZE = 500;
/** The request table, read like a file. */
const TABLE = "request_log";

/**
 * @param {AbortSignal} signal
 * @returns {Promise<LogFile[]>} The one written last first.
 */
async function listFiles(signal) {
  return (await api.get("/logs/files", { signal })).files;
}

export function Logs() {
  const [query, set] = useQuery({ file: "", lines: SIZE, word: "", level: "", own: /** @type {boolean} */ (false) });
  const [paused, setPaused] = useState(false);
  const [follow, setFollow] = useState(true);
  const [chosen, setChosen] = useState(/** @type {Line | null} */ (null));
  const size = SIZES.includes(query.lines) ? query.lines : SIZE;
  const files = useLoad(listFiles, [], { everyMs: FILES_EVERY_MS });
  const state = useLoad(
    async (signal) => {
      const name = query.file || (files.data ?? (await listFiles(signal)))[0]?.name || TABLE;
      const { lines } = await api.get("/logs/tail", { query: { file: name, lines: size }, signal });
      return { of: query.file, file: name, lines: readLines(lines) };
    },
    [query.file, size],
    { everyMs: paused ? 0 : EVERY_MS },
  );
  const found = state.data?.of === query.file ? state.data : null;
  const all = found?.lines ?? null;
  const file = query.file || found?.file || "";
  const shown = useMemo(
    () => (all ? sifted(all, query) : []),
    [all, query.level, query.word, query.own],
  );
  const told = all ? t("lines_shown", { shown: shown.length, count: all.length }) : "";
  // Said once for each filter, not for every line that comes.
  const sought = useMemo(() => told, [all === null, file, size, query.level, query.word, query.own]);
  const download = () =>
    save(new Blob([shown.map((line) => `${line.text}\n`).join("")], { type: "text/plain" }), fileName(file));

  return html`<div class="card card-flush dc-logs">
    <div class="dc-logs-head">
      <${SelectField}
        label=${t("file")}
        value=${file}
        options=${fileOptions(files.data ?? [], file)}
        onInput=${(/** @type {string} */ name) => set({ file: name })}
      />
      <${SelectField}
        label=${t("lines")}
        value=${String(size)}
        options=${SIZES.map((count) => ({ value: String(count), label: t("lines_last", { count }) }))}
        onInput=${(/** @type {string} */ count) => set({ lines: Number(count) })}
      />
      <${SelectField}
        label=${t("level")}
        value=${query.level}
        options=${["", ...LEVELS.slice(1)].map((level) => ({ value: level, label: t(`least_${level || "any"}`) }))}
        onInput=${(/** @type {string} */ level) => set({ level })}
      />
      <div class="field dc-word">
        <span class="field-label" aria-hidden="true">${t("word")}</span>
        <${SearchField}
          ariaLabel=${t("word")}
          placeholder=${t("word_hint")}
          value=${query.word}
          onInput=${(/** @type {string} */ word) => set({ word })}
        />
      </div>
    </div>
    <div class="dc-bar row row-wrap row-between">
      <span class="muted small">
        ${told} ${paused && html`<${Badge} tone="warn" icon="pause">${t("paused")}<//>`}
      </span>
      <span class="visually-hidden" role="status">${sought}</span>
      <div class="row row-wrap dc-log-actions">
        <${SwitchField}
          label=${t("own")}
          value=${query.own}
          onInput=${(/** @type {boolean} */ own) => set({ own })}
        />
        <${SwitchField} label=${t("follow")} value=${follow} onInput=${setFollow} />
        <${Button} small icon=${paused ? "play" : "pause"} pressed=${paused} onClick=${() => setPaused(!paused)}>
          ${t("pause")}
        <//>
        <${Button} small icon="download" disabled=${!shown.length} onClick=${download}>${t("download")}<//>
      </div>
    </div>
    ${state.error && html`<${Failure} error=${state.error} onRetry=${state.reload} />`}
    ${!all && !state.error && html`<${Loading} kind="text" rows=${14} />`}
    ${all && !shown.length && html`<${NoLines} isFiltered=${all.length > 0} onClear=${() => set({ word: "", level: "", own: true })} />`}
    ${shown.length > 0 &&
    html`<${Lines}
      key=${file}
      lines=${shown}
      word=${query.word}
      follow=${follow}
      chosen=${chosen}
      label=${t("log_of", { file: fileLabel(file) })}
      onFollow=${setFollow}
      onChoose=${setChosen}
    />`}
    ${chosen && html`<${Whole} line=${chosen} word=${query.word} onClose=${() => setChosen(null)} />`}
  </div>`;
}

/** @param {{isFiltered: boolean, onClear: () => void}} props */
function NoLines({ isFiltered, onClear }) {
  if (!isFiltered) return html`<${Empty} icon="list" title=${t("log_empty")} />`;
  return html`<${Empty}
    icon="filter"
    title=${t("log_none")}
    action=${html`<${Button} onClick=${onClear}>${t("filters_clear")}<//>`}
  />`;
}

/**
 * A line in full, with ways to what it names.
 *
 * @param {{line: Line, word: string, onClose: () => void}} props
 */
function Whole({ line, word, onClose }) {
  const { requests, accounts } = named(line.text);
  const openRequest = (/** @type {string} */ id) => {
    const query = new URLSearchParams(place.value.query);
    query.set("request", id);
    void navigate(`/admin/datacenter?${query}`);
  };
  return html`<section class="dc-whole" aria-label=${t("line")}>
    <div class="row row-between">
      <span class="row row-wrap dc-gap">
        <${Badge} tone=${tone(line)}>${t(`level_${line.level}`)}<//>
        <span class="muted small">${line.at !== null && dateTime(line.at)}</span>
      </span>
      <span class="row">
        <${CopyButton} text=${line.text} label=${t("copy_line")} />
        <${IconButton} small icon="close" label=${t("close")} onClick=${onClose} />
      </span>
    </div>
    <p class="mono break"><${Marked} text=${line.words} word=${word} /></p>
    ${(requests.length > 0 || accounts.length > 0) &&
    html`<div class="row row-wrap dc-gap">
      ${requests.map(
        (id) =>
          html`<${Button} key=${id} small icon="search" onClick=${() => openRequest(id)}>${t("explain_request")}<//>`,
      )}
      ${accounts.map(
        (id) => html`<${Link} key=${id} class="mono small" to="/admin/token" query=${{ q: id }}>${id}<//>`,
      )}
    </div>`}
  </section>`;
}

/**
 * @param {Line} line
 * @returns {import("../../components/badge.js").Tone}
 */
function tone({ level }) {
  if (level === "error") return "bad";
  return level === "warning" ? "warn" : "muted";
}

/** @param {string} name */
function fileLabel(name) {
  return name === TABLE ? t("request_table") : name;
}

/** @param {string} name */
function fileName(name) {
  return name.endsWith(".log") ? name : `${name}.log`;
}

/**
 * @param {LogFile[]} files
 * @param {string} chosen
 */
function fileOptions(files, chosen) {
  const known = files.map(({ name, size_bytes: size }) => ({
    value: name,
    label: name === TABLE ? fileLabel(name) : `${name} (${bytes(size)})`,
  }));
  if (!chosen || files.some(({ name }) => name === chosen)) return known;
  return [...known, { value: chosen, label: fileLabel(chosen) }];
}
