// The one place that knows where the rendering libraries lie.

import htm from "../../vendor/htm.module.js";
import { h } from "../../vendor/preact.mjs";

/** Makes elements from a template: html`<p class="x">${text}</p>`. Values are always text. */
export const html = htm.bind(h);

export { Component, createContext, Fragment, h, render } from "../../vendor/preact.mjs";
export {
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "../../vendor/hooks.mjs";
export {
  batch,
  computed,
  effect,
  signal,
  untracked,
  useComputed,
  useSignal,
  useSignalEffect,
} from "../../vendor/signals.module.js";
