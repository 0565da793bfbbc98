"""Which processes take part in the ledger, and how far each has come in telling it what it knows.

Every process writes both into the ledger, again and again. Where the ledger was lost, a process
still remembers who took part, so it waits for those, and for nobody who is no more.
"""

from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import Final, NamedTuple, Self

import anyio

from grokgate.scheduler.holding import Moment
from grokgate.scheduler.redis.client import EMPTIED, Link, Lost

_BEAT_S: Final = 0.5
_AGAIN_S: Final = 0.02
_FRESH_MS: Final = 5_000
"""Who has said nothing for so long is taken to be dead or cut off."""
_FORGOTTEN_MS: Final = 60_000
_LONGEST_S: Final = 30.0
"""For processes that are at work: 100 000 rows take one some 10 s."""


class Stage(IntEnum):
    """How far a process has come with a ledger that was begun anew."""

    HERE = 0
    """It knows of it."""
    ROWS = 1
    """It has told which rows it knows better."""
    ALL = 2
    """It has told its leases, and whatever was on its way."""


class Members:
    """This process among the others.

    Args:
        link: To the server.
        now: Returns the time by the server's clock.
        silent_s: How long to wait at each stage for processes that say nothing.
    """

    def __init__(self, link: Link, *, now: Callable[[], Moment], silent_s: float) -> None:
        self._link = link
        self._now = now
        self._silent_s = silent_s
        self._epoch: str | None = None
        self._stage = Stage.HERE
        self._others: frozenset[str] | None = None
        """Who took part in the ledger when all was well; None: we did not."""

    async def come(self, stage: Stage, epoch: str) -> None:
        """Tell the others that this process has come so far with a ledger.

        That is written: it fails where a server answers but takes nothing, its memory being full.
        """
        self._stage, self._epoch = stage, epoch
        await self._look()

    async def wait_for(self, stage: Stage, *, begun_ms: int) -> None:
        """Wait until all have come to *stage*: those who are there, and those who took part before.

        Who says nothing may be no more, and is waited for until its time for this stage is over.

        Args:
            stage: This process has come there.
            begun_ms: When the ledger was begun.
        """
        while True:
            there = await self._look()
            waited_s = (self._now().ms - begun_ms) / 1000
            is_complete = self._others is not None and self._others <= there.keys()
            is_over = waited_s >= stage * self._silent_s
            if (is_complete or is_over) and all(come >= stage for come in there.values()):
                return
            if waited_s >= _LONGEST_S:
                return
            await anyio.sleep(_AGAIN_S)

    async def run(self) -> None:
        """Say again and again that we are here, until cancelled."""
        while True:
            await anyio.sleep(_BEAT_S)
            if self._epoch is None:
                continue
            with suppress(Lost), self._link.guard():
                there = await self._look()
                if self._link.up:
                    self._others = frozenset(there)

    async def leave(self) -> None:
        """Have nobody wait for us."""
        self._epoch = None
        with suppress(Lost), self._link.guard():
            await self._link.client.hdel(self._link.keys.members, self._link.process)

    async def _look(self) -> dict[str, Stage]:
        """Say where we are; return how far the others have come, those of whom we hear."""
        keys, mine, at = self._link.keys, self._link.process, self._now()
        pipeline = self._link.client.pipeline(transaction=True)
        pipeline.hget(keys.facts, "epoch")
        pipeline.hset(keys.members, mine, f"{self._epoch} {self._stage:d} {at.ms}")
        pipeline.hgetall(keys.members)
        epoch, _, found = await pipeline.execute()
        if (epoch or b"").decode() != self._epoch:
            raise self._link.lose(EMPTIED)
        said = {name.decode(): _Said.parse(words.decode(), at) for name, words in found.items()}
        if forgotten := [name for name, one in said.items() if one.age_ms > _FORGOTTEN_MS]:
            await self._link.client.hdel(keys.members, *forgotten)
        return {
            name: one.stage
            for name, one in said.items()
            if name != mine and one.epoch == self._epoch and one.age_ms <= _FRESH_MS
        }


class _Said(NamedTuple):
    """What a process said last."""

    epoch: str
    stage: Stage
    age_ms: int

    @classmethod
    def parse(cls, words: str, at: Moment) -> Self:
        epoch, stage, said_ms = words.split()
        return cls(epoch, Stage(int(stage)), abs(at.ms - int(said_ms)))
