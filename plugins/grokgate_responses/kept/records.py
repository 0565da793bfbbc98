"""The form in which a turn lies in the store: MessagePack, compressed before it is sealed."""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import anyio.to_thread
import msgspec
from msgspec import Struct

from grokgate.errors import BodyTooLarge, InvalidRequest
from grokgate_responses.answer.encode import Emitted
from grokgate_responses.answer.objects import ResponseObject
from grokgate_responses.request.item_parts import STORED, JsonPart, replaced
from grokgate_responses.request.items import Item

T = TypeVar("T")

_LEVEL: Final = 1
"""Of the compression: the higher ones take several times as long for some per cent."""
_LARGE: Final = 128 << 10
"""Bytes from which the work goes to a thread."""
_UNLISTED: Final = frozenset({STORED, "mime", "name", "result", "image_url", "file_data"})
"""Fields of attachments: their contents, and where those lie."""
_MOST: Final = 64 << 20
"""Bytes of a record before it is compressed: about what one request may bring along. A chain could
grow without end otherwise, for text of one letter takes hardly any room.
"""
_TERMINAL: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})


class Record(Struct, frozen=True, kw_only=True):
    """One turn with its whole context, so that it depends on no earlier record."""

    response: ResponseObject
    context: tuple[dict[str, Any], ...] = ()
    """Items of the turns before, oldest first."""
    items: tuple[dict[str, Any], ...] = ()
    """Its own input."""
    affinity: str | None = None
    """Name of the conversation."""


class Recorded(Struct, frozen=True, kw_only=True):
    """Consecutive events of one turn."""

    first: int
    """Sequence number of the oldest."""
    events: tuple[Emitted, ...]

    @property
    def is_whole(self) -> bool:
        """Whether the turn has ended with them."""
        return bool(self.events) and self.events[-1].name in _TERMINAL

    def after(self, number: int) -> tuple[Emitted, ...]:
        """Return the events later than *number*.

        Raises:
            InvalidRequest: Some of them are gone.
        """
        if number + 1 < self.first:
            raise events_gone()
        return self.events[number + 1 - self.first :]


def without_contents(item: Item) -> Item:
    """Return *item* as it is listed: what it attaches is named, but neither sent nor located."""
    return replaced(item, _bare)


def _bare(part: JsonPart) -> JsonPart:
    return {field: value for field, value in part.items() if field not in _UNLISTED}


def events_gone() -> InvalidRequest:
    """Say that a reader asks for events that were too many to be held."""
    return InvalidRequest(
        "The events after that one are not recorded any more.",
        code="unsupported_value",
        param="starting_after",
    )


async def pack(value: object) -> bytes:
    """Return *value* as it is to be stored.

    Raises:
        BodyTooLarge: It is too much to be read again with every later turn.
    """
    encoded = msgspec.msgpack.encode(value)
    if len(encoded) > _MOST:
        raise BodyTooLarge("The conversation is too large to be stored.")
    return await _beside(partial(zlib.compress, encoded, _LEVEL), size=len(encoded))


async def unpack(packed: bytes, kind: type[T]) -> T:
    """Return what `pack` packed."""
    return await _beside(partial(_unpacked, packed, kind), size=len(packed))


def _unpacked(packed: bytes, kind: type[T]) -> T:
    encoded = zlib.decompressobj().decompress(packed, _MOST)
    return msgspec.msgpack.decode(encoded, type=kind)


async def _beside(work: Callable[[], T], *, size: int) -> T:
    """Do *work*, in a thread where it would hold up the others."""
    return await anyio.to_thread.run_sync(work) if size >= _LARGE else work()
