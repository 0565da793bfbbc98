"""Where bytes go while their number is unknown: memory first, then a nameless file."""

import math
import re
import threading
import weakref
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from anyio import to_thread

from grokgate.errors import Overloaded
from grokgate.upstream import Blob

SPOOLED_BYTES = 2 << 30
"""What all spools of a process may have on disk together (S17)."""
MEMORY_BYTES = 1 << 20
_PIECE_BYTES = 1 << 20
HEAD_BYTES = 64
"""What `sniff` looks at."""

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


class Room:
    """Bytes that several spools may have on disk together.

    Args:
        limit: Bytes; None: any number.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._left = math.inf if limit is None else limit
        self._returned: deque[int] = deque()

    def take(self, size: int) -> None:
        """Reserve *size* bytes; from one thread only.

        Raises:
            Overloaded: They are not there.
        """
        while self._returned:
            self._left += self._returned.popleft()
        if size > self._left:
            raise Overloaded
        self._left -= size

    def give_back(self, size: int) -> None:
        """Return what was taken; from any thread, and from a finalizer in the midst of `take`."""
        self._returned.append(size)


class Spool:
    """Takes bytes until it is turned into a `Blob`; for one task.

    Beyond *memory_bytes* they go to a file without a name in *folder*, which is made on first use.
    The file vanishes with the last reference to the spool and its blob, or with the process, and
    gives its bytes back to *room*.
    """

    def __init__(
        self, folder: Path, *, memory_bytes: int = MEMORY_BYTES, room: Room | None = None
    ) -> None:
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._claim = _Claim(room or Room())
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
            Overloaded: There is no room.
        """
        self._head += piece[: HEAD_BYTES - len(self._head)]
        self.size += len(piece)
        self._pending += piece
        if len(self._pending) > self._memory_bytes:
            await self._spill()

    async def to_blob(self, *, name: str) -> Blob:
        """End the spool; what was taken stays readable for as long as the blob lives."""
        if self._file is None:
            return Blob.of_bytes(bytes(self._pending), mime=self.mime, name=name)
        await self._spill()
        return Blob(name=name, mime=self.mime, size=self.size, open=self._file.read)

    async def _spill(self) -> None:
        self._claim.take(len(self._pending))
        await to_thread.run_sync(self._flush)

    def _flush(self) -> None:
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = _NamelessFile(self._folder, self._claim)
        self._file.append(bytes(self._pending))
        self._pending.clear()


class _Claim:
    """What one file holds of the room, until nobody refers to it."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0

    def take(self, size: int) -> None:
        self._room.take(size)
        self._size += size

    def __del__(self) -> None:
        self._room.give_back(self._size)


class _NamelessFile:
    """A temporary file that closes itself; any number of readers, each from the start."""

    def __init__(self, folder: Path, claim: _Claim) -> None:
        file: IO[bytes] = TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as this object
        self._file = file
        self._claim = claim
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
