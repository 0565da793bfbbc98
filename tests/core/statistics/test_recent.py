"""How requests fared lately: counted from the log, kept for hours that are over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from grokgate.statistics.recent import HOURS, Latency, Recent, RecentRequests, latency
from grokgate.statistics.spans import HOUR_MS
from grokgate.storage import Database, open_database
from grokgate.storage.requests import RequestRow, write_requests
from grokgate.testing.clock import FakeClock

pytestmark = pytest.mark.anyio


class Log:
    """A request log that is written by hand."""

    def __init__(self, database: Database) -> None:
        self.clock = FakeClock()
        self.database = database
        self.recent = RecentRequests(database, clock=self.clock, offset_minutes=lambda: 0)
        self._rows = 0

    @property
    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    async def add(self, *, ago_ms: int = 0, **more: Any) -> None:
        self._rows += 1
        at_ms = self.now_ms - ago_ms
        fields = {
            "endpoint": "POST /v1/chat/completions",
            "model": "grok-4",
            "status": 200,
            "error": None,
            "duration_ms": 100,
            "first_byte_ms": 10,
            "key_id": "k1",
            **more,
        }
        row = RequestRow(
            id=f"{at_ms:013d}-{self._rows}",
            request_id=f"req_{self._rows}",
            at_ms=at_ms,
            address="",
            key_name="",
            token=None,
            attempts=1,
            units=1,
            usage={},
            stream=False,
            **fields,
        )
        async with self.database.write() as connection:
            await write_requests(connection, [row])

    async def later(self, seconds: float = 600) -> Recent:
        """Look when the last answer holds no more, however long it took."""
        self.clock.advance(seconds)
        return await self.recent.look()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Log]:
    async with open_database(folder / "db") as database:
        yield Log(database)


async def test_answer_holds_for_some_seconds_whoever_asks(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.recent.look()
        await log.add()
        soon = await log.recent.look()
        later = await log.later()

    assert (soon.hour.numbers().total, later.hour.numbers().total) == (0, 1)


async def test_hour_ends_after_sixty_minutes_and_day_with_its_first_hour(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.add(ago_ms=HOUR_MS - 1)
        await log.add(ago_ms=HOUR_MS)
        await log.add(ago_ms=HOURS * HOUR_MS)
        found = await log.recent.look()

    assert (found.hour.numbers().total, found.day.numbers().total) == (1, 2)
    assert len(found.hours) == HOURS


async def test_hour_that_is_over_is_counted_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.add(ago_ms=3 * HOUR_MS)
        await log.recent.look()
        await log.add(ago_ms=3 * HOUR_MS)
        await log.add()
        found = await log.later()

    assert found.day.numbers().total == 2


async def test_hour_goes_on_being_counted_until_it_is_over(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.add()
        await log.recent.look()
        await log.add()
        found = await log.later(HOUR_MS / 1000)

    assert found.day.numbers().total == 2


async def test_causes_models_endpoints_and_statuses_come_most_often_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.add(status=502, error="upstream_error", model="grok-3")
        for _ in range(2):
            await log.add(status=429, error="rate_limit_exceeded")
        await log.add(endpoint="GET /v1/models", model="")
        day = (await log.recent.look()).day

    assert [(one.error, one.count) for one in day.causes(5)] == [
        ("rate_limit_exceeded", 2),
        ("upstream_error", 1),
    ]
    assert [(one.model, one.total, one.failed) for one in day.models(1)] == [("grok-4", 2, 2)]
    assert [one.total for one in day.endpoints()] == [3, 1]
    assert day.statuses() == {200: 1, 429: 2, 502: 1}


async def test_who_left_neither_failed_nor_succeeded(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        for status in (200, 499, 502):
            await log.add(status=status)
        day = (await log.recent.look()).day

    numbers = day.numbers()
    assert (numbers.total, numbers.success, numbers.failed) == (3, 1, 1)
    assert [one.status for one in day.causes(5)] == [502]


async def test_model_that_nobody_knows_was_not_called(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.add(status=404, error="model_not_found", model="grok-99")
        day = (await log.recent.look()).day

    assert day.models(5) == []
    assert [one.error for one in day.causes(5)] == ["model_not_found"]


async def test_stranger_counts_only_where_the_gateway_failed(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.add(key_id="", status=401, error="invalid_api_key")
        await log.add(key_id="", status=500, error="internal_error")
        day = (await log.recent.look()).day

    assert day.numbers().total == 1
    assert [cause.status for cause in day.causes(5)] == [500]


async def test_times_are_of_answered_calls_of_a_model(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await log.add(duration_ms=50, first_byte_ms=None)
        await log.add(duration_ms=70, model="")
        await log.add(duration_ms=90, error="upstream_error")
        day = (await log.recent.look()).day

    assert (day.duration, day.first_byte) == ({50: 1}, {})


@pytest.mark.parametrize("ms", [0, 127, 128, 255, 256, 999, 60_000, 3_599_999])
async def test_times_are_rounded_up_by_less_than_two_percent(tmp_path: Path, ms: int) -> None:
    async with opened(tmp_path) as log:
        await log.add(duration_ms=ms)
        (shown,) = (await log.recent.look()).day.duration

    assert ms <= shown < max(ms * 1.02, ms + 1)


def test_percentiles_are_by_nearest_rank() -> None:
    assert latency(dict.fromkeys(range(1, 101), 1)) == Latency(
        count=100, p50_ms=50, p90_ms=90, p95_ms=95, p99_ms=99
    )
    assert latency({7: 1}) == Latency(count=1, p50_ms=7, p90_ms=7, p95_ms=7, p99_ms=7)
    assert latency({}) == Latency()
