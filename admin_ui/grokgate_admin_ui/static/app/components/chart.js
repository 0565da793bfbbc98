// Numbers over time, or by class, as a picture that can also be read without seeing it.

import { compact } from "../lib/format.js";
import { language, texts } from "../lib/i18n.js";
import {
  html,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "../lib/preact.js";
import uPlot from "../../vendor/uPlot.esm.js";
import { ChartLegend, ChartTable, ChartTip } from "./chart-words.js";
import { hasNumbers, momentNames, plotData, plotOptions, toneName } from "./chart-plot.js";

export { BarList } from "./bar-list.js";
export { Spark } from "./spark.js";

const t = texts("kit");

/** @typedef {"line" | "area" | "bars" | "stack"} Kind `bars` of several series are stacked too. */

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {(number | null)[]} values One for each place of x; null leaves a gap.
 * @property {import("./badge.js").Tone} [tone] A colour with a meaning.
 * @property {number} [series] Or one of six without: 1 to 6. Unless said, by position.
 */

/**
 * @typedef {object} ChartProps
 * @property {string} label What is shown, for those who do not see it.
 * @property {Kind} [kind]
 * @property {number[]} [x] Unix milliseconds, rising.
 * @property {string[]} [names] Instead of `x`: what stands at each place.
 * @property {Series[]} series
 * @property {number} [height] Pixels of the plot.
 * @property {(value: number) => string} [format] Writes values.
 */

/**
 * A plot with a legend that shows and hides series, and a table of the same numbers for screen
 * readers. Pointer and arrow keys read single values.
 *
 * @param {ChartProps} props
 */
export function Chart({ label, kind = "line", x, names, series, height = 220, format = compact }) {
  const places = useMemo(() => x ?? names?.map((_, index) => index) ?? [], [x, names]);
  const [hidden, setHidden] = useState(/** @type {string[]} */ ([]));
  const toned = series.map((each, at) => ({ ...each, color: toneName(each, at) }));
  const shown = toned.filter((each) => !hidden.includes(each.label));
  const writePlace = names
    ? (/** @type {number} */ at) => names[at] ?? ""
    : momentNames(places);
  const toggle = (/** @type {string} */ name) =>
    setHidden(hidden.includes(name) ? hidden.filter((each) => each !== name) : [...hidden, name]);
  const readable = { label, x: places, series: toned, format, writePlace };

  return html`<figure class="chart" aria-label=${label}>
    ${toned.length > 1 &&
    html`<${ChartLegend} series=${toned} hidden=${hidden} onToggle=${toggle} />`}
    ${hasNumbers(shown)
      ? html`<${Plot}
          ...${readable}
          series=${shown}
          kind=${kind}
          height=${height}
          isNamed=${Boolean(names)}
        />`
      : html`<p class="chart-none" style=${{ height: `${height}px` }}>${t("chart_none")}</p>`}
    <${ChartTable} ...${readable} />
  </figure>`;
}

/** @typedef {import("./chart-plot.js").Drawing} Drawing */

/**
 * @param {Drawing & {label: string, height: number}} props
 */
function Plot({ label, height, ...drawing }) {
  const { kind, x, series, isNamed } = drawing;
  const id = useId();
  const host = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const latest = useRef(drawing);
  latest.current = drawing;
  const [index, setIndex] = useState(/** @type {number | null} */ (null));
  const look = useLook();
  const data = useMemo(() => plotData(kind, x, series), [kind, x, series.map(fingerprint).join()]);

  useLayoutEffect(() => {
    const place = /** @type {HTMLDivElement} */ (host.current);
    const size = { width: place.clientWidth || 320, height };
    const made = new uPlot(plotOptions(place, size, latest, setIndex), data, place);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      if (place.clientWidth) made.setSize({ width: place.clientWidth, height });
    });
    observer.observe(place);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [kind, height, look, language.value, isNamed, series.map((each) => each.color).join()]);

  const first = useRef(data);
  useLayoutEffect(() => {
    if (first.current !== data) plot.current?.setData(data);
    first.current = data;
  }, [data]);

  const at = index !== null && index < x.length ? index : null;
  return html`<div class="chart-plot">
    <div
      ref=${host}
      class="chart-canvas"
      style=${{ height: `${height}px` }}
      role="slider"
      tabindex="0"
      id=${id}
      aria-label=${t("chart_read", { label })}
      aria-orientation="horizontal"
      aria-valuemin="0"
      aria-valuemax=${x.length - 1}
      aria-valuenow=${at ?? 0}
      aria-valuetext=${valueText(drawing, at ?? 0)}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => move(plot.current, x.length, at, event)}
      onFocus=${() => {
        if (host.current?.matches(":focus-visible")) point(plot.current, x.length - 1);
      }}
      onBlur=${() => point(plot.current, null)}
    ></div>
    ${at !== null && html`<${ChartTip} plot=${plot.current} index=${at} ...${drawing} />`}
  </div>`;
}

/** @param {Series} series */
function fingerprint(series) {
  return `${series.label}:${series.values.join()}`;
}

/**
 * @param {Drawing} drawing
 * @param {number} at
 */
function valueText({ x, series, format, writePlace }, at) {
  const values = series.map(({ label, values }) => {
    const value = values[at];
    return `${label} ${value === null || value === undefined ? t("chart_unknown") : format(value)}`;
  });
  return `${writePlace(x[at], true)}: ${values.join(", ")}`;
}

/**
 * @param {uPlot | null} plot
 * @param {number} count
 * @param {number | null} at
 * @param {KeyboardEvent} event
 */
function move(plot, count, at, event) {
  const now = at ?? count - 1;
  const far = Math.max(2, Math.round(count / 10));
  /** @type {Record<string, number | null>} */
  const places = {
    ArrowLeft: now - 1,
    ArrowDown: now - 1,
    ArrowRight: now + 1,
    ArrowUp: now + 1,
    PageDown: now - far,
    PageUp: now + far,
    Home: 0,
    End: count - 1,
    Escape: null,
  };
  const next = places[event.key];
  if (next === undefined || (next === null && at === null)) return;
  event.preventDefault();
  event.stopPropagation();
  point(plot, next === null ? null : Math.min(count - 1, Math.max(0, next)));
}

/**
 * @param {uPlot | null} plot
 * @param {number | null} index Null takes the cursor away.
 */
function point(plot, index) {
  if (!plot) return;
  if (index === null) plot.setCursor({ left: -10, top: -10 });
  else plot.setCursor({ left: plot.valToPos(plot.data[0][index], "x"), top: 0 });
}

/** A number that changes with the colours of the page. */
function useLook() {
  const [look, setLook] = useState(0);
  useEffect(() => {
    const renew = () => setLook((count) => count + 1);
    addEventListener("grokgate:theme", renew);
    return () => removeEventListener("grokgate:theme", renew);
  }, []);
  return look;
}
