"""How the requests of the last hour and the last day fared, counted at most every few seconds.

Hours that are over are counted once and kept; only the present one, the one just before and the
last sixty minutes are read from the request log again. Whoever asks while it is being counted waits
for the same answer.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Final, TypeVar

import anyio
import anyio.to_thread
from msgspec import Meta, Struct

from grokgate.statistics.spans import HOUR_MS, MINUTE_MS, begin_of_hour
from grokgate.storage import Database
from grokgate.storage.request_counts import Group, count_groups, count_times
from grokgate.storage.statistics import Numbers, read_numbers
from grokgate.upstream import Clock

K = TypeVar("K", str, tuple[str, int])
HOURS: Final = 24
KEPT_S: Final = 5.0
"""Shortest time for which an answer holds."""
_COST: Final = 10
"""An answer is kept for so many times what it took."""
_SETTLED_MS: Final = MINUTE_MS
"""An hour is counted for good when it has been over for so long. What the store could not take by
then, because it failed, is missing here; the numbers of the hour itself come from elsewhere."""


class Causes(Struct, frozen=True, kw_only=True):
    """How often requests failed for one reason."""

    error: str
    """Code; empty where the status alone is known."""
    status: int
    count: int


class Served(Struct, frozen=True, kw_only=True):
    """How many requests one model had."""

    model: str
    total: int
    failed: int


class Asked(Struct, frozen=True, kw_only=True):
    """How many requests one endpoint had."""

    endpoint: Annotated[
        str, Meta(description="Method and path.", examples=["POST /v1/chat/completions"])
    ]
    total: int
    failed: int


class Latency(Struct, frozen=True, kw_only=True):
    """Milliseconds that 50, 90, 95, 99 of 100 requests took at most, to 2 %; None: no request."""

    count: int = 0
    p50_ms: int | None = None
    p90_ms: int | None = None
    p95_ms: int | None = None
    p99_ms: int | None = None


class Counts(Struct, frozen=True, kw_only=True):
    """The requests of some time; those without a good key are no requests (F-LOG-03)."""

    groups: Sequence[Group] = ()
    duration: Mapping[int, int] = {}
    """Milliseconds → requests that called a model and were answered."""
    first_byte: Mapping[int, int] = {}

    def causes(self, most: int) -> list[Causes]:
        """Return why requests failed, most often first."""
        counted = Counter[tuple[str, int]]()
        for group in self.groups:
            if group.failed:
                counted[group.error, group.status] += group.count
        return [
            Causes(error=error, status=status, count=count)
            for (error, status), count in _ranked(counted, most)
        ]

    def models(self, most: int) -> list[Served]:
        """Return the models that were called, most often first."""
        total, failed = Counter[str](), Counter[str]()
        for group in self.groups:
            if group.model:
                total[group.model] += group.count
                failed[group.model] += group.count * group.failed
        return [
            Served(model=model, total=count, failed=failed[model])
            for model, count in _ranked(total, most)
        ]

    def endpoints(self, most: int | None = None) -> list[Asked]:
        """Return what was asked for, most often first."""
        total, failed = Counter[str](), Counter[str]()
        for group in self.groups:
            total[group.endpoint] += group.count
            failed[group.endpoint] += group.count * group.failed
        return [
            Asked(endpoint=endpoint, total=count, failed=failed[endpoint])
            for endpoint, count in _ranked(total, most)
        ]

    def statuses(self) -> dict[int, int]:
        """Count requests by status, the least first."""
        counted = Counter[int]()
        for group in self.groups:
            counted[group.status] += group.count
        return dict(sorted(counted.items()))

    def numbers(self) -> Numbers:
        """Sum up; units are left out, and who left is in the total alone."""
        total = sum(group.count for group in self.groups)
        failed = sum(group.count for group in self.groups if group.failed)
        left = sum(group.count for group in self.groups if group.left)
        return Numbers(total=total, success=total - failed - left, failed=failed)


class HourCounts(Struct, frozen=True, kw_only=True):
    """One hour of a day."""

    begins_at: Annotated[int, Meta(description="Unix milliseconds.")]
    total: int
    success: int
    failed: int
    p50_ms: int | None
    p95_ms: int | None
    p99_ms: int | None


class Recent(Struct, frozen=True, kw_only=True):
    """How requests fared lately."""

    at_ms: int
    """Unix milliseconds at which they were counted."""
    hour: Counts
    """The last 60 minutes."""
    day: Counts
    """The present hour and the 23 before it."""
    hours: Sequence[HourCounts]
    """Those, oldest first."""


class RecentRequests:
    """Counts, and changes nothing; used from one event loop.

    Args:
        database: Holds the request log.
        clock: Time.
        offset_minutes: Returns when hours begin, minutes east of UTC.
    """

    def __init__(
        self, database: Database, *, clock: Clock, offset_minutes: Callable[[], int]
    ) -> None:
        self._database = database
        self._clock = clock
        self._offset_minutes = offset_minutes
        self._looking = anyio.Lock()
        self._over: dict[int, Counts] = {}
        """Hours that are over, by their beginning."""
        self._last: Recent | None = None
        self._holds_until = 0.0

    async def look(self) -> Recent:
        """Tell how requests fared; the answer may be some seconds old.

        Raises:
            StoreUnavailable: The log cannot be read.
        """
        async with self._looking:
            if self._last is None or self._clock.monotonic() >= self._holds_until:
                began = time.perf_counter()
                self._last = await self._look()
                cost_s = time.perf_counter() - began
                self._holds_until = self._clock.monotonic() + max(KEPT_S, _COST * cost_s)
            return self._last

    async def _look(self) -> Recent:
        now_ms = int(self._clock.now().timestamp() * 1000)
        this = begin_of_hour(now_ms, offset_minutes=self._offset_minutes())
        begins = range(this - (HOURS - 1) * HOUR_MS, this + 1, HOUR_MS)
        slices = {begins_at: await self._hour(begins_at, now_ms) for begins_at in begins}
        hour = await self._count(now_ms - HOUR_MS + 1, now_ms + 1)
        async with self._database.read() as connection:
            numbers = await read_numbers(connection, "hour", since_ms=begins[0])

        def add_up() -> Recent:
            hours = [
                _hour(begins_at, numbers.get(begins_at, Numbers()), counts)
                for begins_at, counts in slices.items()
            ]
            return Recent(at_ms=now_ms, hour=hour, day=_together(slices.values()), hours=hours)

        return await anyio.to_thread.run_sync(add_up)

    async def _hour(self, begins_at: int, now_ms: int) -> Counts:
        """Count an hour, unless that was done after its end."""
        if begins_at in self._over:
            return self._over[begins_at]
        counts = await self._count(begins_at, begins_at + HOUR_MS)
        if begins_at + HOUR_MS + _SETTLED_MS < now_ms:
            self._over[begins_at] = counts
            for old in [one for one in self._over if one < now_ms - (HOURS + 1) * HOUR_MS]:
                del self._over[old]
        return counts

    async def _count(self, since_ms: int, until_ms: int) -> Counts:
        within = {"since_ms": since_ms, "until_ms": until_ms}
        async with self._database.read() as connection:
            return Counts(
                groups=await count_groups(connection, **within),
                duration=await count_times(connection, "duration_ms", **within),
                first_byte=await count_times(connection, "first_byte_ms", **within),
            )


def latency(times: Mapping[int, int]) -> Latency:
    """Return the percentiles of *times*, by nearest rank."""
    if not times:
        return Latency()
    sorted_ms = sorted(times)
    places = list(accumulate(times[ms] for ms in sorted_ms))
    count = places[-1]

    def percentile(percent: int) -> int:
        return sorted_ms[bisect_left(places, (count * percent + 99) // 100)]

    return Latency(
        count=count,
        p50_ms=percentile(50),
        p90_ms=percentile(90),
        p95_ms=percentile(95),
        p99_ms=percentile(99),
    )


def _hour(begins_at: int, numbers: Numbers, counts: Counts) -> HourCounts:
    times = latency(counts.duration)
    return HourCounts(
        begins_at=begins_at,
        total=numbers.total,
        success=numbers.success,
        failed=numbers.failed,
        p50_ms=times.p50_ms,
        p95_ms=times.p95_ms,
        p99_ms=times.p99_ms,
    )


def _together(slices: Iterable[Counts]) -> Counts:
    groups = Counter[tuple[str, str, int, str]]()
    duration, first_byte = Counter[int](), Counter[int]()
    for counts in slices:
        for one in counts.groups:
            groups[one.model, one.endpoint, one.status, one.error] += one.count
        duration.update(counts.duration)
        first_byte.update(counts.first_byte)
    found = [Group(*alike, count) for alike, count in groups.items()]
    return Counts(groups=found, duration=duration, first_byte=first_byte)


def _ranked(counted: Counter[K], most: int | None) -> list[tuple[K, int]]:
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:most]
