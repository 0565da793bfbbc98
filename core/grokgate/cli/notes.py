"""What commands have to say besides their result: short lines on standard error."""

import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_SHOWN = frozenset({"warning", "error", "exception", "critical"})


def note(text: str) -> None:
    """Print a line beside the result."""
    print(f"grokgate: {text}", file=sys.stderr)


def terminal_log() -> Any:
    """Make a logger whose warnings and errors become one readable line each, without tracebacks."""
    seen: set[str] = set()

    def show(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
        text = _sentence(dict(event))
        if method in _SHOWN and text not in seen:
            seen.add(text)
            note(text)
        raise structlog.DropEvent

    return structlog.wrap_logger(None, processors=[show])


def silent_log() -> Any:
    """Make a logger for commands whose result tells all that would be logged."""

    def drop(_: WrappedLogger, __: str, ___: EventDict) -> EventDict:
        raise structlog.DropEvent

    return structlog.wrap_logger(None, processors=[drop])


def _sentence(event: EventDict) -> str:
    name = str(event.pop("event")).replace("_", " ")
    event.pop("exc_info", None)
    fields = ", ".join(f"{field} {value}" for field, value in event.items() if field != "detail")
    return ": ".join(part for part in (name, fields, str(event.get("detail", ""))) if part)
