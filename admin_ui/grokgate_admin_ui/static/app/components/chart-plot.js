// What a chart tells uPlot: data, axes and colours. Colours come from the stylesheet.

import { clock, day } from "../lib/format.js";
import uPlot from "../../vendor/uPlot.esm.js";

/** @typedef {import("./chart.js").Kind} Kind */
/** @typedef {import("./chart.js").Series & {color: string}} TonedSeries `color`: a custom property. */

/**
 * @typedef {object} Drawing
 * @property {Kind} kind
 * @property {number[]} x
 * @property {TonedSeries[]} series
 * @property {(value: number) => string} format
 * @property {(x: number, whole?: boolean) => string} writePlace Whole: as in a sentence.
 * @property {boolean} isNamed Places are not moments.
 */

const DAY_MS = 86_400_000;
const ROUND = [1, 2, 5];
/** Steps between lines for numbers of things, which have no parts. */
const WHOLE_STEPS = Array.from({ length: 12 }, (_, power) =>
  ROUND.map((step) => step * 10 ** power),
).flat();

/**
 * Return the custom property that holds the colour of a series.
 *
 * @param {import("./chart.js").Series} series
 * @param {number} at
 */
export function toneName({ tone, series }, at) {
  if (tone === "muted") return "--line-strong";
  return tone ? `--${tone}` : `--series-${series ?? (at % 6) + 1}`;
}

/**
 * Tell whether there is anything to draw.
 *
 * @param {{values: (number | null)[]}[]} series
 */
export function hasNumbers(series) {
  return series.some(({ values }) => values.some((value) => Number.isFinite(value)));
}

/**
 * Return what writes moments: days where they are whole days, else the time, in a sentence both.
 *
 * @param {number[]} x
 */
export function momentNames(x) {
  const isDaily = x.length > 1 && x[1] - x[0] >= DAY_MS - 2 * 3_600_000;
  return (/** @type {number} */ at, whole = false) => {
    if (isDaily) return day(at);
    return whole ? `${day(at)}, ${clock(at)}` : clock(at);
  };
}

/**
 * Order data as uPlot draws it: stacked series from the highest down, so that the lower ones lie
 * above it.
 *
 * @param {Kind} kind
 * @param {number[]} x
 * @param {TonedSeries[]} series
 * @returns {uPlot.AlignedData}
 */
export function plotData(kind, x, series) {
  if (!isBars(kind)) return [x, ...series.map(({ values }) => values)];
  const sums = x.map(() => 0);
  const layers = series.map(({ values }) =>
    x.map((_, at) => {
      sums[at] += values[at] ?? 0;
      return sums[at];
    }),
  );
  return [x, ...layers.reverse()];
}

/** @param {Kind} kind */
export function isBars(kind) {
  return kind === "bars" || kind === "stack";
}

/**
 * @param {HTMLElement} place The plot's parent: knows colours and font.
 * @param {{width: number, height: number}} size Pixels.
 * @param {{current: Drawing}} latest What is drawn now; read anew at each drawing.
 * @param {(index: number | null) => void} onPoint
 * @returns {uPlot.Options}
 */
export function plotOptions(place, size, latest, onPoint) {
  const { kind, series, isNamed } = latest.current;
  const grid = color(place, "var(--line)");
  const muted = color(place, "var(--text-muted)");
  const surface = color(place, "var(--surface)");
  const font = `12px ${getComputedStyle(place).fontFamily}`;
  const drawn = isBars(kind) ? [...series].reverse() : series;
  const axis = { stroke: muted, font, ticks: { show: false } };
  return {
    ...size,
    ms: 1,
    padding: [10, 20, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: isBars(kind) ? { show: false } : { size: 9, width: 2, stroke: surface },
      move: (plot, left, top) => [snapped(plot, left), top],
    },
    scales: {
      x: { time: !isNamed, range: (_, min, max) => xRange(latest.current, min, max) },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.06 : 1] },
    },
    axes: [
      {
        ...axis,
        size: () => (hasTimes(latest.current) ? 42 : 28),
        space: 64,
        grid: { show: false },
        ...(isBars(kind) || isNamed ? { splits: (plot) => splits(plot, latest.current) } : {}),
        values: (_, at) => placeNames(latest.current, at),
      },
      {
        ...axis,
        space: 36,
        incrs: isWhole(series) ? WHOLE_STEPS : undefined,
        grid: { stroke: grid, width: 1 },
        size: (_, values) => widest(values),
        values: (_, values) => values.map((value) => latest.current.format(value)),
      },
    ],
    series: [{}, ...drawn.map((each) => drawnSeries(place, kind, each, surface))],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
  };
}

/**
 * @param {HTMLElement} place
 * @param {Kind} kind
 * @param {TonedSeries} series
 * @param {string} surface
 * @returns {uPlot.Series}
 */
function drawnSeries(place, kind, { color: name }, surface) {
  const stroke = color(place, `var(${name})`);
  if (isBars(kind)) {
    const paths = uPlot.paths.bars?.({ size: [0.72, 44, 1], radius: 0.12 });
    return { fill: stroke, stroke: surface, width: 1, paths, points: { show: false } };
  }
  const faint = color(place, `color-mix(in srgb, var(${name}) 24%, transparent)`);
  const none = color(place, `color-mix(in srgb, var(${name}) 2%, transparent)`);
  return {
    stroke,
    width: 2,
    cap: "round",
    fill: kind === "area" ? (plot) => fade(plot, faint, none) : undefined,
    points: { show: true, size: 5, width: 0, fill: stroke, filter: alone },
  };
}

/**
 * @param {uPlot} plot
 * @param {string} top
 * @param {string} bottom
 */
function fade(plot, top, bottom) {
  const { top: from, height } = plot.bbox;
  if (!Number.isFinite(from + height)) return top;
  const made = plot.ctx.createLinearGradient(0, from, 0, from + height);
  made.addColorStop(0, top);
  made.addColorStop(1, bottom);
  return made;
}

/**
 * Values between two gaps have no line, so they are points.
 *
 * @param {uPlot} plot
 * @param {number} at
 */
function alone(plot, at) {
  const values = plot.data[at];
  const known = (/** @type {number} */ index) => Number.isFinite(values[index] ?? NaN);
  return [...values.keys()].filter(
    (index) => known(index) && !known(index - 1) && !known(index + 1),
  );
}

/**
 * Resolve a colour of the stylesheet; canvases know no custom properties.
 *
 * @param {HTMLElement} place
 * @param {string} value
 */
function color(place, value) {
  const before = place.style.color;
  place.style.color = value;
  const found = getComputedStyle(place).color;
  place.style.color = before;
  return found;
}

/**
 * @param {Drawing} drawing
 * @param {number} min
 * @param {number} max
 * @returns {[number, number]} With room for half a bar at both ends.
 */
function xRange({ kind, x, isNamed }, min, max) {
  const step = x.length > 1 ? (x[x.length - 1] - x[0]) / (x.length - 1) : isNamed ? 1 : DAY_MS / 24;
  if (isBars(kind) || x.length === 1) return [min - step / 2, max + step / 2];
  return [min, max];
}

/**
 * Bars are named in their middle, as many as there is room for.
 *
 * @param {uPlot} plot
 * @param {Drawing} drawing
 */
function splits(plot, { x, writePlace }) {
  const names = x.map((place) => writePlace(place));
  const room = Math.max(1, Math.floor(plot.width / (widest(names) + 4)));
  const every = Math.max(1, Math.ceil(x.length / room));
  return x.filter((_, index) => (x.length - 1 - index) % every === 0);
}

/**
 * Times have the day below them.
 *
 * @param {Drawing} drawing
 */
function hasTimes({ isNamed, x, writePlace }) {
  return !isNamed && x.length > 0 && writePlace(x[0]) !== day(x[0]);
}

/**
 * @param {Drawing} drawing
 * @param {number[]} at
 */
function placeNames({ isNamed, writePlace, x }, at) {
  if (isNamed) return at.map((place) => writePlace(place));
  const write = at.length > 1 && at[1] - at[0] >= DAY_MS / 2 ? momentNames(at) : momentNames(x);
  return at.map((place, index) => {
    const name = write(place);
    const isNewDay = index === 0 || day(at[index - 1]) !== day(place);
    return isNewDay && name !== day(place) ? `${name}\n${day(place)}` : name;
  });
}

/** @param {string[] | null} values */
function widest(values) {
  const widths = (values ?? []).map((text) =>
    [...text].reduce((sum, char) => sum + (char > "\u2e80" ? 12 : 7), 0),
  );
  return Math.max(28, ...widths) + 12;
}

/** @param {TonedSeries[]} series */
function isWhole(series) {
  return series.every(({ values }) => values.every((value) => value === null || value % 1 === 0));
}

/**
 * @param {uPlot} plot
 * @param {number} left
 */
function snapped(plot, left) {
  if (left < 0) return left;
  return plot.valToPos(plot.data[0][plot.posToIdx(left)], "x");
}
