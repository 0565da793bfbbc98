"""Keeps stored pictures and videos within their limits, and the folder and its index together.

Twice a minute: what was used is noted, expired files go, and the limits are kept (F-CACHE-02). At a
start the index takes in what lies in the folders without a row: files of the predecessors, and what
a crash left there (F-CACHE-01).
"""

import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, get_args

import anyio
from anyio import to_thread

from grokgate.errors import StoreUnavailable
from grokgate.media.content import shown_type
from grokgate.media.files import Files
from grokgate.media.keeping import milliseconds
from grokgate.media.names import folder_of
from grokgate.media.pictures import Pictures
from grokgate.media.store import ByteStore, Found
from grokgate.settings import Snapshot
from grokgate.spool import sniff
from grokgate.storage import Database
from grokgate.storage.media import (
    MediaKind,
    MediaRow,
    MediaUsage,
    insert_media,
    media_usage,
    names_of_media,
    note_uses,
    removable_media,
)
from grokgate.upstream import Clock

EVERY_S: Final = 30.0
"""Seconds between two rounds."""
_YOUNG: Final = timedelta(seconds=60)
"""Files of this age are spared: somebody may still be waiting for them."""
_AFTERWARDS: Final = 0.8
"""Share of a limit that is left once it was passed."""
_STEP: Final = 200
_MB: Final = 1 << 20
_KINDS: Final[tuple[MediaKind, ...]] = get_args(MediaKind)
_OLDER_FOLDER: Final = "temp"
"""Where versions before ``tmp/`` kept the folders of both kinds."""


class Cleaning:
    """Removes what is over the limits; used from one task.

    Args:
        database: Holds the index.
        store: Holds the bytes.
        pictures: Removes rows with their files, and knows what was used.
        files: Removes its own that have expired.
        data_dir: Where an older version may have left files.
        clock: Its wall time decides about age and midnight.
        settings: The snapshot in force.
        log: Told how much was removed or taken in.
    """

    def __init__(
        self,
        database: Database,
        store: ByteStore,
        pictures: Pictures,
        files: Files,
        *,
        data_dir: Path,
        clock: Clock,
        settings: Callable[[], Snapshot],
        log: Any,
    ) -> None:
        self._database = database
        self._store = store
        self._pictures = pictures
        self._files = files
        self._data_dir = data_dir
        self._clock = clock
        self._settings = settings
        self._log = log
        self.evicted = 0
        """Files removed to keep a limit, since the start."""
        self.taken: Mapping[MediaKind, MediaUsage] = {}
        """What each kind took at the last look, at most one round ago."""

    async def begin(self) -> None:
        """Bring the folders and the index together; call it before anything is saved.

        Files without a row are taken into the index as nobody's, those of clients are removed;
        unless other processes run, for which they may be on their way.

        Raises:
            StateError: A place outside of the data folder cannot be written.
        """
        if self._settings().storage.media_url:
            await self._store.check()
        if not self._database.shared:
            await self._attempt(self._enter_strays)

    async def run(self) -> None:
        """Keep the limits until cancelled."""
        while True:
            await self._attempt(self.tidy)
            await anyio.sleep(EVERY_S)

    async def tidy(self) -> None:
        """Do one round.

        Raises:
            StoreUnavailable: Something could not be done; the next round goes on with it.
        """
        await self.usage()
        await self._note_uses()
        await self._files.remove_expired()
        cache = self._settings().cache
        if cache.daily_reset:
            await self._reset()
        if not cache.enable_auto_clean:
            return
        for limit_mb, kinds in (
            (cache.image_max_mb, ("image",)),
            (cache.video_max_mb, ("video",)),
            (cache.limit_mb, _KINDS),
        ):
            if limit_mb:
                await self._keep_within(limit_mb * _MB, kinds)

    async def usage(self) -> dict[MediaKind, MediaUsage]:
        """Return what each kind takes (F-CACHE-03)."""
        async with self._database.read() as connection:
            found = await media_usage(connection, now_ms=milliseconds(self._clock.now()))
        self.taken = {kind: found.get(kind, MediaUsage()) for kind in _KINDS}
        return {**self.taken}

    async def clear(self, kinds: Sequence[MediaKind]) -> MediaUsage:
        """Remove all that limits may remove, whatever its age; return what that was."""
        count = size = 0
        created_before = self._clock.now() + _YOUNG
        while rows := await self._removable(kinds, created_before=created_before):
            await self._pictures.forget(rows)
            count += len(rows)
            size += sum(row.size for row in rows)
        return MediaUsage(count=count, size=size)

    async def _enter_strays(self) -> None:
        await to_thread.run_sync(_move_older, self._data_dir)
        async with self._database.read() as connection:
            known = await names_of_media(connection)
        for kind in _KINDS:
            await self._store.remove_unfinished(folder_of(kind))
            async for portion in self._store.listing(folder_of(kind)):
                strays = [found for found in portion if found.name not in known]
                if strays:
                    await self._enter(kind, strays)
                known.update(found.name for found in strays)
        await self._files.remove_strays()

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (StoreUnavailable, OSError) as error:
            self._log.warning("media_not_cleaned", error=type(error).__name__)

    async def _note_uses(self) -> None:
        used_at = self._pictures.take_uses()
        if used_at:
            async with self._database.write() as connection:
                await note_uses(connection, used_at)

    async def _reset(self) -> None:
        """Remove what was made before the last midnight (F-CACHE-05)."""
        midnight = last_midnight(self._clock.now(), self._settings().quota.tz_offset_minutes)
        while rows := await self._removable(_KINDS, created_before=midnight):
            await self._pictures.forget(rows)
            self._log.info("media_reset", count=len(rows))

    async def _keep_within(self, limit: int, kinds: Sequence[MediaKind]) -> None:
        usage = await self.usage()
        size = sum(usage[kind].removable for kind in kinds)
        if size <= limit:
            return
        excess = size - int(limit * _AFTERWARDS)
        created_before = self._clock.now() - _YOUNG
        while excess > 0 and (rows := await self._removable(kinds, created_before=created_before)):
            oldest = _enough(rows, excess)
            await self._pictures.forget(oldest)
            excess -= sum(row.size for row in oldest)
            self.evicted += len(oldest)
            self._log.info("media_evicted", count=len(oldest))

    async def _removable(
        self, kinds: Sequence[MediaKind], *, created_before: datetime
    ) -> list[MediaRow]:
        async with self._database.read() as connection:
            return await removable_media(
                connection,
                kinds,
                created_before_ms=milliseconds(created_before),
                now_ms=milliseconds(self._clock.now()),
                limit=_STEP,
            )

    async def _enter(self, kind: MediaKind, strays: Sequence[Found]) -> None:
        heads = await self._store.heads(folder_of(kind), [found.name for found in strays])
        rows = [
            MediaRow(
                name=found.name,
                kind=kind,
                owner="",
                mime=shown_type(sniff(head)),
                size=found.size,
                created_at=milliseconds(found.changed_at),
                used_at=milliseconds(found.changed_at),
            )
            for found, head in zip(strays, heads, strict=True)
        ]
        async with self._database.write() as connection:
            await insert_media(connection, rows)
        self._log.info("media_entered", kind=kind, count=len(rows))


def _enough(rows: Sequence[MediaRow], size: int) -> list[MediaRow]:
    """Return the first of *rows* that together have at least *size* bytes, or all."""
    chosen: list[MediaRow] = []
    for row in rows:
        if size <= 0:
            break
        chosen.append(row)
        size -= row.size
    return chosen


def last_midnight(now: datetime, offset_minutes: int) -> datetime:
    """Return when the day of *now* began, *offset_minutes* east of UTC."""
    local = now.astimezone(timezone(timedelta(minutes=offset_minutes)))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def _move_older(data_dir: Path) -> None:
    """Move the files of versions that kept them elsewhere; what is there already stays."""
    for kind in _KINDS:
        folder = data_dir / _OLDER_FOLDER / kind
        target = data_dir / folder_of(kind)
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_file() and not (target / path.name).exists():
                target.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.move(path, target / path.name)
