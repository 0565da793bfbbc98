"""Where the bytes of media and files lie: a local folder, or a bucket (F-FILE-09).

Bytes are written under a name nobody sees and appear whole, or not at all. A key is a folder and a
name; both come from the index, and neither from a client or an upstream (S11).
"""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import anyio
import obstore
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream
from msgspec import Struct
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from grokgate.errors import StateError, StoreUnavailable
from grokgate.spool import HEAD_BYTES

NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}\Z")
"""What a file may be called."""
_UNFINISHED: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}#[0-9]+\Z")
"""What a file in a folder is called while it is being written."""
_PART_BYTES: Final = 5 << 20
"""Smallest part a bucket takes."""
_PARTS_AT_ONCE: Final = 2
_PIECE_BYTES: Final = 256 << 10
_UNDO_S: Final = 5.0
"""What taking back a write may take of a request that has failed already."""
_FAULTS: Final = (BaseError, OSError)


class Found(Struct, frozen=True, kw_only=True):
    """A file that lies in a folder of the store."""

    name: str
    size: int
    """Bytes."""
    changed_at: datetime


class ByteStore:
    """Writes, reads and removes whole files; used from any task.

    Args:
        place: A local folder, or a bucket.
    """

    def __init__(self, place: Path | ObjectStore) -> None:
        self._folder: Path | None = None
        self._store: ObjectStore
        if isinstance(place, Path):
            self._folder = place.absolute()
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store = LocalStore(self._folder)
        else:
            self._store = place

    @classmethod
    def open(cls, url: str, *, data_dir: Path) -> "ByteStore":
        """Open what ``storage.media_url`` names; empty: the data folder.

        A bucket's region, endpoint and credentials are those of the usual ``AWS_…`` variables.

        Raises:
            StateError: The address cannot be used; it is not told.
        """
        place = urlsplit(url)
        try:
            match place.scheme:
                case "":
                    return cls(Path(url) if url else data_dir)
                case "file":
                    return cls(Path(unquote(place.path)))
                case "s3":
                    return cls(_bucket(place.netloc, place.path.strip("/")))
        except (*_FAULTS, ValueError) as error:
            raise _unusable() from error
        raise _unusable()

    async def check(self) -> None:
        """Write a small file and remove it again, beside whoever else uses the place.

        Raises:
            StateError: That is not possible; tells nothing of the address.
        """
        key = f"check-{secrets.token_hex(8)}"
        try:
            async with self.undoing(key):
                await self.put(key, _once(b"grokgate"))
                await self.remove([key])
        except StoreUnavailable as error:
            reason = type(error.__cause__).__name__
            raise StateError(
                f"The place of storage.media_url cannot be written ({reason}). Start its server, "
                "or correct the address, its AWS_ variables, or its owner and mode."
            ) from error

    async def put(self, key: str, source: AsyncIterable[bytes]) -> int:
        """Write *source* to its end; return the bytes written, which are on disk then.

        What *source* raises passes through, and nothing is left behind. It is read by the caller's
        task: obstore reads in tasks of its own, which would outlive a cancelled caller and keep
        the source from being closed.

        Raises:
            StoreUnavailable: They cannot be written.
        """
        give, take = anyio.create_memory_object_stream[bytes]()
        handover = _Handover(take)
        writing = asyncio.create_task(self._write(key, handover))
        writing.add_done_callback(lambda _: take.close())
        size = 0
        try:
            with give, suppress(anyio.BrokenResourceError):  # the write has failed: raised below
                async for piece in source:
                    await give.send(piece)
                    size += len(piece)
                handover.is_whole = True
        except BaseException:
            with anyio.move_on_after(_UNDO_S, shield=True):
                await asyncio.gather(writing, return_exceptions=True)
            raise
        await writing
        return size

    async def read(self, key: str, *, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Open a file; return its bytes from *start* up to *end* in bounded pieces.

        Raises:
            FileNotFoundError: It is not there, or is no plain file.
            StoreUnavailable: It cannot be read now.
        """
        try:
            if self._folder is not None:
                await to_thread.run_sync(_check_plain, self._folder / key)
            if start >= end:
                return _nothing()
            found = await obstore.get_async(self._store, key, options={"range": (start, end)})
        except FileNotFoundError:
            raise
        except _FAULTS as error:
            raise StoreUnavailable from error
        return _pieces(found.stream(min_chunk_size=_PIECE_BYTES))

    @asynccontextmanager
    async def undoing(self, key: str) -> AsyncIterator[None]:
        """Remove a file again if the block fails or is cancelled, as far as that can be done."""
        try:
            yield
        except BaseException:
            with anyio.move_on_after(_UNDO_S, shield=True), suppress(StoreUnavailable):
                await self.remove([key])
            raise

    async def remove(self, keys: Iterable[str]) -> None:
        """Remove files; what is not there is passed over.

        Raises:
            StoreUnavailable: One of them is still there.
        """
        for key in keys:
            try:
                with suppress(FileNotFoundError):
                    await obstore.delete_async(self._store, key)
            except _FAULTS as error:
                raise StoreUnavailable from error

    async def listing(self, folder: str) -> AsyncGenerator[list[Found], None]:
        """Yield the plain files of a local folder in portions; of a bucket nothing.

        Raises:
            StoreUnavailable: The folder cannot be read.
        """
        if self._folder is None:
            return
        try:
            async for portion in obstore.list(self._store, folder, chunk_size=200):
                yield [
                    Found(name=name, size=entry["size"], changed_at=entry["last_modified"])
                    for entry in portion
                    if NAME.match(name := entry["path"].removeprefix(f"{folder}/"))
                    and not (self._folder / entry["path"]).is_symlink()
                ]
        except _FAULTS as error:
            raise StoreUnavailable from error

    async def heads(self, folder: str, names: Sequence[str]) -> list[bytes]:
        """Return how the named files of a local folder begin; an unreadable one has nothing."""
        assert self._folder is not None, "only those of a local folder are listed"
        place = self._folder / folder
        return await to_thread.run_sync(lambda: [_head(place / name) for name in names])

    async def remove_unfinished(self, folder: str) -> None:
        """Remove what a crash left half written; call it before anything is written.

        Raises:
            OSError: The folder cannot be read or written.
        """
        if self._folder is not None:
            await to_thread.run_sync(_remove_unfinished, self._folder / folder)

    async def _write(self, key: str, handover: "_Handover") -> None:
        try:
            await obstore.put_async(
                self._store,
                key,
                handover.pieces(),
                use_multipart=True,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
            if self._folder is not None:
                await to_thread.run_sync(_sync, self._folder / key)
        except _FAULTS as error:
            raise StoreUnavailable from error


def _bucket(name: str, prefix: str) -> S3Store:
    """Open a bucket with limits of our own.

    By default one that is away would be waited for three minutes, and a file that takes over 30
    seconds to send would break off.
    """
    return S3Store(
        name,
        prefix=prefix or None,
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=10)},
        client_options={
            "allow_http": True,  # the operator's own endpoint may be beside the gateway
            "connect_timeout": timedelta(seconds=5),
            "read_timeout": timedelta(seconds=30),
            "timeout": timedelta(hours=1),
        },
    )


class _Handover:
    """What a write reads: the pieces of another task, until that one closes its end."""

    def __init__(self, take: MemoryObjectReceiveStream[bytes]) -> None:
        self._take = take
        self.is_whole = False
        """The end is that of the source; else the write is to fail."""

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        async for piece in self._take:
            yield piece
        if not self.is_whole:
            raise EOFError


async def _pieces(stream: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in stream:
            yield bytes(piece)
            await asyncio.sleep(0)
    except _FAULTS as error:
        raise StoreUnavailable from error


async def _once(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


async def _nothing() -> AsyncGenerator[bytes, None]:
    for piece in tuple[bytes, ...]():
        yield piece


def _check_plain(path: Path) -> None:
    """Refuse what is not a plain file at exactly this place: links lead elsewhere (S11)."""
    if not path.is_file() or path.resolve() != path.parent.resolve() / path.name:
        raise FileNotFoundError(path)


def _sync(path: Path) -> None:
    """Bring a file and its name to the disk."""
    for place in (path, path.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def _remove_unfinished(folder: Path) -> None:
    for path in folder.glob("*#*"):
        if _UNFINISHED.match(path.name):
            path.unlink(missing_ok=True)


def _unusable() -> StateError:
    return StateError(
        "storage.media_url cannot be used. Unset it, or set it to s3://BUCKET/PREFIX or to the "
        "path of a folder."
    )
