"""Where a fetched body goes while its length is unknown: memory first, then a nameless file."""

import re
import threading
import weakref
from collections.abc import AsyncGenerator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from anyio import to_thread

from grokgate.upstream import Blob

MEMORY_BYTES = 1 << 20
_PIECE_BYTES = 1 << 20
_HEAD_BYTES = 64

_SIGNATURES = tuple(
    (re.compile(pattern, re.DOTALL), mime)
    for pattern, mime in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBP", "image/webp"),
        (rb"RIFF....WAVE", "audio/wav"),
        (rb"....ftypavif", "image/avif"),
        (rb"....ftyphei[cx]", "image/heic"),
        (rb"....ftypM4A ", "audio/mp4"),
        (rb"....ftyp", "video/mp4"),
        (rb"\x1aE\xdf\xa3", "video/webm"),
        (rb"%PDF-", "application/pdf"),
        (rb"PK\x03\x04", "application/zip"),
        (rb"ID3|\xff[\xf2\xf3\xfb]", "audio/mpeg"),
        (rb"OggS", "audio/ogg"),
        (rb"fLaC", "audio/flac"),
    )
)


def sniff(head: bytes) -> str:
    """Return the media type the first bytes show; ``application/octet-stream`` when unknown."""
    matches = (mime for pattern, mime in _SIGNATURES if pattern.match(head))
    return next(matches, "application/octet-stream")


class Spool:
    """Takes bytes until it is turned into a `Blob`; for one task.

    Beyond 1 MiB the bytes go to a file without a name in *folder*, which is made on first use. The
    file vanishes with the last reference to the spool and its blob, or with the process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending = bytearray()
        self._file: _NamelessFile | None = None
        self._head = b""
        self.size = 0
        """Bytes taken so far."""

    @property
    def mime(self) -> str:
        """The media type as far as the bytes so far show it."""
        return sniff(self._head)

    async def write(self, piece: bytes) -> None:
        """Append *piece*.

        Raises:
            OSError: The disk is full or the folder cannot be written.
        """
        self._head += piece[: _HEAD_BYTES - len(self._head)]
        self.size += len(piece)
        self._pending += piece
        if len(self._pending) > MEMORY_BYTES:
            await to_thread.run_sync(self._flush)

    async def to_blob(self, *, name: str) -> Blob:
        """End the spool; what was taken stays readable for as long as the blob lives."""
        if self._file is None:
            return Blob.of_bytes(bytes(self._pending), mime=self.mime, name=name)
        await to_thread.run_sync(self._flush)
        return Blob(name=name, mime=self.mime, size=self.size, open=self._file.read)

    def _flush(self) -> None:
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = _NamelessFile(self._folder)
        self._file.append(bytes(self._pending))
        self._pending.clear()


class _NamelessFile:
    """A temporary file that closes itself; any number of readers, each from the start."""

    def __init__(self, folder: Path) -> None:
        file: IO[bytes] = TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as this object
        self._file = file
        self._lock = threading.Lock()
        weakref.finalize(self, file.close)

    def append(self, data: bytes) -> None:
        with self._lock:
            self._file.seek(0, 2)
            self._file.write(data)
            self._file.flush()

    async def read(self) -> AsyncGenerator[bytes, None]:
        offset = 0
        while piece := await to_thread.run_sync(self._read_at, offset):
            yield piece
            offset += len(piece)

    def _read_at(self, offset: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(_PIECE_BYTES)
