"""Events in their encoded form, numbered as they are written."""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from grokgate.openai import encode_text, escape
from grokgate_responses.answer.events import OutputTextDelta, ResponseEvent, SummaryDelta
from grokgate_responses.request.ids import NewId

Delta: TypeAlias = OutputTextDelta | SummaryDelta

_SAMPLE_NUMBER = b'"sequence_number":0,'
_SAMPLE_TEXT = b'"delta":""'


class Emitted(Struct, frozen=True, kw_only=True):
    """One event, ready to be sent."""

    name: str
    """Its type."""
    body: bytes
    """Its JSON object, on one line."""


def to_frame(event: Emitted) -> bytes:
    """Render *event* as a whole frame of server-sent events."""
    return b"event: %b\ndata: %b\n\n" % (event.name.encode(), event.body)


class Encoder:
    """Collects the events of one turn.

    Args:
        new_id: Makes the ids of items.
        silent: Encode nothing, for replies that are not streamed.
    """

    def __init__(self, new_id: NewId, *, silent: bool = False) -> None:
        self.new_id = new_id
        self.silent = silent
        self._next = 0
        self._written: list[Emitted] = []

    def number(self) -> int:
        """Return the next event's sequence number; each is given once."""
        number, self._next = self._next, self._next + 1
        return number

    def put(self, event: ResponseEvent) -> None:
        """Write *event*, which carries the last number given."""
        if not self.silent:
            self._written.append(encoded(event))

    def put_body(self, name: str, body: bytes) -> None:
        """Write an event that is encoded already."""
        self._written.append(Emitted(name=name, body=body))

    def take(self) -> list[Emitted]:
        """Return what was written since the last time."""
        written, self._written = self._written, []
        return written


class DeltaWriter:
    """Writes pieces of one text; a piece encodes only itself.

    Args:
        out: Where to.
        sample: The event with number 0 and no text.
    """

    def __init__(self, out: Encoder, sample: Delta) -> None:
        self._out = out
        self._name = type_of(sample)
        head, self._after = msgspec.json.encode(sample).split(_SAMPLE_TEXT)
        before, after = head.split(_SAMPLE_NUMBER)
        self._before = before + b'"sequence_number":'
        self._between = b"," + after + b'"delta":'

    def write(self, text: str) -> None:
        """Write the next piece; *text* is not empty."""
        if self._out.silent:
            return
        number = b"%d" % self._out.number()
        body = self._before + number + self._between + encode_text(text) + self._after
        self._out.put_body(self._name, body)


def encoded(event: ResponseEvent) -> Emitted:
    """Encode one event."""
    return Emitted(name=type_of(event), body=escape(msgspec.json.encode(event)))


def type_of(event: ResponseEvent) -> str:
    """Return the name of an event's type."""
    return str(event.__struct_config__.tag)


def clean(text: str) -> str:
    """Return *text* with lone surrogates replaced, as `DeltaWriter` writes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
