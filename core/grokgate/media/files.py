"""The files that clients upload to ``/v1/files`` (`openai-contract.md` 8, F-FILE-10).

They belong to the key that made them, stay until they are deleted or expire, and are never removed
to make room.
"""

from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from functools import partial
from typing import Final, Literal, TypeAlias

from grokgate.errors import BodyTooLarge
from grokgate.media.content import peek
from grokgate.media.keeping import milliseconds
from grokgate.media.pictures import not_found
from grokgate.media.store import NAME, ByteStore
from grokgate.openai import new_id
from grokgate.settings import Snapshot
from grokgate.storage import Database
from grokgate.storage.files import (
    FileRow,
    bytes_of_owner,
    expired_files,
    files_of,
    find_file,
    insert_file,
    known_files,
    list_files,
    remove_files,
)
from grokgate.upstream import Blob, Clock

Purpose: TypeAlias = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
Order: TypeAlias = Literal["asc", "desc"]

_MB: Final = 1 << 20
_REMOVED_AT_ONCE: Final = 200
_FOLDER: Final = "files"


class Files:
    """Keeps files for keys; used from any task.

    Args:
        database: Holds the index.
        store: Holds the bytes.
        clock: Its wall time decides when files expire.
        settings: The snapshot in force.
    """

    def __init__(
        self,
        database: Database,
        store: ByteStore,
        *,
        clock: Clock,
        settings: Callable[[], Snapshot],
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._settings = settings

    async def add(
        self, blob: Blob, *, owner: str, purpose: Purpose, expires_after_s: int | None = None
    ) -> FileRow:
        """Keep *blob*; it is on disk when this returns.

        Args:
            blob: Its name is the file's; its type is read off its bytes.
            owner: Id of the key it will belong to.
            purpose: What the client says it is for.
            expires_after_s: Seconds from now; None: it stays.

        Raises:
            BodyTooLarge: ``file_too_large``: the files of this key would take too much.
            StoreUnavailable: Nothing was kept.
        """
        await self._check_room(owner, blob.size)
        file_id = new_id("file-")
        mime, content = await peek(blob.open())
        async with self._store.undoing(_key(file_id)):
            size = await self._store.put(_key(file_id), content)
            now = self._clock.now()
            expiry = None if expires_after_s is None else now + timedelta(seconds=expires_after_s)
            row = FileRow(
                id=file_id,
                owner=owner,
                filename=blob.name,
                mime=mime,
                purpose=purpose,
                size=size,
                created_at=milliseconds(now),
                expires_at=None if expiry is None else milliseconds(expiry),
            )
            await self._enter(row)
        return row

    async def get(self, file_id: str, *, owner: str) -> FileRow:
        """Return what is known of a file.

        Raises:
            ObjectNotFound: Unknown, expired, deleted, or another key's.
            StoreUnavailable: The index cannot be read.
        """
        row = None
        if NAME.match(file_id):
            async with self._database.read() as connection:
                row = await find_file(connection, file_id, owner=owner, now_ms=self._now_ms())
        if row is None:
            raise not_found()
        return row

    async def open(self, file_id: str, *, owner: str) -> Blob:
        """Return a file for reading (`grokgate.plugin.Files`)."""
        row = await self.get(file_id, owner=owner)
        await (await self.read(row, start=0, end=row.size)).aclose()
        return Blob(name=row.filename, mime=row.mime, size=row.size, open=partial(self._whole, row))

    async def read(self, row: FileRow, *, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Return the bytes of a file from *start* up to *end* in bounded pieces.

        Raises:
            ObjectNotFound: Its bytes have vanished.
            StoreUnavailable: It cannot be read now.
        """
        try:
            return await self._store.read(_key(row.id), start=start, end=end)
        except FileNotFoundError:
            raise not_found() from None

    async def listing(
        self,
        *,
        owner: str,
        limit: int,
        order: Order = "desc",
        purpose: str | None = None,
        after: str | None = None,
    ) -> list[FileRow]:
        """Return at most *limit* files of *owner* by age, those that follow the file *after*.

        Raises:
            ObjectNotFound: There is no file *after*.
            StoreUnavailable: The index cannot be read.
        """
        mark = None if after is None else await self.get(after, owner=owner)
        async with self._database.read() as connection:
            return await list_files(
                connection,
                owner=owner,
                now_ms=self._now_ms(),
                limit=limit,
                order=order,
                purpose=purpose,
                after=mark,
            )

    async def delete(self, file_id: str, *, owner: str) -> None:
        """Delete a file.

        Raises:
            ObjectNotFound: Unknown, expired, deleted before, or another key's.
            StoreUnavailable: It is still there.
        """
        row = await self.get(file_id, owner=owner)
        if not await self._remove([row.id]):
            raise not_found()

    async def delete_owner(self, owner: str) -> None:
        """Remove every file of a key.

        Raises:
            StoreUnavailable: Some of them may be left.
        """
        while True:
            async with self._database.read() as connection:
                ids = await files_of(connection, owner, limit=_REMOVED_AT_ONCE)
            if not ids:
                return
            await self._remove(ids)

    async def remove_expired(self) -> None:
        """Remove files that have expired."""
        while True:
            async with self._database.read() as connection:
                ids = await expired_files(connection, now_ms=self._now_ms(), limit=_REMOVED_AT_ONCE)
            if not ids:
                return
            await self._remove(ids)

    async def remove_strays(self) -> None:
        """Remove bytes that a crash left without a row; call it before any upload.

        Raises:
            StoreUnavailable: The folder or the index cannot be read.
            OSError: The folder cannot be written.
        """
        await self._store.remove_unfinished(_FOLDER)
        async for portion in self._store.listing(_FOLDER):
            ids = {found.name for found in portion}
            async with self._database.read() as connection:
                known = await known_files(connection, ids)
            await self._store.remove(map(_key, ids - known))

    async def _check_room(self, owner: str, size: int) -> None:
        async with self._database.read() as connection:
            taken = await bytes_of_owner(connection, owner, now_ms=self._now_ms())
        self._check_limit(taken + size)

    async def _enter(self, row: FileRow) -> None:
        """Add the row, unless other uploads of the key have taken its room meanwhile."""
        async with self._database.write() as connection:
            taken = await bytes_of_owner(connection, row.owner, now_ms=row.created_at)
            self._check_limit(taken + row.size)
            await insert_file(connection, row)

    def _check_limit(self, size: int) -> None:
        limit_mb = self._settings().files.max_mb
        if size > limit_mb * _MB:
            raise BodyTooLarge(
                f"The files of this key may take {limit_mb:g} MB; delete some first.",
                code="file_too_large",
                param="file",
            )

    async def _remove(self, ids: list[str]) -> int:
        """Forget files, then remove their bytes, which nobody finds any more."""
        async with self._database.write() as connection:
            count = await remove_files(connection, ids)
        await self._store.remove(map(_key, ids))
        return count

    async def _whole(self, row: FileRow) -> AsyncGenerator[bytes, None]:
        async for piece in await self.read(row, start=0, end=row.size):
            yield piece

    def _now_ms(self) -> int:
        return milliseconds(self._clock.now())


def _key(file_id: str) -> str:
    return f"{_FOLDER}/{file_id}"
