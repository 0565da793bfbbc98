"""Collects what ended and writes it behind the requests, in batches (F-LOG-02, F-LOG-03)."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, Protocol, TypeAlias

import anyio

from grokgate.background import write_behind
from grokgate.openai.tally import Tally
from grokgate.statistics.ended import Ended, row_of
from grokgate.statistics.recent import RecentRequests
from grokgate.statistics.spans import DAY_MS, HOUR_MS, begin_of_day, begin_of_hour
from grokgate.storage import Database
from grokgate.storage.requests import (
    CLIENT_LEFT,
    SERVER_FAULT,
    is_failure,
    prune_requests,
    write_requests,
)
from grokgate.storage.statistics import Numbers, Slot, add_numbers, prune_numbers
from grokgate.upstream import Clock

MOST_WAITING: Final = 10_000
"""Rows that wait to be written; some 6 MB."""
HOURS_KEPT: Final = 48
DAYS_KEPT: Final = 30
MOST_OF_STRANGERS: Final = 20
"""Rows a second of requests without a key: whoever has none is not to push out the others."""
_BATCH: Final = 500
_PRUNE_EVERY_S: Final = 60.0
_PRUNED_AT_ONCE: Final = 5000

_Waiting: TypeAlias = tuple[int, Ended, Tally]
"""A row to be: Unix milliseconds of its end, and what is known of it."""


class KeepRules(Protocol):
    """What is read of the ``log`` section."""

    @property
    def requests_keep_days(self) -> float:
        """Days for which rows are kept."""
        ...

    @property
    def requests_max_rows(self) -> int:
        """Rows kept; 0: none is written."""
        ...


class RequestLog:
    """The requests of one process; used from one event loop.

    Rows wait in memory, at most *most_waiting*, and the oldest are given up while the store fails.
    Numbers are sums per hour and model: none of them is lost while the process lives.

    Args:
        database: Where both are kept.
        clock: Time.
        rules: Returns how long rows are kept.
        offset_minutes: Returns when hours and days begin, minutes east of UTC.
        delay_s: Returns for how long rows are collected.
        log: A bound structlog logger.
        most_waiting: Rows that wait to be written.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        rules: Callable[[], KeepRules],
        offset_minutes: Callable[[], int],
        delay_s: Callable[[], float],
        log: Any,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self.lost = 0
        """Rows that were given up or left out."""
        self.recent = RecentRequests(database, clock=clock, offset_minutes=offset_minutes)
        """How requests fared lately, as far as they are written."""
        self._database = database
        self._clock = clock
        self._rules = rules
        self._offset_minutes = offset_minutes
        self._delay_s = delay_s
        self._log = log
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiting] = deque()
        self._counted: dict[tuple[int, str], Numbers] = {}
        """By the beginning of an hour, Unix milliseconds, and model."""
        self._flushing = anyio.Lock()
        self._stirred = asyncio.Event()
        self._prune_at = clock.monotonic()
        self._strangers = (0, 0)
        """A second, and how many requests without a key ended in it."""

    def note(self, ended: Ended, tally: Tally) -> None:
        """Take note of a request that has ended; never waits."""
        at_ms = self._now_ms()
        if ended.caller is not None or ended.status >= SERVER_FAULT:
            self._count(ended, tally, at_ms)
        if self._is_wanted(ended, at_ms):
            self._waiting.append((at_ms, ended, tally))
            if len(self._waiting) > self._most_waiting:
                self._waiting.popleft()
                self.lost += 1
        self._stirred.set()

    async def run(self) -> None:
        """Write until cancelled."""

        def failed(error: Exception) -> None:
            self._log.warning("requests_not_written", error=type(error).__name__)

        await write_behind(self._stirred, self.flush, delay_s=self._delay_s, failed=failed)

    async def flush(self) -> None:
        """Write what waits now; what the store raises passes through, and nothing is lost.

        May be called from several tasks. What is noted meanwhile is left to the next call, so that
        it ends however much is asked for.
        """
        async with self._flushing:
            self._stirred.clear()
            try:
                for _ in range(0, max(len(self._waiting), bool(self._counted)), _BATCH):
                    await self._write(list(islice(self._waiting, _BATCH)))
            except BaseException:
                self._stirred.set()
                raise

    async def _write(self, batch: list[_Waiting]) -> None:
        """Write *batch*, the oldest rows, and all numbers in one transaction."""
        counted, self._counted = self._counted, {}
        rows = [row_of(ended, tally, at_ms=at_ms) for at_ms, ended, tally in batch]
        try:
            async with self._database.write() as connection:
                await write_requests(connection, rows)
                await add_numbers(connection, self._slots(counted))
                if self._clock.monotonic() >= self._prune_at:
                    await self._prune(connection)
        except BaseException:
            for key, numbers in counted.items():
                self._counted.setdefault(key, Numbers()).add(numbers)
            raise
        written = {id(waiting) for waiting in batch}
        while self._waiting and id(self._waiting[0]) in written:
            self._waiting.popleft()

    async def _prune(self, connection: Any) -> None:
        """Remove what is too old or too much; soon again if that was only a part of it."""
        now_ms, rules = self._now_ms(), self._rules()
        removed = await prune_requests(
            connection,
            before_ms=now_ms - round(rules.requests_keep_days * DAY_MS),
            most=rules.requests_max_rows,
            at_once=_PRUNED_AT_ONCE,
        )
        offset = self._offset_minutes()
        first_hour = begin_of_hour(now_ms, offset_minutes=offset) - (HOURS_KEPT - 1) * HOUR_MS
        first_day = begin_of_day(now_ms, offset_minutes=offset) - (DAYS_KEPT - 1) * DAY_MS
        await prune_numbers(connection, "hour", before_ms=first_hour)
        await prune_numbers(connection, "day", before_ms=first_day)
        if removed < _PRUNED_AT_ONCE:
            self._prune_at = self._clock.monotonic() + _PRUNE_EVERY_S

    def _count(self, ended: Ended, tally: Tally, at_ms: int) -> None:
        key = begin_of_hour(at_ms, offset_minutes=self._offset_minutes()), tally.model
        numbers = self._counted.get(key)
        if numbers is None:
            numbers = self._counted[key] = Numbers()
        failed = is_failure(ended.status, ended.error)
        numbers.total += 1
        numbers.failed += failed
        numbers.success += not failed and ended.status != CLIENT_LEFT
        numbers.units += tally.units

    def _slots(self, counted: Mapping[tuple[int, str], Numbers]) -> dict[Slot, Numbers]:
        """Sum hours up to days, of each model and of all together."""
        offset = self._offset_minutes()
        slots: dict[Slot, Numbers] = {}
        for (at_ms, model), numbers in counted.items():
            # Once more: the time zone may have been changed meanwhile.
            hour = begin_of_hour(at_ms, offset_minutes=offset)
            day = begin_of_day(at_ms, offset_minutes=offset)
            for name in {model, ""}:
                slots.setdefault(("hour", hour, name), Numbers()).add(numbers)
                slots.setdefault(("day", day, name), Numbers()).add(numbers)
        return slots

    def _is_wanted(self, ended: Ended, at_ms: int) -> bool:
        """Tell whether a row is written at all."""
        if not self._rules().requests_max_rows:
            return False
        if ended.caller is not None:
            return True
        second, count = self._strangers
        count = count + 1 if second == at_ms // 1000 else 1
        self._strangers = at_ms // 1000, count
        if count > MOST_OF_STRANGERS:
            self.lost += 1
            return False
        return True

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
