// Small pictures, drawn with strokes on a field of 24 by 24.

import { html } from "../lib/preact.js";

/** @type {Record<string, string>} One path each. */
const PATHS = {
  alert: "M12 4 3 19.5h18L12 4Zm0 6v4.5m0 2.5v.1",
  arrowDown: "M12 5v14m-5-5 5 5 5-5",
  arrowUp: "M12 19V5m-5 5 5-5 5 5",
  audit: "M7 4h10v16H7zM10 8h4m-4 4h4m-4 4h2",
  ban: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16ZM6.5 6.5l11 11",
  bolt: "M13 3 5 14h6l-1 7 8-11h-6l1-7Z",
  box: "M4 8l8-4 8 4v8l-8 4-8-4V8Zm0 0 8 4 8-4m-8 4v8",
  chart: "M4 20h16M7 16v-5m5 5V6m5 10v-8",
  chat: "M4 5h16v11H9l-5 4V5Z",
  check: "m5 12.5 4.5 4.5L19 7.5",
  chevronDown: "m6 9 6 6 6-6",
  chevronLeft: "m15 6-6 6 6 6",
  chevronRight: "m9 6 6 6-6 6",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 4v4l3 2",
  close: "M6 6l12 12M18 6 6 18",
  cloud: "M7 18a4 4 0 0 1-.5-8A6 6 0 0 1 18 9.5 4.3 4.3 0 0 1 17.5 18H7Z",
  code: "m8 7-5 5 5 5m8-10 5 5-5 5",
  columns: "M4 5h16v14H4zM10 5v14m5-14v14",
  copy: "M9 9h10v11H9zM5 15V4h10",
  database: "M5 6c0-3 14-3 14 0v12c0 3-14 3-14 0V6Zm0 0c0 3 14 3 14 0M5 12c0 3 14 3 14 0",
  download: "M12 4v11m-5-5 5 5 5-5M5 20h14",
  edit: "M5 19l1-4L16 5l3 3L9 18l-4 1Zm9-12 3 3",
  external: "M14 5h5v5m0-5-8 8M18 14v5H5V6h5",
  eye: "M3 12s3.5-6 9-6 9 6 9 6-3.5 6-9 6-9-6-9-6Zm9-2.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  eyeOff: "M4 4l16 16M9.5 6.4A9 9 0 0 1 12 6c5.5 0 9 6 9 6a16 16 0 0 1-2.6 3.200M6 8c-2 1.7-3 4-3 4s3.5 6 9 6a9 9 0 0 0 3.5-.7",
  film: "M4 5h16v14H4zM8 5v14m8-14v14M4 10h4m-4 4h4m8-4h4m-4 4h4",
  filter: "M4 6h16l-6 7v6l-4-2v-4L4 6Z",
  flame: "M12 3c1 4 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3 2-4 .5 2 1.5 2 2 2 1-2-1-4 1-8Z",
  gauge: "M4 17a8 8 0 1 1 16 0M12 17l4-6",
  globe: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16ZM4 12h16M12 4c3 3 3 13 0 16-3-3-3-13 0-16Z",
  help: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm-2.5 6c0-3 5-3 5 0 0 2-2.5 2-2.5 4m0 2.500v.1",
  home: "M4 11l8-7 8 7v9h-5v-6H9v6H4v-9Z",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9v.1",
  info: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 7v5m0-8v.1",
  jobs: "M5 6h10M5 12h14M5 18h7M18 5l1.5 1.500L22 4",
  key: "M8 11a4 4 0 1 1 0 5.500A4 4 0 0 1 8 11Zm3 2.500h10m-3 0v3.500m-3.5-3.500v2.5",
  language: "M4 6h9M8.5 4v2M5 14c4-1 6-4 6.5-8M6 9c1 2.5 3 4 6 5m1 6 4-10 4 10m-6.5-3h5",
  layers: "m12 4 8 4-8 4-8-4 8-4Zm-8 8 8 4 8-4M4 16l8 4 8-4",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.5-6L12 7m2 3a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.5 6L12 17",
  list: "M9 6h11M9 12h11M9 18h11M5 6v.1M5 12v.1M5 18v.1",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  logout: "M14 5H5v14h9M10 12h11m-4-4 4 4-4 4",
  menu: "M4 7h16M4 12h16M4 17h16",
  model: "M12 4v4m0 8v4M4 12h4m8 0h4M8 8h8v8H8z",
  monitor: "M4 5h16v11H4zM9 20h6m-3-4v4",
  moon: "M19 14.500A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.500Z",
  more: "M5.5 11.300a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.400Zm6.5 0a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.400Zm6.5 0a.7.7 0 1 0 0 1.4.7.7 0 0 0 0-1.400Z",
  pause: "M8 5v14m8-14v14",
  play: "M7 5l12 7-12 7V5Z",
  plug: "M9 4v5m6-5v5M6 9h12v3a6 6 0 0 1-12 0V9Zm6 9v3",
  plus: "M12 5v14M5 12h14",
  refresh: "M19 9a7.5 7.5 0 0 0-14 1m0 5a7.5 7.5 0 0 0 14 0M19 4v5h-5M5 20v-5h5",
  search: "M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12Zm4.5 10.500L20 20",
  send: "M4 5l17 7-17 7 3-7-3-7Zm3 7h7",
  settings: "M5 7h8m6 0h-2m-4-2v4M5 12h2m12 0h-8m-4-2v4M5 17h8m6 0h-2m-4-2v4",
  shield: "M12 4l7 3v5c0 4-3 7-7 8-4-1-7-4-7-8V7l7-3Z",
  sort: "M8 5v14m-3-3 3 3 3-3M16 19V5m-3 3 3-3 3 3",
  star: "M12 4l2.5 5.2 5.5.7-4 4 1 5.6-5-2.7-5 2.7 1-5.6-4-4 5.5-.7L12 4Z",
  stop: "M6 6h12v12H6z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm0-5v2m0 14v2M3 12h2m14 0h2M5.6 5.6 7 7m10 10 1.4 1.400M5.6 18.4 7 17M17 7l1.4-1.4",
  switch: "M8 7h8a5 5 0 0 1 0 10H8A5 5 0 0 1 8 7Zm8 2.500a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  tag: "M4 4h8l8 8-8 8-8-8V4Zm4 4v.1",
  token: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z",
  trash: "M5 7h14M10 7V4h4v3m-7 0 1 13h8l1-13",
  undo: "M9 6 4 11l5 5M4 11h10a5 5 0 0 1 0 10h-3",
  upload: "M12 20V9m-5 5 5-5 5 5M5 4h14",
  wrap: "M4 6h16M4 12h13a3 3 0 0 1 0 6h-4m2-2-2 2 2 2M4 18h5",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM5 20c0-4 3-6 7-6s7 2 7 6",
};

/** Names that `Icon` knows. */
export const ICONS = Object.keys(PATHS);

/**
 * A small picture; it says nothing to a screen reader, so a label stands beside it.
 *
 * @param {{name: string, size?: number}} props Size in pixels.
 */
export function Icon({ name, size = 18 }) {
  return html`<svg
    class="icon"
    width=${size}
    height=${size}
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="1.75"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    <path d=${PATHS[name] ?? PATHS.help} />
  </svg>`;
}

/**
 * The sign of the product.
 *
 * @param {{size?: number}} props
 */
export function Logo({ size = 28 }) {
  return html`<svg class="logo" width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true">
    <rect class="logo-ground" width="32" height="32" rx="8" />
    <path class="logo-arch" d="M8 25V14a8 8 0 0 1 16 0v11" />
    <path class="logo-bars" d="M13 25v-8m6 8v-8" />
  </svg>`;
}
