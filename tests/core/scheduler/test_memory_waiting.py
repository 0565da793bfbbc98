import asyncio
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from core.scheduler.memory_world import MakeToken, Setting, Settings
from grokgate.errors import NoTokenAvailable, Overloaded
from grokgate.scheduler.home import Lease
from grokgate.settings.limits import LimitsSettings
from grokgate.upstream import Kind, Stage

pytestmark = pytest.mark.anyio


async def _until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(2):
        while not condition():  # noqa: ASYNC110 - the state has no event, one turn is enough
            await asyncio.sleep(0)


async def test_busy_token_is_waited_for(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    first = await at.lease()
    async with anyio.create_task_group() as group:
        got: list[Lease] = []

        async def second() -> None:
            got.append(await at.lease(wait_s=5))

        group.start_soon(second)
        await _until(lambda: at.home.view().queue_depth == 1)
        at.settle(first, Kind.OK, Stage.CONTENT)

    assert [lease.token for lease in got] == ["a"]


async def test_waiting_ends_at_the_deadline(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    await at.lease()

    with pytest.raises(Overloaded):
        await at.lease(wait_s=0.01)
    assert at.home.view().queue_depth == 0


async def test_waiting_ends_when_the_quota_does(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    lease = await at.lease()
    waiting = asyncio.ensure_future(at.lease(wait_s=60))
    await _until(lambda: at.home.view().queue_depth == 1)

    at.settle(lease, Kind.QUOTA, reset_in_s=50)

    with anyio.fail_after(2), pytest.raises(NoTokenAvailable):
        await waiting


async def test_full_queue_refuses(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    at.settings = Settings(token=at.settings.token, limits=LimitsSettings(queue_size=0))
    await at.lease()

    with pytest.raises(Overloaded, match="Too many"):
        await at.lease(wait_s=5)


async def test_cancelled_waiter_leaves_the_queue(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    await at.lease()
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: at.lease(wait_s=60))
        await _until(lambda: at.home.view().queue_depth == 1)
        group.cancel_scope.cancel()

    assert at.home.view().queue_depth == 0


async def test_lease_granted_to_a_cancelled_waiter_is_given_back(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    first = await at.lease()
    waiting = asyncio.ensure_future(at.lease(wait_s=60))
    await _until(lambda: at.home.view().queue_depth == 1)

    at.settle(first, Kind.OK, Stage.CONTENT)
    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    assert (at.home.view().leases_open, at.left("a")) == (0, 9)


async def test_waiter_is_served_when_a_token_has_cooled_down(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b", 50), max_inflight=1)
    await at.lease()
    at.settle(await at.lease(), Kind.QUOTA, reset_in_s=0.01)
    with anyio.fail_after(2):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: at.lease(wait_s=60))
            await _until(lambda: at.home.view().queue_depth == 1)
            at.clock.advance(1)
            await _until(lambda: at.home.view().queue_depth == 0)


async def test_waiter_is_served_at_a_reset_learned_while_it_waits(basic: MakeToken) -> None:
    at = Setting(basic("a", max_inflight=1), basic("b", max_inflight=1), basic("c"))
    far = await at.lease(only="c")
    at.settle(far, Kind.QUOTA, reset_in_s=5000.0)
    first, _ = await at.lease(only="a"), await at.lease(only="b")
    async with anyio.create_task_group() as group:
        granted: list[Lease] = []

        async def wait() -> None:
            granted.append(await at.lease(wait_s=10))

        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        at.settle(first, Kind.QUOTA, reset_in_s=0.01)
        at.clock.advance(1)
        with anyio.fail_after(2):
            while not granted:  # noqa: ASYNC110 - a timer's to grant
                await anyio.sleep(0.005)

    assert granted[0].token == "a"
