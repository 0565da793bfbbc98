// A wait that counts down.

import { useEffect, useState } from "../../lib/preact.js";

/**
 * Return the seconds left, and what starts a wait of so many seconds; 0 while nobody has to wait.
 *
 * @returns {[number, (seconds: number) => void]}
 */
export function useWait() {
  const [endsAt, setEndsAt] = useState(0);
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (!endsAt) return undefined;
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
      setLeft(seconds);
      if (!seconds) setEndsAt(0);
    };
    tick();
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [endsAt]);
  return [
    left,
    (seconds) => {
      setLeft(Math.ceil(seconds));
      setEndsAt(performance.now() + seconds * 1000);
    },
  ];
}
