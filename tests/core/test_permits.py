import asyncio

import anyio
import pytest

from grokgate.errors import Overloaded
from grokgate.permits import Permit, Permits

pytestmark = pytest.mark.anyio


def permits(limit: int = 1, wait_s: float = 5) -> Permits:
    return Permits(limit=lambda: limit, wait_s=lambda: wait_s)


async def test_permit_is_given_again_once_it_is_back() -> None:
    some = permits()
    (await some.take()).release()

    await some.take()

    assert some.taken == 1


async def test_permit_given_back_twice_counts_once() -> None:
    some = permits(limit=2)
    first, _ = await some.take(), await some.take()
    first.release()
    first.release()

    assert some.taken == 1


async def test_permits_go_to_those_who_came_first() -> None:
    some = permits()
    held = await some.take()
    order: list[str] = []

    async def wait(name: str) -> None:
        permit = await some.take()
        order.append(name)
        permit.release()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for name in "abc":
                group.start_soon(wait, name)
            await anyio.wait_all_tasks_blocked()
            held.release()

    assert order == ["a", "b", "c"]
    assert some.taken == 0


async def test_waiting_has_an_end() -> None:
    some = permits(wait_s=0.01)
    held = await some.take()

    with pytest.raises(Overloaded):
        await some.take()

    held.release()
    assert isinstance(await some.take(), Permit)


async def test_who_leaves_the_line_takes_nothing() -> None:
    some = permits()
    held = await some.take()
    with anyio.move_on_after(0.01):
        await some.take()
    held.release()

    assert some.taken == 0


async def test_permit_given_to_one_who_has_just_left_goes_back() -> None:
    some = permits()
    held = await some.take()
    task = asyncio.create_task(some.take())
    await anyio.wait_all_tasks_blocked()
    held.release()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert some.taken == 0
