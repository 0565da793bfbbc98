from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import structlog
from msgspec import structs

from grokgate.errors import StoreUnavailable
from grokgate.openai.tally import Tally
from grokgate.plugin import Caller
from grokgate.settings.startup import LogSettings
from grokgate.statistics import Ended, RequestLog
from grokgate.statistics import log as request_log
from grokgate.storage import Database, open_database
from grokgate.storage.requests import RequestFilter, RequestRow, list_requests
from grokgate.storage.statistics import Numbers, read_models, read_numbers
from grokgate.testing.clock import FakeClock

pytestmark = pytest.mark.anyio

CALLER = Caller(key_id="k1", name="first")
ENDED = Ended(endpoint="POST /v1/chat/completions", status=200, seconds=1.25, caller=CALLER)


def tally(**more: Any) -> Tally:
    return Tally(request_id="req_1", **{"model": "grok-4", "units": 2, **more})


class Shelf:
    """A request log over a real database."""

    def __init__(self, database: Any, **rules: Any) -> None:
        self.clock = FakeClock()
        self.database = database
        self.rules = LogSettings(**rules)
        self.log = self.another()

    def another(self, database: Any = None, **more: Any) -> RequestLog:
        """Return the log of another process on the same database."""
        return RequestLog(
            database or self.database,
            clock=self.clock,
            rules=lambda: self.rules,
            offset_minutes=lambda: 480,
            delay_s=lambda: 0.0,
            log=structlog.get_logger(),
            **more,
        )

    @property
    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    async def rows(self, **wanted: Any) -> list[RequestRow]:
        await self.log.flush()
        async with self.database.read() as connection:
            return await list_requests(connection, RequestFilter(**wanted), limit=1000)

    async def hours(self) -> dict[int, Numbers]:
        await self.log.flush()
        async with self.database.read() as connection:
            return await read_numbers(connection, "hour", since_ms=0)


class Failing:
    """A database that cannot be written until it is mended."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.broken = True

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        async with self.database.write() as connection:
            yield connection
            if self.broken:
                raise StoreUnavailable


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with open_database(tmp_path / "grokgate.db") as database:
        yield Shelf(database)


async def test_row_tells_what_was_asked_and_used(shelf: Shelf) -> None:
    used = tally(token="tok_1", attempts=2, input=10, output=5, reasoning=1, estimated=True)
    shelf.log.note(structs.replace(ENDED, address="192.0.2.1", first_byte_s=0.5, stream=True), used)

    (row,) = await shelf.rows()
    assert structs.replace(row, id="") == RequestRow(
        id="",
        request_id="req_1",
        at_ms=shelf.now_ms,
        address="192.0.2.1",
        endpoint="POST /v1/chat/completions",
        model="grok-4",
        status=200,
        error=None,
        duration_ms=1250,
        first_byte_ms=500,
        key_id="k1",
        key_name="first",
        token="tok_1",
        attempts=2,
        units=2,
        usage={"input": 10, "output": 5, "reasoning": 1, "estimated": True},
        stream=True,
    )


async def test_who_left_is_neither_a_success_nor_a_failure(shelf: Shelf) -> None:
    for status, error in ((200, None), (200, "upstream_error"), (429, None), (499, None)):
        shelf.log.note(structs.replace(ENDED, status=status, error=error), tally())

    (numbers,) = (await shelf.hours()).values()
    assert numbers == Numbers(total=4, success=1, failed=2, units=8)


async def test_numbers_of_several_processes_add_up(shelf: Shelf) -> None:
    shelf.log.note(ENDED, tally())
    other = shelf.another()
    other.note(ENDED, tally())
    await other.flush()

    (numbers,) = (await shelf.hours()).values()
    assert numbers.total == 2


async def test_hours_and_days_are_the_operators(shelf: Shelf) -> None:
    shelf.log.note(ENDED, tally())
    await shelf.log.flush()

    async with shelf.database.read() as connection:
        ((begins_at, model),) = await read_models(connection, "day", since_ms=0)
    assert model == "grok-4"
    assert (begins_at + 480 * 60_000) % 86_400_000 == 0
    assert 0 <= shelf.now_ms - begins_at < 86_400_000


async def test_stranger_is_not_counted_and_fills_no_log(shelf: Shelf) -> None:
    refused = structs.replace(ENDED, caller=None, status=401, error="invalid_api_key")
    for _ in range(3 * request_log.MOST_OF_STRANGERS):
        shelf.log.note(refused, tally(model=""))

    assert len(await shelf.rows()) == request_log.MOST_OF_STRANGERS
    assert await shelf.hours() == {}
    assert shelf.log.lost == 2 * request_log.MOST_OF_STRANGERS


async def test_refusal_by_an_overloaded_gateway_counts(shelf: Shelf) -> None:
    shelf.log.note(structs.replace(ENDED, caller=None, status=503), tally(model=""))

    (numbers,) = (await shelf.hours()).values()
    assert numbers.failed == 1


async def test_store_that_heals_gets_everything_once(shelf: Shelf) -> None:
    failing = Failing(shelf.database)
    shelf.log = shelf.another(failing)
    shelf.log.note(ENDED, tally())
    with pytest.raises(StoreUnavailable):
        await shelf.log.flush()
    failing.broken = False
    shelf.log.note(ENDED, tally())

    assert len(await shelf.rows()) == 2
    assert [numbers.total for numbers in (await shelf.hours()).values()] == [2]


async def test_rows_that_two_ask_to_be_written_at_once_are_written_once(shelf: Shelf) -> None:
    shelf.log.note(ENDED, tally())
    async with anyio.create_task_group() as group:
        group.start_soon(shelf.log.flush)
        group.start_soon(shelf.log.flush)

    assert len(await shelf.rows()) == 1


async def test_writing_ends_though_more_is_noted_meanwhile(shelf: Shelf) -> None:
    class Busy:
        """A database during each of whose transactions another request ends."""

        @asynccontextmanager
        async def write(self) -> AsyncIterator[Any]:
            async with shelf.database.write() as connection:
                yield connection
            busy.note(ENDED, tally())

    busy = shelf.another(Busy())
    busy.note(ENDED, tally())
    with anyio.fail_after(5):
        await busy.flush()

    assert len(await shelf.rows()) == 1


async def test_oldest_rows_are_given_up_and_no_number_is(shelf: Shelf) -> None:
    shelf.log = shelf.another(most_waiting=2)
    for status in (200, 201, 202):
        shelf.log.note(structs.replace(ENDED, status=status), tally())

    assert [row.status for row in await shelf.rows()] in ([202, 201], [201, 202])
    assert [numbers.total for numbers in (await shelf.hours()).values()] == [3]
    assert shelf.log.lost == 1


async def test_rows_are_kept_for_the_days_of_the_setting(shelf: Shelf) -> None:
    shelf.rules = LogSettings(requests_keep_days=2)
    shelf.log.note(ENDED, tally())
    await shelf.log.flush()
    shelf.clock.advance(3 * 86_400)
    shelf.log.note(structs.replace(ENDED, status=201), tally())

    assert [row.status for row in await shelf.rows()] == [201]


async def test_no_more_rows_are_kept_than_the_setting_says(shelf: Shelf) -> None:
    shelf.rules = LogSettings(requests_max_rows=1)
    shelf.log.note(ENDED, tally())
    await shelf.log.flush()
    shelf.clock.advance(120)
    shelf.log.note(structs.replace(ENDED, status=201), tally())

    assert [row.status for row in await shelf.rows()] == [201]


async def test_zero_rows_leave_the_numbers(shelf: Shelf) -> None:
    shelf.rules = LogSettings(requests_max_rows=0)
    shelf.log.note(ENDED, tally())

    assert await shelf.rows() == []
    assert len(await shelf.hours()) == 1


async def test_numbers_of_48_hours_are_kept(shelf: Shelf) -> None:
    for _ in range(50):
        shelf.log.note(ENDED, tally())
        await shelf.log.flush()
        shelf.clock.advance(3600)
    shelf.log.note(ENDED, tally())

    assert len(await shelf.hours()) == request_log.HOURS_KEPT


async def test_it_is_written_without_being_asked(shelf: Shelf) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(shelf.log.run)
        shelf.log.note(ENDED, tally())
        with anyio.fail_after(5):
            while not await _stored(shelf):
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()


async def _stored(shelf: Shelf) -> list[RequestRow]:
    async with shelf.database.read() as connection:
        return await list_requests(connection, RequestFilter(), limit=10)
