"""Splits an answer into JSON objects, one per line or glued (`upstream-protocol.md` 2.2).

Whole lines that arrived together are decoded in one call. Where that fails they are taken one by
one, and within a line object by object, so that a bad one costs only itself. The result does not
depend on how the bytes were cut into chunks.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from grokgate_web.decode.drift import Paths

MAX_LINE = 8 * 1024 * 1024
"""Bytes."""

T = TypeVar("T", bound=msgspec.Struct)

_BRACES = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}]', re.DOTALL)
"""Strings are matched whole, so that braces inside them do not count."""
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class LineTooLong(Exception):
    """A line passed the limit; the answer cannot be read further."""


class LineDecoder(Generic[T]):
    """Turns chunks of bytes into objects of one type.

    An object with a field of the wrong type, or one that is news where news is forbidden, keeps its
    other fields.
    """

    def __init__(self, kind: type[T], *, max_line: int = MAX_LINE) -> None:
        self._kind = kind
        self._decoder = _decoder_of(kind)
        self._max_line = max_line
        self._pending = bytearray()
        """Of a line that has begun; not a list of chunks, for one byte each would fill it."""
        self.done = False
        """The upstream's ``[DONE]`` was read; what follows is ignored."""
        self.seen = False
        """A line of any kind was read."""
        self.drift = Paths()
        """What was skipped: ``line``, or the path of a field."""

    def feed(self, chunk: bytes) -> list[T]:
        """Decode the lines that *chunk* completes.

        Raises:
            LineTooLong: A line, complete or not, is over the limit.
        """
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._keep(chunk)
            return []
        self._check(chunk[:end])
        block = self._take() + chunk[:end]
        self._keep(chunk[end:])
        return self._decode(block)

    def finish(self) -> list[T]:
        """Decode what came after the last line end."""
        block = self._take()
        return self._decode(block) if block else []

    @property
    def held(self) -> int:
        """Bytes that wait for the end of their line."""
        return len(self._pending)

    def _take(self) -> bytes:
        if not self._pending:
            return b""
        taken, self._pending = bytes(self._pending), bytearray()
        return taken

    def _keep(self, rest: bytes) -> None:
        if len(self._pending) + len(rest) > self._max_line:
            raise LineTooLong
        self._pending += rest

    def _check(self, lines: bytes) -> None:
        """Refuse complete lines over the limit; only a long input can hold one."""
        if len(self._pending) + len(lines) <= self._max_line:
            return
        first, *others = lines.split(b"\n")
        if len(self._pending) + len(first) > self._max_line or any(
            len(line) > self._max_line for line in others
        ):
            raise LineTooLong

    def _decode(self, block: bytes) -> list[T]:
        if self.done:
            return []
        self.seen = True
        if _is_plain(block):
            try:
                return self._decoder.decode_lines(block)
            except _UNREADABLE:
                pass
        return list(self._one_by_one(block))

    def _one_by_one(self, block: bytes) -> Iterator[T]:
        for raw in block.split(b"\n"):
            line = raw.strip().removeprefix(b"data:").lstrip()
            if line == b"[DONE]":
                self.done = True
                return
            yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[T]:
        if not line.startswith(b"{"):
            if line and not line.startswith((b"event:", b"id:", b"retry:", b":")):
                self.drift.add("line")
            return
        try:
            yield self._decoder.decode(line)
        except _UNREADABLE:
            if (fields := _fields(line)) is not None:
                yield self._lenient(fields)
            else:
                yield from self._objects(line)

    def _objects(self, line: bytes) -> Iterator[T]:
        for piece in _balanced(line):
            try:
                yield self._decoder.decode(piece)
            except _UNREADABLE:
                if (fields := _fields(piece)) is not None:
                    yield self._lenient(fields)
                else:
                    self.drift.add("line")

    def _lenient(self, fields: dict[str, Any]) -> T:
        item: T = self._convert(_shape_of(self._kind), fields, "")
        return item

    def _convert(self, shape: "_Shape", fields: dict[str, Any], path: str) -> Any:
        if shape.strict:
            self.drift.compare(fields, shape.fields.keys(), path)
        kept: dict[str, Any] = {}
        for name, value in fields.items():
            field = shape.fields.get(name)
            if field is None or field.hint is msgspec.Raw:
                continue
            if field.nested is not None and isinstance(value, dict):
                kept[field.name] = self._convert(_shape_of(field.nested), value, f"{path}{name}.")
                continue
            try:
                kept[field.name] = msgspec.convert(value, field.hint)
            except _UNREADABLE:
                self.drift.add(path + name)
        return shape.kind(**kept)


def _fields(piece: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(piece, type=dict[str, Any])
    except _UNREADABLE:
        return None


def _is_plain(block: bytes) -> bool:
    """Tell whether every line is delimited by braces, so that no object spans two lines.

    After a closing brace inside an object JSON allows no opening one, hence the exact answer.
    """
    return (
        block.startswith(b"{")
        and block.endswith(b"}\n")
        and block.count(b"}\n{") + 1 == block.count(b"\n")
    )


def _balanced(line: bytes) -> Iterator[bytes]:
    """Cut a line into its top-level objects, minding strings and escapes."""
    start, depth = 0, 0
    for token in _BRACES.finditer(line):
        if token[0] == b"{":
            start = start if depth else token.start()
            depth += 1
        elif token[0] == b"}" and depth:
            depth -= 1
            if not depth:
                yield line[start : token.end()]


@cache
def _decoder_of(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Make a decoder once: that costs as much as decoding dozens of lines."""
    return msgspec.json.Decoder(kind)


class _Field(msgspec.Struct, frozen=True):
    name: str
    hint: Any
    nested: type[msgspec.Struct] | None
    """The struct it holds, if it holds one."""


class _Shape(msgspec.Struct, frozen=True):
    kind: type[msgspec.Struct]
    strict: bool
    """A field that is not listed is news."""
    fields: dict[str, _Field]
    """By their names on the wire."""


@cache
def _shape_of(kind: type[msgspec.Struct]) -> _Shape:
    """Look at a struct once: that costs more than converting a line."""
    hints = get_type_hints(kind)
    fields = {
        info.encode_name: _Field(info.name, hints[info.name], _struct_in(hints[info.name]))
        for info in msgspec.structs.fields(kind)
    }
    return _Shape(kind, kind.__struct_config__.forbid_unknown_fields, fields)


def _struct_in(annotation: Any) -> type[msgspec.Struct] | None:
    """Return the struct an optional field holds, if it holds one."""
    options = getattr(annotation, "__args__", (annotation,))
    return next(
        (item for item in options if isinstance(item, type) and issubclass(item, msgspec.Struct)),
        None,
    )
