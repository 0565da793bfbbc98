"""Reads multipart forms without holding them in memory (S17, `openai-contract.md` 6).

Texts stay in memory and are bounded. Files go to disk beyond their first bytes, within the room
that all spools of the process share. A part is a file when it has a ``filename``, even an empty
one, a content type other than text, or the name of a file field: Bun sends ``filename=""``.
"""

import re
from collections.abc import AsyncIterable, Callable, Collection, Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct
from multipart import (  # type: ignore[import-untyped]  # it has no types
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from grokgate.errors import (
    BodyTooLarge,
    InvalidRequest,
    StoreUnavailable,
    UnsupportedMediaType,
)
from grokgate.plugin.form import Form
from grokgate.spool import Room, Spool
from grokgate.upstream import Blob

_PARTS: Final = 64
_TEXT_BYTES: Final = 256 << 10
"""What the texts of one form may have together."""
_MEMORY_BYTES: Final = 64 << 10
"""What a file has in memory before it goes to disk."""
_TYPE: Final = "multipart/form-data"
_NAME_CHARS: Final = 200
_MB: Final = 1 << 20


class Forms:
    """Reads the forms of one process.

    Args:
        folder: Where files are spooled, without names; made on first use.
        file_mb: Largest file of a form now, MB.
        room: What all of them may take.
    """

    def __init__(self, folder: Path, *, file_mb: Callable[[], float], room: Room) -> None:
        self._folder = folder
        self._file_mb = file_mb
        self._room = room

    async def read(
        self, content_type: str, body: AsyncIterable[bytes], *, file_fields: Collection[str]
    ) -> Form:
        """Read *body* to its end (`grokgate.plugin.Forms`)."""
        media_type, options = parse_options_header(content_type)
        if media_type != _TYPE:
            raise UnsupportedMediaType(f"This endpoint takes {_TYPE}.")
        reading = _Reading(
            lambda: Spool(self._folder, memory_bytes=_MEMORY_BYTES, room=self._room),
            file_fields=file_fields,
            file_mb=self._file_mb(),
        )
        try:
            with PushMultipartParser(
                options.get("boundary", ""), max_segment_count=_PARTS
            ) as parser:
                async for piece in body:
                    if piece:
                        await reading.take(parser.parse(piece))
        except ParserLimitReached:
            raise _malformed(f"The form has over {_PARTS} parts, or overlong headers.") from None
        except MultipartError:
            raise _malformed("The multipart body is malformed.") from None
        except OSError as error:
            raise StoreUnavailable from error
        return Form(texts=tuple(reading.texts), files=tuple(reading.files))


class _Part(Struct):
    """The part that is being read."""

    name: str
    filename: str
    spool: Spool | None
    """None: it is a text."""
    text: bytearray


class _Reading:
    """Collects the parts of one form."""

    def __init__(
        self, spool: Callable[[], Spool], *, file_fields: Collection[str], file_mb: float
    ) -> None:
        self._spool = spool
        self._file_fields = file_fields
        self._file_mb = file_mb
        self._text_bytes = 0
        self._part: _Part | None = None
        self.texts: list[tuple[str, str]] = []
        self.files: list[tuple[str, Blob]] = []

    async def take(self, events: Iterable[MultipartSegment | bytes | None]) -> None:
        """Take the parser's events: the head of a part, its pieces, None at its end."""
        for event in events:
            if isinstance(event, MultipartSegment):
                self._part = self._begin(event)
                continue
            assert self._part is not None
            if event is None:
                await self._end(self._part)
            elif self._part.spool is None:
                self._add_text(self._part, event)
            else:
                await self._add(self._part, self._part.spool, event)

    def _begin(self, head: MultipartSegment) -> _Part:
        kind = head.content_type or ""
        is_file = (
            head.filename is not None
            or head.name in self._file_fields
            or bool(kind and not kind.startswith("text/"))
        )
        return _Part(
            name=head.name,
            filename=head.filename or "",
            spool=self._spool() if is_file else None,
            text=bytearray(),
        )

    def _add_text(self, part: _Part, piece: bytes) -> None:
        self._text_bytes += len(piece)
        if self._text_bytes > _TEXT_BYTES:
            raise BodyTooLarge("The texts of the form are too long.")
        part.text += piece

    async def _add(self, part: _Part, spool: Spool, piece: bytes) -> None:
        await spool.write(piece)
        if spool.size > self._file_mb * _MB:
            raise BodyTooLarge(
                f"A file may have at most {self._file_mb:g} MB.",
                code="file_too_large",
                param=part.name or None,
            )

    async def _end(self, part: _Part) -> None:
        if part.spool is not None:
            name = base_name(part.filename)
            self.files.append((part.name, await part.spool.to_blob(name=name)))
            return
        try:
            self.texts.append((part.name, part.text.decode()))
        except UnicodeDecodeError:
            raise _malformed("A text of the form is not UTF-8.", param=part.name) from None


def base_name(filename: str) -> str:
    """Return a client's file name without folders and unprintable characters (S11, S16)."""
    base = re.split(r"[/\\]", filename)[-1]
    base = "".join(char for char in base if char.isprintable()).strip(". ")
    return base[-_NAME_CHARS:] or "file"


def _malformed(message: str, *, param: str | None = None) -> InvalidRequest:
    is_shown = param is not None and param.isprintable()
    return InvalidRequest(message, param=param[:_NAME_CHARS] if is_shown and param else None)
