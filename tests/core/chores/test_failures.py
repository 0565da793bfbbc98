"""What failed in a chore, and who started it, is known while it goes on and for a week."""

from pathlib import Path

import pytest

from core.chores_world import World, world
from grokgate.chores import Task
from grokgate.chores.engine import KEPT_S
from grokgate.chores.events import Done, Failure
from grokgate.chores.rows import STORED_BYTES
from grokgate.chores.task import CRASHED
from grokgate.errors import ObjectNotFound

pytestmark = pytest.mark.anyio

DEAD = Failure(id="bad", item="…bad", error="The credential is dead.")


async def ended(at: World, *tokens: str, **more: str) -> Task:
    task = await at.start(*tokens, **more)
    await task.wait()
    return task


async def forget(at: World) -> None:
    """Leave nothing in memory."""
    at.clock.advance(KEPT_S)
    await at.chores.sweep()


async def test_failures_name_the_account_and_the_reason(tmp_path: Path) -> None:
    async with world(tmp_path, at_once=1) as at:
        task = await ended(at, "a", "bad", "crash")

        assert await at.chores.failures(task.id) == [
            DEAD,
            Failure(id="crash", item="…crash", error=CRASHED),
        ]


async def test_failures_are_kept_after_the_task_is_forgotten(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        task = await ended(at, "a", "bad")
        await forget(at)

        assert await at.chores.failures(task.id) == [DEAD]


async def test_failures_outlive_a_result_too_large_to_be_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        task = await ended(at, "a" * STORED_BYTES, "bad")
        await forget(at)
        _, end = await at.told(task.id)

        assert await at.chores.failures(task.id) == [DEAD]
    assert isinstance(end, Done)
    assert b'"results":{}' in bytes(end.result)


async def test_view_tells_who_started_it(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        task = await ended(at, "a", actor="as_1")
        now = await at.chores.view(task.id)
        await forget(at)
        later = await at.chores.view(task.id)

    assert (now.actor, later.actor, later.status, later.ok) == ("as_1", "as_1", "done", 1)


async def test_view_of_an_unknown_task_is_not_found(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        with pytest.raises(ObjectNotFound):
            await at.chores.view("job_none")


async def test_list_is_as_long_as_asked_for(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        await ended(at, "a")
        at.clock.advance(1)
        last = await ended(at, "b")

        assert [view.task_id for view in await at.chores.listing(1)] == [last.id]
