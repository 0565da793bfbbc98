"""WebSocket framing (RFC 6455), without I/O: bytes ↔ whole messages.

Own code because libcurl's framing hides what a refused upgrade says, and reads on without limit.
"""

import secrets
from collections.abc import Iterator
from enum import IntEnum

from msgspec import Struct

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes, over all frames of a message (`upstream-protocol.md` 2.12)."""
NORMAL_CLOSURE = 1000

_FIN, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_LONGEST_CONTROL = 125
_CONTROL = 0x8


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class FrameError(Exception):
    """The peer does not keep to the protocol; nothing more can be read."""


class MessageTooLong(FrameError):
    """A message passed the limit."""


class Frame(Struct, frozen=True):
    """A whole message, or a control frame."""

    opcode: Opcode
    data: bytes

    @property
    def close_code(self) -> int | None:
        """The reason of a closing frame; None: it gives none."""
        return int.from_bytes(self.data[:2], "big") if len(self.data) > 1 else None


class FrameReader:
    """Cuts what a server sends into messages; the result does not depend on the chunks."""

    def __init__(self, *, max_message: int = MAX_MESSAGE) -> None:
        self._max = max_message
        self._buffer = bytearray()
        self._begun = bytearray()
        """Of a message in several frames; not a list of them, for one byte each would fill it."""
        self._kind: Opcode | None = None
        """Of the message that has begun; None between messages."""

    @property
    def held(self) -> int:
        """Bytes that wait for more."""
        return len(self._buffer) + len(self._begun)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the messages and control frames that *data* completes.

        Raises:
            FrameError: What follows is not what a server may send, or too long.
        """
        self._buffer += data
        while (cut := self._header()) is not None:
            start, end = cut
            if len(self._buffer) < end:
                break
            first, payload = self._buffer[0], bytes(self._buffer[start:end])
            del self._buffer[:end]
            if (frame := self._frame(first, payload)) is not None:
                yield frame

    def _header(self) -> tuple[int, int] | None:
        """Return where the next frame's payload begins and ends, once that is known."""
        buffer = self._buffer
        if len(buffer) < 2:  # noqa: PLR2004 - the shortest header
            return None
        if buffer[0] & _RESERVED or buffer[1] & _MASKED:
            raise FrameError("reserved bits or a masked frame")
        size, start = buffer[1] & _LENGTH, 2
        if buffer[0] & _CONTROL and (size > _LONGEST_CONTROL or not buffer[0] & _FIN):
            raise FrameError("a long or split control frame")
        if size >= _TWO_BYTES:
            start = 4 if size == _TWO_BYTES else 10
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
        if size + len(self._begun) > self._max:
            raise MessageTooLong
        return start, start + size

    def _frame(self, first: int, payload: bytes) -> Frame | None:
        try:
            opcode = Opcode(first & _OPCODE)
        except ValueError as error:
            raise FrameError("unknown opcode") from error
        if opcode & _CONTROL:
            return Frame(opcode, payload)
        if (opcode is Opcode.CONTINUATION) != (self._kind is not None):
            raise FrameError("a message inside another, or the end of none")
        kind = self._kind = self._kind or opcode
        if not first & _FIN:
            self._begun += payload
            return None
        whole = bytes(self._begun) + payload if self._begun else payload
        self._begun, self._kind = bytearray(), None
        return Frame(kind, whole)


def encode(opcode: Opcode, data: bytes, *, mask: bytes | None = None) -> bytes:
    """Render one final frame as a client sends it.

    Args:
        opcode: What it is.
        data: Payload.
        mask: Four bytes; None: random ones, as the RFC demands.
    """
    mask = mask or secrets.token_bytes(4)
    size = len(data)
    if size < _TWO_BYTES:
        head = bytes((_FIN | opcode, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((_FIN | opcode, _MASKED | _TWO_BYTES)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FIN | opcode, _MASKED | _EIGHT_BYTES)) + size.to_bytes(8, "big")
    return head + mask + _masked(data, mask)


def _masked(data: bytes, mask: bytes) -> bytes:
    key = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(len(data), "big")
