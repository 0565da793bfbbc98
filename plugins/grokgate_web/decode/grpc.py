"""gRPC-web answers and the protobuf fields in them (`upstream-protocol.md` 8.3, 8.4)."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from msgspec import Struct

HTTP_STATUSES: Mapping[int, int] = {16: 401, 7: 403, 8: 429, 4: 504, 14: 503}
"""What a status is judged as; any other one but 0 as 502."""

_HEAD = 5
_COMPRESSED = 0x01
_TRAILERS = 0x80
_MORE = 0x80
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


class GrpcAnswer(Struct, frozen=True, kw_only=True):
    """One answer, whatever it was wrapped in."""

    message: bytes
    """Empty where there was none."""
    status: int
    """0: success."""
    text: str
    """Of the status; untrusted, and neither for clients nor for the log."""


def read_answer(body: bytes, headers: Mapping[str, str]) -> GrpcAnswer:
    """Take an answer out of its frames; a status told nowhere is success.

    Args:
        body: Whole.
        headers: Of HTTP, keys in lower case; they may tell the status in place of the body.

    Raises:
        ValueError: Not frames, compressed, or cut short; never repeats their content.
    """
    if headers.get("content-type", "").startswith("application/grpc-web-text"):
        body = _from_text(body)
    message, told = b"", dict(headers)
    for flag, payload in _frames(body):
        if flag & _COMPRESSED:
            raise ValueError("the answer is compressed")
        if flag & _TRAILERS:
            told |= _trailers(payload)
        else:
            message += payload
    status = told.get("grpc-status", "0").strip()
    if not re.fullmatch(r"[0-9]{1,3}", status):
        raise ValueError("the answer's status is no number")
    return GrpcAnswer(
        message=message, status=int(status), text=unquote(told.get("grpc-message", ""))
    )


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field: numbers of varints, bytes of everything else.

    Raises:
        ValueError: Not a message, or cut short.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED_32, _FIXED_64):
            size = 4 if kind == _FIXED_32 else 8
        else:
            raise ValueError("the message has a field of unknown form")
        if at + size > len(message):
            raise ValueError("the message is cut short")
        yield key >> 3, message[at : at + size]
        at += size


def _frames(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        end = at + _HEAD + int.from_bytes(body[at + 1 : at + _HEAD], "big")
        if len(body) < at + _HEAD or len(body) < end:
            raise ValueError("the answer is cut short")
        yield body[at], body[at + _HEAD : end]
        at = end


def _from_text(body: bytes) -> bytes:
    """Decode base64 that may consist of several texts, each with its own padding."""
    bare = b"".join(body.split())
    try:
        pieces = re.findall(rb"[^=]+={0,2}", bare)
        return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
    except binascii.Error:
        raise ValueError("the answer is no base64") from None


def _trailers(payload: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in payload.decode("latin-1").split("\r\n"))
    return {name.strip().lower(): value.strip() for name, _, value in lines if name.strip()}


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            break
        byte, at = message[at], at + 1
        value |= (byte & ~_MORE) << shift
        if not byte & _MORE:
            return value, at
    raise ValueError("the message has an endless number")
