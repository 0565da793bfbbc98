"""Work on many accounts: begun once, watched by anybody, ended in order."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import msgspec
import pytest

from core.chores_world import items, world
from grokgate.chores import Event, Item, Result
from grokgate.chores.engine import KEPT_S, STOPPED
from grokgate.chores.events import Cancelled, Done, Failed, Progress, Snapshot, unique
from grokgate.chores.task import LISTENER_EVENTS
from grokgate.errors import Conflict, ObjectNotFound, Overloaded

pytestmark = pytest.mark.anyio


async def next_of(events: AsyncGenerator[Event, None]) -> Event:
    with anyio.fail_after(5):
        return await anext(events)


async def test_listener_hears_a_snapshot_every_account_and_the_end(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=1) as at:
        at.worker.gate.clear()
        task = await at.start("a", "bad")
        events = at.chores.listen(task.id)
        first = await next_of(events)
        at.worker.gate.set()
        rest = [event async for event in events]

    assert isinstance(first, Snapshot)
    assert (first.status, first.total, first.processed) == ("running", 2, 0)
    assert [(event.item, event.error) for event in rest if isinstance(event, Progress)] == [
        ("…a", msgspec.UNSET),
        ("…bad", "The credential is dead."),
    ]
    end = rest[-1]
    assert isinstance(end, Done)
    result = msgspec.json.decode(end.result)
    assert result["summary"] == {"total": 2, "ok": 1, "fail": 1}
    assert result["results"] == {"…a": True, "…bad": False}


async def test_late_listener_hears_a_snapshot_and_the_end(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        task = await at.start("a")
        await task.wait()
        snapshot, end = await at.told(task.id)

    assert isinstance(snapshot, Snapshot)
    assert (snapshot.status, type(end)) == ("done", Done)


async def test_slow_listener_misses_events_but_not_the_latest(tmp_path: Path) -> None:
    async with world(tmp_path, step=500) as at:
        at.worker.gate.clear()
        task = await at.start(*map(str, range(200)))
        events = at.chores.listen(task.id)
        await next_of(events)
        at.worker.gate.set()
        await task.wait()
        progress = [event async for event in events if isinstance(event, Progress)]

    assert len(progress) == LISTENER_EVENTS
    assert progress[-1].processed == 200


async def test_listener_that_leaves_does_not_end_the_work(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.worker.gate.clear()
        task = await at.start("a")
        events = at.chores.listen(task.id)
        await next_of(events)
        await events.aclose()
        at.worker.gate.set()

        assert isinstance(await task.wait(), Done)


async def test_cancel_begins_nothing_more_and_lets_what_runs_end(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=2) as at:
        at.worker.gate.clear()
        task = await at.start("a", "b", "c", "d")
        await at.worker.begins(2)
        await at.chores.cancel(task.id)
        at.worker.gate.set()
        end = await task.wait()

    assert isinstance(end, Cancelled)
    assert (end.processed, end.ok, at.worker.begun) == (2, 2, ["a", "b"])


async def test_no_more_accounts_than_allowed_at_once(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=3) as at:
        await (await at.start(*"abcdefgh")).wait()
        usual = at.worker.most_at_work
        at.worker.most_at_work = 0
        await (await at.start(*"abcdefgh", at_once=1)).wait()

    assert (usual, at.worker.most_at_work) == (3, 1)


async def test_next_step_begins_when_the_last_has_ended(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=5, step=2) as at:
        await (await at.start(*"abcde")).wait()

        assert at.worker.most_at_work == 2


async def test_crash_of_one_account_ends_no_other(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        task = await at.start("crash", "a")
        end = await task.wait()

    assert isinstance(end, Done)
    assert (end.ok, end.fail) == (1, 1)
    assert "chore_item_failed" in {entry["event"] for entry in at.logs.entries}


async def test_account_that_is_not_there_fails_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        task = await at.chores.start("poke", [Item(None, "…"), *items("a")])
        await task.wait()

    assert (task.ok, task.fail, at.worker.begun) == (1, 1, ["a"])


async def test_same_work_on_the_same_account_is_refused_with_its_id(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.worker.gate.clear()
        task = await at.start("a", "b")
        with pytest.raises(Conflict, match=task.id) as raised:
            await at.start("b", "c")
        other_kind = await at.start("b", kind="prod")
        others = await at.start("c")
        at.worker.gate.set()
        for one in (task, other_kind, others):
            await one.wait()

    assert raised.value.code == "job_running"
    assert raised.value.headers["x-grokgate-job"] == task.id


async def test_whoever_subscribed_is_told_how_each_ended(tmp_path: Path) -> None:
    ends: list[tuple[str, type]] = []
    async with world(tmp_path) as at:
        at.chores.subscribe(lambda kind, end: ends.append((kind, type(end))))
        await (await at.start("bad", kind="prod")).wait()

    assert ends == [("prod", Done)]


async def test_equal_masks_are_told_apart() -> None:
    assert unique(["…", "…abc", "…", "…"]) == ["…", "…abc", "…#2", "…#3"]


async def test_unknown_task_is_not_found(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        with pytest.raises(ObjectNotFound, match="Task not found"):
            await at.told("job_none")
        with pytest.raises(ObjectNotFound):
            await at.chores.cancel("job_none")


async def test_warning_is_told_from_the_first_event_to_the_result(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        task = await at.start("a", warning="Only the first 1 of 2.")
        await task.wait()
        snapshot, end = await at.told(task.id)

    assert isinstance(snapshot, Snapshot)
    assert isinstance(end, Done)
    assert snapshot.warning == end.warning == "Only the first 1 of 2."
    assert msgspec.json.decode(end.result, type=Result).warning == snapshot.warning


async def test_ended_task_is_forgotten_later_and_its_row_still_tells(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        task = await at.start("a")
        await task.wait()
        at.clock.advance(KEPT_S)
        await at.chores.sweep()
        _, end = await at.told(task.id)

        assert at.chores.task(task.id) is None
    assert isinstance(end, Done)
    assert msgspec.json.decode(end.result)["results"] == {"…a": True}


async def test_rows_go_after_a_week(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await (await at.start("a")).wait()
        at.clock.advance(8 * 86_400)
        await at.chores.sweep()

        assert await at.chores.listing() == []


# -- the end of the process ------------------------------------------------------------------


async def test_stop_of_the_gateway_begins_nothing_more_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=1) as at:
        at.worker.gate.clear()
        task = await at.start("a", "b")
        await at.worker.begins(1)
        at.drain.begin()
        at.worker.gate.set()
        end = await task.wait()

        with pytest.raises(Overloaded):
            await at.start("c")
    assert isinstance(end, Failed)
    assert (end.error, end.ok, at.worker.begun) == (STOPPED, 1, ["a"])


async def test_account_that_hangs_when_the_gateway_stops_is_cut(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.worker.gate.clear()
        task = await at.start("a")
        await at.worker.begins(1)
    # The context of the jobs has been left: they were cancelled.
    end = await task.wait()

    async with world(tmp_path) as again:
        (view,) = await again.chores.listing()
    assert isinstance(end, Failed)
    assert (view.status, view.error) == ("error", STOPPED)


# -- other processes -------------------------------------------------------------------------


async def test_other_process_sees_counts_and_the_result(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=1) as at, world(tmp_path) as other:
        at.worker.gate.clear()
        task = await at.start("a", "b")
        events = other.chores.listen(task.id)
        first = await next_of(events)
        at.worker.gate.set()
        await task.wait()
        with anyio.fail_after(5):
            rest = [event async for event in events]

    assert isinstance(first, Snapshot)
    assert first.status == "running"
    assert [type(event) for event in rest] == [Progress, Done]
    assert [event.processed for event in rest if isinstance(event, Progress)] == [2]


async def test_other_process_ends_the_work(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=1) as at, world(tmp_path) as other:
        at.worker.gate.clear()
        task = await at.start("a", "b")
        await at.worker.begins(1)
        await other.chores.cancel(task.id)
        await at.chores.beat()
        at.worker.gate.set()

        assert isinstance(await task.wait(), Cancelled)
    assert at.worker.begun == ["a"]


async def test_other_process_is_refused_the_same_work(tmp_path: Path) -> None:
    async with world(tmp_path) as at, world(tmp_path) as other:
        at.worker.gate.clear()
        task = await at.start("a")
        with pytest.raises(Conflict, match=task.id):
            await other.start("a")
        at.worker.gate.set()
        await task.wait()

        await (await other.start("a")).wait()


async def test_work_of_a_dead_process_is_an_error_after_a_minute(tmp_path: Path) -> None:
    async with world(tmp_path) as at, world(tmp_path) as other:
        at.worker.gate.clear()
        task = await at.start("a")
        before = await other.chores.count()
        other.clock.advance(61)
        counts = before, await other.chores.count()
        snapshot, _ = await other.told(task.id)
        await other.chores.sweep()
        (view,) = await other.chores.listing()
        same_work = await other.start("a")
        await same_work.wait()

    assert counts == (1, 0)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.status == view.status == "error"
    assert view.error
    assert view.ended_at_ms


async def test_work_that_says_how_far_it_is_is_not_dead(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=1) as at, world(tmp_path, clock=at.clock) as other:
        at.worker.gate.clear()
        task = await at.start("a")
        for _ in range(3):
            at.clock.advance(40)
            await at.chores.beat()
            await other.chores.sweep()
        (view,) = await other.chores.listing()
        at.worker.gate.set()
        await task.wait()

    assert view.status == "running"


async def test_start_ends_what_an_earlier_run_left_behind(tmp_path: Path) -> None:
    async with world(tmp_path) as at, world(tmp_path) as later:
        at.worker.gate.clear()
        await at.start("a")
        await later.chores.begin()
        (view,) = await later.chores.listing()

    assert (view.status, view.processed) == ("error", 0)


async def test_background_work_writes_how_far_it_is(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=1) as at, world(tmp_path) as other:
        at.worker.gate.clear()
        task = await at.start("bad", "a")
        running = asyncio.create_task(at.chores.run())
        try:
            at.worker.gate.set()
            await task.wait()
            (view,) = await other.chores.listing()
        finally:
            running.cancel()

    assert (view.processed, view.ok, view.fail) == (2, 1, 1)
