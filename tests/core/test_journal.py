from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import structlog
from structlog.testing import capture_logs

from grokgate.dispatch import journal
from grokgate.dispatch.journal import CallStory, Journal
from grokgate.errors import StoreUnavailable
from grokgate.plugin.records import AttemptRecord, CallRecord
from grokgate.scheduler.decisions import SAMPLE
from grokgate.scheduler.home import Decision
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.upstream import Kind, Observation, Stage

pytestmark = pytest.mark.anyio

DAY_S = 86_400.0


class Shelf:
    """A journal over a real database."""

    def __init__(self, database: Any) -> None:
        self.clock = FakeClock()
        self.database = database
        self.journal = self.restarted()

    def restarted(self) -> Journal:
        """Return a journal that remembers nothing but what is stored."""
        return Journal(
            self.database,
            lambda request_id: [_decision(request_id)],
            clock=self.clock,
            delay_s=lambda: 0.0,
            log=structlog.get_logger(),
        )

    async def stored(self, request_id: str) -> list[CallStory]:
        await self.journal.flush()
        return await self.restarted().find(request_id)


def record(request_id: str, *, decision: int = 1, **changes: Any) -> CallRecord:
    observation = Observation(operation="converse", kind=Kind.TRANSIENT, stage=Stage.SENT)
    attempt = AttemptRecord(
        upstream="web",
        account="tok_1",
        observation=observation,
        units=1,
        duration_s=0.5,
        decision=decision,
    )
    fields: dict[str, Any] = {
        "request_id": request_id,
        "plugin": "chat",
        "model": "grok-4",
        "upstream": "web",
        "outcome": "failed",
        "observation": observation,
        "units": 1,
        "outputs": 0,
        "attempts": 1,
        "duration_s": 0.5,
        "first_event_s": None,
        "tries": (attempt,),
        "error": "upstream_error",
    }
    return CallRecord(**{**fields, **changes})


def _decision(request_id: str) -> Decision:
    return Decision(
        request_id=request_id,
        model="grok-4",
        upstream="web",
        policy="max_quota",
        chosen="tok_1",
        out={"empty": 2},
    )


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with open_database(tmp_path / "grokgate.db") as database:
        yield Shelf(database)


async def test_failed_call_is_found_after_a_restart(shelf: Shelf) -> None:
    shelf.journal.ended(record("r1"))

    [story] = await shelf.stored("r1")
    assert story.call == record("r1")
    assert story.decisions == (_decision("r1"),)


async def test_calls_that_went_well_are_remembered_but_not_stored(shelf: Shelf) -> None:
    shelf.journal.ended(record("r1", outcome="completed", error=None))

    assert len(await shelf.journal.find("r1")) == 1
    assert await shelf.stored("r1") == []


async def test_sample_is_stored(shelf: Shelf) -> None:
    shelf.journal.ended(record("r1", outcome="completed", decision=SAMPLE))

    assert len(await shelf.stored("r1")) == 1


async def test_storm_of_failures_is_stored_in_part(shelf: Shelf) -> None:
    for number in range(journal.MOST_PER_S + 5):
        shelf.journal.ended(record(f"r{number}"))
    shelf.clock.advance(1.0)
    shelf.journal.ended(record("later"))

    assert shelf.journal.lost == 5
    assert len(await shelf.stored("later")) == 1


async def test_old_calls_are_removed(shelf: Shelf) -> None:
    shelf.journal.ended(record("old"))
    await shelf.journal.flush()
    shelf.clock.advance((journal.KEEP_DAYS + 1) * DAY_S)
    shelf.journal.ended(record("new"))

    assert len(await shelf.stored("new")) == 1
    assert await shelf.stored("old") == []


class BrokenDatabase:
    """A database that cannot be written until it is mended."""

    def __init__(self, database: Database) -> None:
        self.broken = True
        self._database = database

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Any]:
        if self.broken:
            raise StoreUnavailable
        async with self._database.write() as connection:
            yield connection

    def read(self) -> Any:
        return self._database.read()


async def test_what_waits_for_the_store_is_bounded_and_written_when_it_heals(
    shelf: Shelf,
) -> None:
    broken = BrokenDatabase(shelf.database)
    at = Shelf(broken)
    async with _running(at.journal.run):
        for number in range(journal.KEPT + 1):
            at.journal.ended(record(f"r{number}"))
            at.clock.advance(1.0)
        with pytest.raises(StoreUnavailable):
            await at.journal.flush()
    broken.broken = False

    assert at.journal.lost == 1
    assert len(await at.stored(f"r{journal.KEPT}")) == 1
    assert await at.stored("r0") == []


async def test_what_waits_is_written_behind_the_calls(shelf: Shelf) -> None:
    with anyio.fail_after(5), capture_logs():
        async with _running(shelf.journal.run):
            shelf.journal.ended(record("r1"))
            while not await shelf.restarted().find("r1"):  # noqa: ASYNC110 - of the database
                await anyio.sleep(0.01)


@asynccontextmanager
async def _running(work: Callable[[], Any]) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(work)
        yield
        group.cancel_scope.cancel()


async def test_calls_are_written_after_a_flush_from_outside(shelf: Shelf) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(shelf.journal.run)
        await anyio.lowlevel.checkpoint()
        await shelf.journal.flush()

        shelf.journal.ended(record("r1"))

        with anyio.fail_after(5):
            while not await shelf.restarted().find("r1"):
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
