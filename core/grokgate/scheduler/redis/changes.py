"""What other processes did to the ledger, read from a stream and taken over into the view.

The stream names tokens. What gathers there for a moment is read by one script, which leaves
out what this process did itself and brings each row once, however often it changed. A view may
well be that much behind: a reservation counts only after the server has confirmed it. A number that
is missing means that too much has happened: all is read anew.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import anyio
from msgspec import Struct

from grokgate.scheduler.redis import scripts
from grokgate.scheduler.redis.client import Link, Lost
from grokgate.scheduler.redis.epochs import Epochs

Adopt: TypeAlias = Callable[[Mapping[str, bytes], Sequence[int]], None]
"""Takes rows over, and the fences of leases that expired."""

_BLOCK_S: Final = 1.0
_GATHER_S: Final = 0.05
"""Between two looks while others are busy: what comes meanwhile costs one look."""
_RARELY_S: Final = 0.2
"""The same while all that changes is done by this process."""
_HASTE_S: Final = 0.005
"""The same while requests wait for what others may give back."""
_ROWS: Final = 200
"""Taken over in one go, which takes a few ms."""
_AGAIN_S: Final = 0.1


class News(Struct, frozen=True):
    """What `lua/follow.lua` found."""

    first: int
    """Number of the first change that was found; 0: there is none."""
    last: int
    newest: int
    """Number of the last change there is."""
    ended: Sequence[int]
    """Fences of leases that expired."""
    rows: Mapping[str, bytes]
    """By token, as they are by now; an empty one: the token is gone."""

    def misses(self, position: int) -> bool:
        """Tell whether something between *position* and this is missing."""
        return (self.first or self.newest + 1) != position + 1


class Changes:
    """Follows the stream.

    Args:
        link: To the server.
        epochs: Knows how far the view is.
        adopt: Told what has changed.
        awaited: Tells whether anybody waits for what others give back.
        log: Told when all had to be read anew.
    """

    def __init__(
        self,
        link: Link,
        epochs: Epochs,
        *,
        adopt: Adopt,
        awaited: Callable[[], bool],
        log: Any,
    ) -> None:
        self._link = link
        self._epochs = epochs
        self._adopt = adopt
        self._awaited = awaited
        self._log = log
        self._hurried = asyncio.Event()
        self._pause_s = _GATHER_S
        self._script = link.client.register_script(scripts.text("follow"))

    async def run(self) -> None:
        """Follow until cancelled."""
        reader = self._link.reader(_BLOCK_S)
        try:
            while True:
                await self._link.ready()
                try:
                    await self._follow(reader)
                except Lost:
                    await anyio.sleep(_AGAIN_S)
        finally:
            with anyio.CancelScope(shield=True):
                await reader.aclose()

    def hurry(self) -> None:
        """Look soon: somebody waits for what others may give back."""
        self._hurried.set()

    async def _follow(self, reader: Any) -> None:
        """Take over all there is; then wait, for more to gather or for anything at all."""
        before = self._epochs.position
        others = await self._take()
        if self._epochs.position == before:
            await self._wait(reader)
            return
        self._pause_s = _GATHER_S if others else min(2 * self._pause_s, _RARELY_S)
        await self._gather()

    async def _gather(self) -> None:
        self._hurried.clear()
        if self._awaited():
            await anyio.sleep(_HASTE_S)
            return
        with anyio.move_on_after(self._pause_s):
            await self._hurried.wait()

    async def _wait(self, reader: Any) -> None:
        since = f"{self._epochs.position}-0"
        with self._link.guard(aside=True):
            await reader.xread(
                {self._link.keys.changes: since}, count=1, block=round(_BLOCK_S * 1000)
            )

    async def _take(self) -> bool:
        """Take over what has changed, a portion at a time; return whether others did any of it."""
        others = False
        while (news := await self._look()) is not None and news.first:
            self._epochs.position = news.last
            if news.rows or news.ended:
                others = True
                self._adopt(news.rows, news.ended)
            if news.last == news.newest:
                break
        return others

    async def _look(self) -> News | None:
        """Return what is new; None: all of it has been taken over."""
        link, epoch = self._link, self._link.epoch
        position = self._epochs.position
        with link.guard():
            news = _read(
                await self._script(
                    keys=[link.keys.facts, link.keys.rows, link.keys.changes],
                    args=[epoch or "", link.process, position, _ROWS],
                )
            )
        if not link.up or link.epoch != epoch:
            return None  # the ledger is joined anew, which takes all of it over
        if not news.misses(position):
            return news
        self._log.warning("ledger_changes_missed", count=news.newest - position)
        with link.guard():
            await self._epochs.reload()
        return None


def _read(reply: Sequence[Any]) -> News:
    first, last, newest, ended, *rows = reply
    names = (token.decode() for token in rows[::2])
    return News(
        first=first,
        last=last,
        newest=newest,
        ended=[int(fence) for fence in ended],
        rows=dict(zip(names, rows[1::2], strict=True)),
    )
