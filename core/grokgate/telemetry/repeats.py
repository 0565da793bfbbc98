"""Keeps a defect that strikes again and again from filling the log (F31)."""

from collections.abc import Callable
from typing import Any, TypeAlias

Put: TypeAlias = Callable[[dict[str, Any]], None]

MOST = 10
"""Identical errors that are logged within `SPAN_S`."""
SPAN_S = 10.0
_ERRORS = frozenset({"error", "critical"})
_KINDS = 1000


class Repeats:
    """Passes events on, of identical errors only the first ten in ten seconds.

    The first one after that says how many were left out. Errors are identical if they have the
    same name, logger, plugin and last line of traceback. May be called from any thread.

    Args:
        put: Gets what passes.
    """

    def __init__(self, put: Put) -> None:
        self._put = put
        self._seen: dict[tuple[str, ...], tuple[float, int]] = {}
        """By kind of error: when its span began, and how many came in it."""

    def __call__(self, event: dict[str, Any]) -> None:
        """Pass *event* on, or leave it out."""
        if event["level"] not in _ERRORS:
            self._put(event)
            return
        kind = _kind(event)
        began_at, count = self._seen.get(kind, (event["time"], 0))
        over = not 0 <= event["time"] - began_at < SPAN_S
        if not over and count >= MOST:
            self._seen[kind] = began_at, count + 1
            return
        if len(self._seen) >= _KINDS:
            self._seen.clear()
        self._seen[kind] = (event["time"], 1) if over else (began_at, count + 1)
        self._put({**event, "left_out": count - MOST} if over and count > MOST else event)


def _kind(event: dict[str, Any]) -> tuple[str, ...]:
    traceback = str(event.get("exception", ""))
    last_line = traceback[traceback.rfind("\n") + 1 :]
    return event["msg"], event["caller"], str(event.get("plugin", "")), last_line
