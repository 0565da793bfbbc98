// Loading of what a page shows, once or again and again.

import { signal, useCallback, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";

/** How many parts of the page wait for what they show first. */
export const waiting = signal(0);

/** Milliseconds after which a repeated load overtakes one that has not been answered. */
const PATIENCE_MS = 30_000;

/**
 * @template T
 * @typedef {{data: T | undefined, error: unknown, loading: boolean, reload: () => Promise<void>,
 *   replace(data: T | ((now: T | undefined) => T)): void}} Load
 *   Reload: fulfilled once what is shown is at least as new as the call; a later one may bring it.
 *   Replace: shows what another call answered, or makes it of what is shown, and drops what is under way.
 */

/**
 * Load something when *deps* change, and every so often while the page is seen; at once when it is
 * seen again.
 *
 * What was loaded before stays while more is loaded; an answer that was overtaken is dropped.
 *
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} deps
 * @param {{everyMs?: number, enabled?: boolean}} [options]
 * @returns {Load<T>}
 */
export function useLoad(load, deps, { everyMs = 0, enabled = true } = {}) {
  const [state, setState] = useState(
    /** @type {{data: T | undefined, error: unknown, loading: boolean}} */ ({
      data: undefined,
      error: null,
      loading: enabled,
    }),
  );
  const latest = useRef(load);
  latest.current = load;
  const running = useRef(/** @type {AbortController | null} */ (null));
  const newest = useRef(Promise.resolve());
  const begunAt = useRef(0);
  const isGone = useRef(false);

  const run = async () => {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    begunAt.current = performance.now();
    setState((now) => ({ ...now, loading: true }));
    try {
      const data = await latest.current(control.signal);
      if (!control.signal.aborted) setState({ data, error: null, loading: false });
    } catch (error) {
      if (!control.signal.aborted) setState((now) => ({ ...now, error, loading: false }));
    }
    if (running.current === control) running.current = null;
    else if (running.current) await newest.current;
  };
  const reload = useCallback(async () => {
    if (isGone.current) return;
    newest.current = run();
    await newest.current;
  }, []);
  const replace = useCallback((/** @type {T | ((now: T | undefined) => T)} */ next) => {
    running.current?.abort();
    const made = (/** @type {T | undefined} */ now) =>
      typeof next === "function" ? /** @type {(now: T | undefined) => T} */ (next)(now) : next;
    setState((now) => ({ data: made(now.data), error: null, loading: false }));
  }, []);
  useEffect(
    () => () => {
      isGone.current = true;
    },
    [],
  );

  const waits = enabled && state.data === undefined && !state.error;
  // Before anything is drawn: else the page looks ready for a moment.
  useLayoutEffect(() => {
    if (!waits) return undefined;
    waiting.value += 1;
    return () => {
      waiting.value -= 1;
    };
  }, [waits]);

  useEffect(() => {
    if (!enabled) return undefined;
    void reload();
    return () => running.current?.abort();
  }, [...deps, enabled]);

  useEffect(() => {
    if (!everyMs || !enabled) return undefined;
    const again = () => {
      const isSlow = performance.now() - begunAt.current > PATIENCE_MS;
      if (!document.hidden && (!running.current || isSlow)) void reload();
    };
    const timer = setInterval(again, everyMs);
    document.addEventListener("visibilitychange", again);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [everyMs, enabled]);

  return { ...state, reload, replace };
}

/**
 * Return a value that follows *value* once it has been still for a while.
 *
 * @template T
 * @param {T} value
 * @param {number} [ms]
 * @returns {T}
 */
export function useSettled(value, ms = 150) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/**
 * Run something that an operator started; tells whether it still runs, shows what went wrong. What
 * is started meanwhile, as by a second press of a key, is left out.
 *
 * @template {unknown[]} A
 * @param {(...args: A) => Promise<void>} act
 * @param {(error: unknown) => void} onError
 * @returns {[boolean, (...args: A) => Promise<void>]}
 */
export function useAction(act, onError) {
  const [busy, setBusy] = useState(false);
  const runs = useRef(false); // at once; `busy` is known when it is drawn
  const run = async (/** @type {A} */ ...args) => {
    if (runs.current) return;
    runs.current = true;
    setBusy(true);
    try {
      await act(...args);
    } catch (error) {
      onError(error);
    } finally {
      runs.current = false;
      setBusy(false);
    }
  };
  return [busy, run];
}
