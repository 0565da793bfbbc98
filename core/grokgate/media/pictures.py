"""Generated pictures and videos, and pictures that clients upload for a link (F-FILE, F-CACHE).

Bytes first, then the row: what the index knows is on disk. A file without a row is entered at the
next start (`cleaning`); a row without its file is forgotten when somebody asks for it.

The first picture of a video bears the video's name, and goes with it (F-CACHE-04).
"""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from msgspec import Struct

from grokgate.errors import ObjectNotFound
from grokgate.media import links
from grokgate.media.keeping import Keeping, milliseconds
from grokgate.media.names import key_of, names_of, preview_names
from grokgate.media.store import NAME, ByteStore
from grokgate.plugin.context import MediaRef
from grokgate.settings import Snapshot
from grokgate.storage import Database
from grokgate.storage.media import (
    MediaKind,
    MediaRow,
    find_media,
    known_media,
    list_media,
    media_of,
    named_media,
    remove_media,
)
from grokgate.upstream import Blob, Clock
from grokgate.vault import Vault

_REMOVED_AT_ONCE: Final = 200


class Linked(Struct, frozen=True, kw_only=True):
    """What a valid link leads to."""

    row: MediaRow
    left_s: int
    """Seconds the link still holds."""


class Pictures:
    """Keeps pictures and videos, and finds them by owner or by link; used from any task.

    Args:
        database: Holds the index.
        store: Holds the bytes.
        vault: Signs the links.
        clock: Its wall time decides how long they hold.
        settings: The snapshot in force.
        base: Origin of absolute links, without a slash at its end; empty: links are bare paths.
        is_active: Whether a key may be used now; its links die with it.
    """

    def __init__(
        self,
        database: Database,
        store: ByteStore,
        vault: Vault,
        *,
        clock: Clock,
        settings: Callable[[], Snapshot],
        base: Callable[[], str],
        is_active: Callable[[str], bool],
    ) -> None:
        self._database = database
        self._store = store
        self._vault = vault
        self._clock = clock
        self._settings = settings
        self._base = base
        self._is_active = is_active
        self._used_at: dict[str, int] = {}
        self._keeping = Keeping(database, store, clock)

    @property
    def has_base(self) -> bool:
        """Whether links begin with a host."""
        return bool(self._base())

    async def save(
        self,
        source: AsyncIterable[bytes],
        *,
        kind: MediaKind,
        owner: str,
        keep_until: datetime | None = None,
    ) -> MediaRef:
        """Keep what *source* yields (`grokgate.plugin.Media`)."""
        return self.reference(
            await self._keeping.save(source, kind=kind, owner=owner, keep_until=keep_until)
        )

    async def add(self, picture: Blob, *, owner: str) -> MediaRef:
        """Keep a picture that a client uploaded, whatever its size.

        Raises:
            StoreUnavailable: It cannot be written now.
        """
        return self.reference(await self._keeping.keep(picture.open(), kind="image", owner=owner))

    def reference(self, row: MediaRow) -> MediaRef:
        """Make a fresh link to a row."""
        hours = self._settings().files.link_hours
        expires_at = self._clock.now() + timedelta(hours=hours)
        address = self._base() + links.path_of(row.kind, row.name)
        link = links.signed(self._vault, address, row.name, owner=row.owner, expires_at=expires_at)
        return MediaRef(
            name=row.name, link=link, mime=row.mime, size=row.size, expires_at=expires_at
        )

    async def open(self, name: str, *, owner: str) -> Blob:
        """Return what `save` kept (`grokgate.plugin.Media`)."""
        row = await self._owned(name, owner)
        if row is None:
            raise not_found()
        await self._check_there(row)
        return Blob(name=row.name, mime=row.mime, size=row.size, open=partial(self._whole, row))

    async def part(
        self, name: str, *, owner: str, start: int, end: int
    ) -> AsyncGenerator[bytes, None]:
        """Return some bytes of what `save` kept (`grokgate.plugin.Media`)."""
        row = await self._owned(name, owner)
        if row is None:
            raise not_found()
        self._used_at[name] = milliseconds(self._clock.now())
        return await self.read(row, start=start, end=end)

    async def delete(self, name: str, *, owner: str) -> bool:
        """Remove what `save` kept (`grokgate.plugin.Media`)."""
        row = await self._owned(name, owner)
        if row is None:
            return False
        await self.forget([row])
        return True

    async def delete_owner(self, owner: str) -> None:
        """Remove every picture and video of a key.

        Raises:
            StoreUnavailable: Some of them may be left.
        """
        while True:
            async with self._database.read() as connection:
                rows = await media_of(connection, owner, limit=_REMOVED_AT_ONCE)
            if not rows:
                return
            await self.forget(rows)

    async def linked(self, kind: MediaKind, name: str, *, exp: str, sig: str) -> Linked:
        """Find what a link leads to, and note that it was used.

        Raises:
            ObjectNotFound: Missing, expired, forged, or of a key that is no longer active.
            StoreUnavailable: The index cannot be read.
        """
        row = await self._find(name)
        if row is None or row.kind != kind or not self._is_active(row.owner):
            raise not_found()
        now = self._clock.now()
        left_s = links.left_s(self._vault, name, owner=row.owner, exp=exp, sig=sig, now=now)
        if left_s is None:
            raise not_found()
        self._used_at[name] = milliseconds(now)
        return Linked(row=row, left_s=left_s)

    async def page(self, kind: MediaKind, *, offset: int, limit: int) -> list[MediaRow]:
        """Return what is kept of a kind, whoever owns it, the newest first; for operators."""
        async with self._database.read() as connection:
            return await list_media(connection, kind, offset=offset, limit=limit)

    async def find(self, kind: MediaKind, names: Sequence[str]) -> list[MediaRow]:
        """Return those of *names* that are kept, whoever owns them; for operators."""
        async with self._database.read() as connection:
            return await named_media(connection, kind, [name for name in names if NAME.match(name)])

    async def name_of(self, file_id: str) -> str:
        """Return the name that has this id, the part before its extension; empty: there is none."""
        names = names_of(file_id)
        if not NAME.match(names[0]):
            return ""
        async with self._database.read() as connection:
            known = await known_media(connection, names)
        return next(iter(known), "")

    async def read(self, row: MediaRow, *, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Return the bytes of a row from *start* up to *end* in bounded pieces.

        Raises:
            ObjectNotFound: The file has vanished; its row is forgotten.
            StoreUnavailable: It cannot be read now.
        """
        try:
            return await self._store.read(key_of(row.kind, row.name), start=start, end=end)
        except FileNotFoundError:
            await self._forget_rows([row])
            raise not_found() from None

    async def previews(self, rows: Sequence[MediaRow]) -> dict[str, MediaRow]:
        """Return the first pictures of videos among *rows*, by the video's name (F-CACHE-04)."""
        names = preview_names(rows)
        if not names:
            return {}
        async with self._database.read() as connection:
            found = await named_media(connection, "image", list(names))
        return {names[row.name]: row for row in found}

    async def forget(self, rows: list[MediaRow]) -> None:
        """Remove rows with the first pictures of videos, then their files.

        What is left by a crash is entered again.
        """
        gone = [*rows, *(await self.previews(rows)).values()]
        await self._forget_rows(gone)
        await self._store.remove(key_of(row.kind, row.name) for row in gone)

    def take_uses(self) -> dict[str, int]:
        """Return when files were used since the last time this was asked, by name."""
        used_at, self._used_at = self._used_at, {}
        return used_at

    async def _owned(self, name: str, owner: str) -> MediaRow | None:
        row = await self._find(name)
        return row if row is not None and row.owner == owner else None

    async def _find(self, name: str) -> MediaRow | None:
        if not NAME.match(name):
            return None
        async with self._database.read() as connection:
            return await find_media(connection, name)

    async def _check_there(self, row: MediaRow) -> None:
        await (await self.read(row, start=0, end=row.size)).aclose()

    async def _whole(self, row: MediaRow) -> AsyncGenerator[bytes, None]:
        async for piece in await self.read(row, start=0, end=row.size):
            yield piece

    async def _forget_rows(self, rows: Iterable[MediaRow]) -> None:
        async with self._database.write() as connection:
            await remove_media(connection, [row.name for row in rows])


def not_found() -> ObjectNotFound:
    """Describe everything that cannot be had: unknown, expired, forged, foreign (F-FILE-04)."""
    return ObjectNotFound("File not found")
