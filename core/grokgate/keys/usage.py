"""What managed keys use of their daily quotas (F-KEY-04 to F-KEY-07, I6).

1. `DailyUsage.take` checks all quotas a request needs and reserves them, in one step.
2. What came of it that was less is given back with `give_back`, to the day it was taken on.
3. Both change counters in memory. `run` adds the changes to the database, at most 250 ms later:
   a kill -9 forgets no more.

A `Meter` is all that calls see of it; one that keeps the counters elsewhere has to do the first
step atomically for all processes.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias

import anyio

from grokgate.errors import DailyQuotaExceeded, StoreUnavailable
from grokgate.storage import Database
from grokgate.storage.keys import add_usage, load_usage, prune_usage
from grokgate.upstream import Clock

_DAY: Final = timedelta(days=1)
_KEPT: Final = timedelta(days=90)
_DAYS_HELD: Final = 4
"""In memory: what was taken yesterday may be given back, and a setting may turn the day back."""
_BATCH_S: Final = 0.2
_AGAIN_S: Final = 1.0
"""Pause after the database did not answer."""
_Changes: TypeAlias = dict[tuple[str, str, str], int]


class Meter(Protocol):
    """Where daily quotas are checked and reserved."""

    async def take(
        self, key_id: str, amounts: Mapping[str, int], /, *, limits: Mapping[str, int]
    ) -> str:
        """Reserve *amounts*, by quota, all or none; return the day they are taken from.

        Nothing stays taken when the wait is cancelled.

        Args:
            key_id: Of the key that uses them.
            amounts: By quota, 1 or more each.
            limits: Of the key, by quota; −1 or absent: none.

        Raises:
            DailyQuotaExceeded: One of them would pass its limit; nothing was taken.
        """
        ...

    def give_back(self, key_id: str, day: str, amounts: Mapping[str, int], /) -> None:
        """Return part of what was taken on *day*; never waits and never fails."""
        ...


class DailyUsage:
    """Counts by day, key and quota; a `Meter` for one process.

    Args:
        database: Keeps the counts.
        clock: Its wall time decides what day it is.
        offset_minutes: When a day begins, minutes east of UTC.
    """

    def __init__(self, database: Database, clock: Clock, offset_minutes: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._offset_minutes = offset_minutes
        self._days: dict[str, dict[str, defaultdict[str, int]]] = {}
        """Day → key id → quota → used."""
        self._unwritten: _Changes = {}
        self._changed = anyio.Event()
        self._pruned = ""
        """The day on which old rows were removed last."""

    async def load(self) -> None:
        """Read what was used on the days that may be today; call it before anything else.

        Raises:
            StoreUnavailable: It cannot be read.
        """
        now = self._clock.now()
        days = [(now + _DAY * step).date().isoformat() for step in (-1, 0, 1)]
        async with self._database.read() as connection:
            rows = await load_usage(connection, days)
        for day in days:
            self._days[day] = {}
        for row in rows:
            self._of(row.day, row.key_id)[row.quota] = row.used

    def day(self) -> str:
        """Return what day it is where the operator counts them."""
        return self._local().date().isoformat()

    def left_s(self) -> float:
        """Return the seconds to the next day."""
        now = self._local()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        return max(1.0, (midnight - now).total_seconds())

    def used(self, key_id: str) -> Mapping[str, int]:
        """Return what a key has used today, by quota; absent: nothing. May be asked in a thread."""
        return dict(self._days.get(self.day(), {}).get(key_id, {}))

    async def take(
        self, key_id: str, amounts: Mapping[str, int], /, *, limits: Mapping[str, int]
    ) -> str:
        """Reserve what a request may use."""
        day = self.day()
        used = self._of(day, key_id)
        for quota, amount in amounts.items():
            limit = limits.get(quota, -1)
            if 0 <= limit < used[quota] + amount:
                raise DailyQuotaExceeded("/".join(amounts), retry_after_s=self.left_s())
        self._add(key_id, day, amounts)
        return day

    def give_back(self, key_id: str, day: str, amounts: Mapping[str, int], /) -> None:
        """Return what was not used; nothing remains of a key that is gone."""
        used = self._days.get(day, {}).get(key_id)
        if used is not None:
            # Taken on both sides of midnight, it comes back to the later day: that owes nothing.
            given = {quota: -min(amount, used[quota]) for quota, amount in amounts.items()}
            self._add(key_id, day, given)

    def note(self, more: Mapping[tuple[str, str, str], int]) -> None:
        """Count what was added to the database already, by key id, day and quota."""
        for (key_id, day, quota), used in more.items():
            self._of(day, key_id)[quota] += used

    def forget(self, key_id: str) -> None:
        """Drop the counts of a key that is gone."""
        for counts in self._days.values():
            counts.pop(key_id, None)
        self._unwritten = {at: used for at, used in self._unwritten.items() if at[0] != key_id}

    async def run(self, log: Any) -> None:
        """Write changes soon after they are made, until cancelled."""
        while True:
            await self._changed.wait()
            await anyio.sleep(_BATCH_S)
            try:
                await self.flush()
            except StoreUnavailable as error:
                log.warning("key_usage_not_written", error=type(error).__name__)
                await anyio.sleep(_AGAIN_S)

    async def flush(self) -> None:
        """Write all changes now.

        Raises:
            StoreUnavailable: They are kept, and written with the next ones.
        """
        changes, self._unwritten = self._unwritten, {}
        self._changed = anyio.Event()
        today = self.day()
        try:
            async with self._database.write() as connection:
                await add_usage(connection, changes)
                if today != self._pruned:
                    oldest = (self._local() - _KEPT).date().isoformat()
                    await prune_usage(connection, before=oldest)
        except BaseException:
            for at, used in changes.items():
                self._unwritten[at] = self._unwritten.get(at, 0) + used
            self._changed.set()
            raise
        self._pruned = today

    def _add(self, key_id: str, day: str, amounts: Mapping[str, int]) -> None:
        used = self._of(day, key_id)
        for quota, amount in amounts.items():
            used[quota] += amount
            at = (key_id, day, quota)
            self._unwritten[at] = self._unwritten.get(at, 0) + amount
        self._changed.set()

    def _of(self, day: str, key_id: str) -> defaultdict[str, int]:
        counts = self._days.get(day)
        if counts is None:
            counts = self._days[day] = {}
            for old in sorted(self._days)[:-_DAYS_HELD]:
                del self._days[old]
        used = counts.get(key_id)
        if used is None:
            used = counts[key_id] = defaultdict(int)
        return used

    def _local(self) -> datetime:
        return self._clock.now() + timedelta(minutes=self._offset_minutes())
