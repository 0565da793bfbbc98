"""How far a long command has come: one line on the terminal that is written over."""

import sys
import time

_EVERY_S = 0.1


class Progress:
    """Shows a share; nothing where standard error is no terminal.

    Args:
        what: Is being worked on.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = sys.stderr.isatty()
        self._next_s = 0.0

    def show(self, share: float) -> None:
        """Show that *share*, 0 to 1, is done."""
        now = time.monotonic()
        if self._shown and now >= self._next_s:
            self._next_s = now + _EVERY_S
            print(f"\r\x1b[K{self._what}: {share:.0%}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Leave the line as if nothing had been there."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
