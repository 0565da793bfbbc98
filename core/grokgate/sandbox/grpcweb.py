"""gRPC-web frames and the few protobuf fields they hold here (upstream-protocol.md 8.3)."""

import base64
from collections.abc import Iterator
from urllib.parse import quote

from msgspec import Struct

from grokgate.sandbox.faults import Action
from grokgate.sandbox.faults_media import Grpc
from grokgate.sandbox.request import Reply

CONTENT_TYPE = "application/grpc-web+proto"
EMPTY = bytes(5)
"""The frame of a message without fields."""


class GrpcError(Exception):
    """A call that is answered with a status other than 0."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Field(Struct, frozen=True):
    """One field of a protobuf message."""

    number: int
    value: int | bytes
    """Bytes of anything but a varint."""


def frame(payload: bytes, *, flag: int = 0) -> bytes:
    """Put a payload into a frame."""
    return bytes((flag,)) + len(payload).to_bytes(4) + payload


def message_of(body: bytes) -> bytes:
    """Take the message out of a request.

    Raises:
        GrpcError: It is no single uncompressed frame.
    """
    if len(body) < len(EMPTY) or body[0] or len(body) != 5 + int.from_bytes(body[1:5]):
        raise GrpcError(13, "failed to decode protobuf")
    return body[5:]


def fields_of(message: bytes) -> Iterator[Field]:
    """Take a message apart.

    Raises:
        GrpcError: It is no protobuf.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        match key & 7:
            case 0:
                value, at = _varint(message, at)
                yield Field(key >> 3, value)
            case 1 | 2 | 5 as kind:
                size, at = _varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)  # noqa: PLR2004 - wire types of protobuf
                if at + size > len(message):
                    raise _undecodable()
                yield Field(key >> 3, message[at : at + size])
                at += size
            case _:
                raise _undecodable()


def varint(value: int) -> bytes:
    """Write a number in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*groups, value))


def number_field(number: int, value: int) -> bytes:
    """Write a field that holds a number."""
    return varint(number << 3) + varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """Write a field that holds text or a message."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def answer(message: bytes, actions: tuple[Action, ...]) -> Reply:
    """Answer a call with *message*, or as a knob has it."""
    knob = next((action for action in actions if isinstance(action, Grpc)), None)
    if knob is None:
        return _reply(frame(message) + _trailers(0))
    if knob.place == "header":
        return fail(GrpcError(knob.status, knob.message), place="header")
    ending = b"" if knob.place == "missing" else _trailers(knob.status, knob.message)
    match knob.form:
        case "plain":
            return _reply((frame(message) if knob.status == 0 else b"") + ending)
        case "text":
            parts = [base64.b64encode(part) for part in (frame(message), ending)]
            return Reply(content_type="application/grpc-web-text+proto", body=b"".join(parts))
        case "compressed":
            return _reply(frame(message, flag=1) + ending)
        case "truncated":
            return _reply(b"\0\0\0\0\x05\n")


def fail(error: GrpcError, *, place: str = "trailer") -> Reply:
    """Answer a call with the status of *error*."""
    if place == "trailer":
        return _reply(_trailers(error.status, str(error)))
    headers = {"grpc-status": str(error.status), "grpc-message": quote(str(error))}
    return Reply(content_type=CONTENT_TYPE, headers=headers)


def _reply(body: bytes) -> Reply:
    return Reply(content_type=CONTENT_TYPE, body=body)


def _trailers(status: int, message: str = "") -> bytes:
    text = f"grpc-status: {status}\r\n"
    if status:
        text += f"grpc-message: {quote(message)}\r\n"
    return frame(text.encode(), flag=0x80)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        if at + index >= len(message):
            break
        group = message[at + index]
        value |= (group & 0x7F) << 7 * index
        if group < 0x80:  # noqa: PLR2004 - the last group
            return value, at + index + 1
    raise _undecodable()


def _undecodable() -> GrpcError:
    return GrpcError(13, "failed to decode protobuf")
