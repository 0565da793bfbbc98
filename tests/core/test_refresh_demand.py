import asyncio
import selectors
from typing import Any

import anyio
import pytest
from msgspec import structs

from core.refresh_world import (
    ask,
    record,
    running,
    turns,
)

pytestmark = pytest.mark.anyio


class Impatient(asyncio.SelectorEventLoop):
    """An event loop that skips the time it would wait."""

    def __init__(self) -> None:
        self._skipping = Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.skipped_s


class Skipping(selectors.DefaultSelector):
    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.skipped_s += max(0.0, timeout or 0.0)
        return super().select(0)


async def test_request_waits_for_quota_that_a_survey_finds() -> None:
    async with running(record("a", 0), record("b", 0)) as at:
        with anyio.fail_after(1):
            again_s = await at.refresh.on_demand(["a", "b"])

        assert again_s == 300
        assert at.left("a") == 30


async def test_on_demand_run_is_not_repeated_within_its_interval() -> None:
    async with running(record("a", 0)) as at:
        at.fake.found = 0
        await at.refresh.on_demand(["a"])
        at.clock.advance(100)

        assert await at.refresh.on_demand(["a"]) == 200
        assert at.fake.surveyed == ["a"]


async def test_on_demand_run_asks_a_bounded_number() -> None:
    async with running(*(record(name, 0) for name in "abcd"), on_demand_max_tokens=2) as at:
        await at.refresh.on_demand(list("abcd"))

        assert at.fake.surveyed == ["a", "b"]


async def test_request_does_not_wait_when_on_demand_runs_are_off() -> None:
    async with running(record("a", 0), on_demand_refresh=False) as at:
        assert await at.refresh.on_demand(["a"]) is None


def test_request_waits_three_seconds_at_most() -> None:
    async def wait() -> tuple[float | None, float]:
        async with running(record("a", 0)) as at:
            at.fake.open.clear()
            began_at = asyncio.get_running_loop().time()
            again_s = await at.refresh.on_demand(["a"])
            return again_s, asyncio.get_running_loop().time() - began_at

    with asyncio.Runner(loop_factory=Impatient) as runner:
        again_s, waited_s = runner.run(wait())

    assert again_s == 300
    assert waited_s == pytest.approx(3, abs=0.5)


async def test_requests_share_a_run_that_is_under_way() -> None:
    async with running(record("a", 0)) as at, anyio.create_task_group() as group:
        at.fake.open.clear()
        for _ in range(3):
            group.start_soon(at.refresh.on_demand, ["a"])
        await turns()
        at.fake.open.set()

    assert at.fake.surveyed == ["a"]


async def test_next_run_is_allowed_after_the_interval() -> None:
    async with running(record("a", 0), on_demand_min_interval_sec=10) as at:
        at.fake.found = 0
        await at.refresh.on_demand(["a"])
        at.clock.advance(10)
        await at.refresh.on_demand(["a"])

        assert at.fake.surveyed == ["a", "a"]


async def test_request_does_not_wait_for_a_token_that_is_deleted() -> None:
    async with running(record("a", 0), record("b", 0), usage_max_concurrent=1) as at:
        at.fake.open.clear()
        at.fake.found = 0
        with anyio.fail_after(1):
            async with anyio.create_task_group() as group:
                group.start_soon(at.refresh.on_demand, ["a", "b"])
                await turns()
                await at.edit(structs.replace(at.records["b"], deleted_at_ms=1))
                at.fake.open.set()

        assert at.fake.surveyed == ["a"]


async def test_operator_hears_of_each_token_once() -> None:
    async with running(record("a"), record("b", status="disabled"), usage_batch_size=1) as at:
        outcomes = await at.ask("a", "b", "a", "none")

        assert {outcome.token: outcome.failure for outcome in outcomes} == {
            "a": None,
            "b": "disabled",
            "none": "unknown",
        }


async def test_operator_who_leaves_ends_the_asking() -> None:
    async with running(record("a"), record("b"), usage_batch_size=1) as at:
        at.fake.open.clear()
        with anyio.move_on_after(0.01):
            await at.ask("a", "b")
        at.fake.open.set()
        await turns()

        assert (at.fake.surveyed, at.refresh._orders) == (["a"], [])


async def test_token_is_asked_once_at_a_time() -> None:
    async with running(record("a")) as at:
        at.fake.open.clear()
        await ask(at, "a")
        at.refresh.soon("a")
        await at.move(30)
        assert at.fake.asking == 1
        at.fake.open.set()
        await at.move(2)

        assert (len(at.fake.surveyed), at.fake.most_asking) == (2, 1)


async def test_cancelled_refresh_leaves_nothing_behind() -> None:
    async with running(record("a")) as at:
        at.fake.open.clear()
        await ask(at, "a")
        assert (at.fake.asking, at.marks.open["a"]) == (1, 1)

    assert (at.fake.asking, at.marks.open["a"]) == (0, 0)
    assert at.refresh._running == set()
