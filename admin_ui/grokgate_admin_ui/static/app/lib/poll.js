// Loading of what a page shows, once or again and again.

import { signal, useCallback, useEffect, useRef, useState } from "./preact.js";

/** How many parts of the page wait for what they show first. */
export const waiting = signal(0);

/** Milliseconds after which a repeated load overtakes one that has not been answered. */
const PATIENCE_MS = 30_000;

/**
 * @template T
 * @typedef {{data: T | undefined, error: unknown, loading: boolean, reload: () => Promise<void>,
 *   replace(data: T): void}} Load Replace: shows what another call answered, and drops what
 *   is under way.
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
  const begunAt = useRef(0);
  const isGone = useRef(false);

  const reload = useCallback(async () => {
    if (isGone.current) return;
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
  }, []);
  const replace = useCallback((/** @type {T} */ data) => {
    running.current?.abort();
    setState({ data, error: null, loading: false });
  }, []);
  useEffect(
    () => () => {
      isGone.current = true;
    },
    [],
  );

  const waits = enabled && state.data === undefined && !state.error;
  useEffect(() => {
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
 * Run something that an operator started; tells whether it still runs, shows what went wrong.
 *
 * @template {unknown[]} A
 * @param {(...args: A) => Promise<void>} act
 * @param {(error: unknown) => void} onError
 * @returns {[boolean, (...args: A) => Promise<void>]}
 */
export function useAction(act, onError) {
  const [busy, setBusy] = useState(false);
  const run = async (/** @type {A} */ ...args) => {
    setBusy(true);
    try {
      await act(...args);
    } catch (error) {
      onError(error);
    } finally {
      setBusy(false);
    }
  };
  return [busy, run];
}
