"""Keeps what upstreams make and clients upload: the bytes first, then the row of the index.

A file that several want of an upstream at once is fetched for one of them; the others get copies
(F-FILE-06).
"""

from collections.abc import AsyncGenerator, AsyncIterable
from datetime import datetime
from functools import partial
from typing import Final

from grokgate.media.content import closing, peek, shown_type, within
from grokgate.media.names import key_of, new_name
from grokgate.media.store import ByteStore
from grokgate.media.turns import Turns
from grokgate.plugin.media.incoming import Incoming
from grokgate.storage import Database
from grokgate.storage.media import MediaKind, MediaRow, insert_media
from grokgate.upstream import Clock

LIMIT_BYTES: Final[dict[MediaKind, int]] = {"image": 50 << 20, "video": 512 << 20}
"""Largest file of a kind that an upstream makes (S17)."""


class Keeping:
    """Writes pictures and videos; used from any task.

    Args:
        database: Holds the index.
        store: Holds the bytes.
        clock: Its wall time is when they were made.
    """

    def __init__(self, database: Database, store: ByteStore, clock: Clock) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._fetching = Turns[MediaRow]()

    async def save(
        self,
        source: AsyncIterable[bytes],
        *,
        kind: MediaKind,
        owner: str,
        keep_until: datetime | None = None,
    ) -> MediaRow:
        """Keep what an upstream made; of an `Incoming` nothing is fetched twice at a time.

        Raises:
            UpstreamError: It is empty, or over the limit of its kind.
            StoreUnavailable: It cannot be written now.
        """
        keeping = partial(self._save, kind=kind, owner=owner, keep_until=keep_until)
        if not isinstance(source, Incoming):
            return await keeping(source)
        if source.origin is None:
            return await keeping(source.fetched(), preview_of=source.preview_of)
        async with self._fetching.take(source.origin) as turn:
            copy = None if turn.left is None else await self._copy(turn.left)
            content = source.fetched() if copy is None else source.from_copy(copy)
            turn.left = await keeping(content, preview_of=source.preview_of)
        return turn.left

    async def keep(
        self,
        source: AsyncIterable[bytes],
        *,
        kind: MediaKind,
        owner: str,
        keep_until: datetime | None = None,
        preview_of: str = "",
    ) -> MediaRow:
        """Keep *source*, whatever its size.

        Raises:
            StoreUnavailable: It cannot be written now.
        """
        mime, content = await peek(source)
        name = new_name(mime, preview_of=preview_of)
        key = key_of(kind, name)
        async with self._store.undoing(key):
            size = await self._store.put(key, content)
            now_ms = milliseconds(self._clock.now())
            row = MediaRow(
                name=name,
                kind=kind,
                owner=owner,
                mime=shown_type(mime),
                size=size,
                created_at=now_ms,
                used_at=now_ms,
                kept_until=None if keep_until is None else milliseconds(keep_until),
            )
            async with self._database.write() as connection:
                await insert_media(connection, [row])
        return row

    async def _save(
        self,
        source: AsyncIterable[bytes],
        *,
        kind: MediaKind,
        owner: str,
        keep_until: datetime | None,
        preview_of: str = "",
    ) -> MediaRow:
        async with closing(source):
            passing = within(source, LIMIT_BYTES[kind])
            return await self.keep(
                passing, kind=kind, owner=owner, keep_until=keep_until, preview_of=preview_of
            )

    async def _copy(self, row: MediaRow) -> AsyncGenerator[bytes, None] | None:
        """Read a row from its beginning; None: it has been removed."""
        try:
            return await self._store.read(key_of(row.kind, row.name), start=0, end=row.size)
        except FileNotFoundError:
            return None


def milliseconds(moment: datetime) -> int:
    """Return *moment* as Unix milliseconds."""
    return int(moment.timestamp() * 1000)
