"""How one log event is written: as JSON for programs, readable for people."""

import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TextIO, TypeAlias

import msgspec

from grokgate.telemetry.redact import MASK

Event: TypeAlias = Mapping[str, Any]
"""A redacted event; its first fields are those of `HEAD`."""

HEAD = ("time", "level", "caller", "msg")
LINE_BYTES = 64 * 1024
_SHORT_CHARS = 1000
_UNSEEN = (*range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Controls beyond ASCII, line separators, and marks that turn the direction of what follows."""
_ESCAPED = {char: f"\\u{char:04x}" for char in _UNSEEN}
_MASKED = dict.fromkeys([*range(0x09), *range(0x0B, 0x20), *_UNSEEN], MASK)


class Outlet(Protocol):
    """Somewhere lines go; used by the writing thread only."""

    def write(self, events: Sequence[Event]) -> None:
        """Write all *events*, or lose them: nothing is raised."""
        ...

    def close(self) -> None:
        """Release what is held open."""
        ...


class Terminal:
    """Prints to a text stream that somebody else opened and closes.

    Other processes may print to it too: lines are handed on in pieces that a pipe takes whole.
    """

    def __init__(self, stream: TextIO, render: Callable[[Event], str]) -> None:
        self._stream = stream
        self._render = render

    def write(self, events: Sequence[Event]) -> None:
        """Print one line for each event."""
        try:
            for piece in _pieces([f"{self._render(event)}\n" for event in events]):
                self._stream.write(piece)
                self._stream.flush()
        except (OSError, ValueError):
            # Closed, or gone with its terminal: there is nowhere left to say so.
            return

    def close(self) -> None:
        """Leave the stream to its owner."""


def _pieces(lines: Sequence[str]) -> Iterator[str]:
    """Put lines together as long as they are few bytes; a longer line is a piece of its own."""
    piece, size = "", 0
    for line in lines:
        more = len(line.encode())
        if piece and size + more > select.PIPE_BUF:
            yield piece
            piece, size = "", 0
        piece, size = piece + line, size + more
    if piece:
        yield piece


def json_line(event: Event) -> str:
    """Render *event* on one line; one that is too long keeps only what identifies it."""
    line = msgspec.json.encode(event)
    if len(line) > LINE_BYTES:
        kept = {name: event[name] for name in (*HEAD, "request_id") if name in event}
        text = str(event["msg"])[:_SHORT_CHARS]
        line = msgspec.json.encode({**kept, "msg": text, "truncated": True})
    return line.decode().translate(_ESCAPED)


def readable_line(event: Event) -> str:
    """Render *event* for a terminal; a traceback follows on lines of its own."""
    head = f"{event['time']} {event['level']:<8}{event['caller']} - {event['msg']}"
    line = masked_line(head + readable_fields(event))
    if exception := event.get("exception"):
        line = f"{line}\n{exception}"
    return line.translate(_MASKED)


def masked_line(text: str) -> str:
    """Return *text* on one line, without characters that a terminal or a page would obey."""
    return text.replace("\n", MASK).translate(_MASKED)


def readable_fields(event: Event) -> str:
    """Render the fields of *event* but for the first ones and a traceback; each after a blank."""
    return "".join(
        f" {name}={value}"
        for name, value in event.items()
        if name not in (*HEAD, "exception") and value is not None
    )
