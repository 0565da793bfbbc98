"""Notices that the configuration file, or what the database holds, was changed by somebody else."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeAlias

import anyio
from anyio import to_thread
from watchfiles import Change, awatch

from grokgate.settings.sources import read_config

_POLL_S = 1.0
_SETTLE_S = 0.05
_SETTLE_TRIES = 10
_DEBOUNCE_MS = 200
_Mark: TypeAlias = tuple[int, int, int, int] | None
"""Changes with the file's content, place and rights; None: there is no file."""


class Follower:
    """Follows one file, and whatever else is looked at once a second.

    Args:
        path: The file; its folder is watched.
        changed: Called when the file may have changed.
        look: Called once a second.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        path: Path,
        *,
        changed: Callable[[], Awaitable[None]],
        look: Callable[[], Awaitable[None]],
        log: Any,
    ) -> None:
        self._path = path
        self._changed = changed
        self._look = look
        self._log = log

    async def run(self) -> None:
        """Follow until cancelled; a change is noticed within two seconds."""
        mark = self._mark()
        stop = anyio.Event()
        await self._changed()
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch_folder, stop)
            group.start_soon(self._poll, mark, stop)

    async def _watch_folder(self, stop: anyio.Event) -> None:
        # A watch on the file itself goes blind after the first atomic replace.
        changes = awatch(
            self._path.parent,
            watch_filter=self._concerns,
            debounce=_DEBOUNCE_MS,
            recursive=False,
            stop_event=stop,
        )
        try:
            async with aclosing(changes):
                async for _ in changes:
                    await self._changed()
        except (OSError, RuntimeError) as error:
            self._log.warning("settings_watch_failed", error=type(error).__name__)

    async def _poll(self, mark: _Mark, stop: anyio.Event) -> None:
        try:
            while True:
                await anyio.sleep(_POLL_S)
                seen, mark = mark, self._mark()
                if mark != seen:
                    await self._changed()
                await self._look()
        finally:
            # The thread of `awatch` hears of a cancel only through this event, else after 5 s.
            stop.set()

    def _concerns(self, _change: Change, path: str) -> bool:
        return Path(path).name == self._path.name

    def _mark(self) -> _Mark:
        try:
            found = self._path.stat()
        except OSError:
            return None
        # The time of change too: a file may keep the others and only become readable later.
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


async def settled(path: Path, seen: bytes | None) -> bytes | None:
    """Read *path* once it has stopped changing: editors truncate before they write.

    Args:
        path: The file.
        seen: Content known already; it is not waited for.

    Returns:
        The content; None: there is no file.

    Raises:
        ConfigFileError: The file cannot be read.
    """
    content = await to_thread.run_sync(read_config, path)
    for _ in range(_SETTLE_TRIES):
        if content == seen:
            break
        await anyio.sleep(_SETTLE_S)
        before, content = content, await to_thread.run_sync(read_config, path)
        if content == before:
            break
    return content
