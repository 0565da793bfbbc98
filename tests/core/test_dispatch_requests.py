"""What the calls of one client request share, which is known by its caller."""

import gc
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from core.dispatch_world import HELLO, call, world
from grokgate.dispatch.request import ClientRequests
from grokgate.plugin import Caller
from grokgate.plugin.records import Daily
from grokgate.upstream import AccountFacts, ImageRefused, Window

pytestmark = pytest.mark.anyio

CALLER = Caller(key_id="k", name="k", request_id="r1", metered=True)


async def test_calls_of_one_caller_share_a_request() -> None:
    requests, caller = ClientRequests(), replace(CALLER)

    assert requests.get(caller) is requests.get(caller)
    assert requests.get(caller) is not requests.get(replace(CALLER))


async def test_number_of_a_caller_that_is_gone_tells_nothing_of_the_next() -> None:
    requests, numbers = ClientRequests(), list[int]()
    for _ in range(1000):
        caller = replace(CALLER)
        numbers.append(id(caller))
        request = requests.get(caller)
        assert request.retries == 0
        request.retries = 1
        del caller

    assert len(set(numbers)) < len(numbers), "no number was used again"


async def test_number_of_a_collected_caller_tells_nothing_of_the_next() -> None:
    requests = ClientRequests()
    for _ in range(200):
        ring: list[Any] = [replace(CALLER)]
        ring.append(ring)
        request = requests.get(ring[0])
        assert request.retries == 0
        request.retries = 1
        del ring
        gc.collect(0)


async def test_callers_that_are_gone_leave_nothing_behind() -> None:
    requests = ClientRequests()
    callers = [replace(CALLER) for _ in range(100)]
    for caller in callers:
        requests.get(caller)
    del callers, caller
    gc.collect()

    assert requests._known == {}


async def test_request_is_over_when_its_caller_is_collected_in_another_thread() -> None:
    requests, callers = ClientRequests(), [replace(CALLER)]
    request = requests.get(callers[0])
    await anyio.to_thread.run_sync(callers.clear)
    with anyio.fail_after(1):
        while not request.is_over:
            await anyio.lowlevel.checkpoint()

    assert requests._known == {}


@pytest.mark.parametrize("metered", [True, False])
async def test_answered_request_remembers_nothing_of_its_caller(*, metered: bool) -> None:
    requests, caller = ClientRequests(), replace(CALLER, metered=metered)
    requests.over(caller)
    del caller

    assert requests._known == {}


@pytest.mark.parametrize(
    ("daily", "asked"), [(Daily(name="sort", limit=0), ["a", "b"]), (None, ["a", "a"])]
)
async def test_account_that_blocked_a_picture_of_a_request_makes_it_no_second_time(
    daily: Daily | None, asked: list[str]
) -> None:
    async with world([ImageRefused(slot=0, blocked=True)], HELLO) as at:
        first = call(daily=daily)
        for _ in range(2):
            async with await at.open(first) as exchange:
                assert [event async for event in exchange]

        assert at.asked() == asked


async def test_next_request_may_ask_the_account_that_blocked_a_picture() -> None:
    async with world([ImageRefused(slot=0, blocked=True)], HELLO) as at:
        for number in range(2):
            wanted = call(f"r{number}", daily=Daily(name="sort", limit=0))
            async with await at.open(wanted) as exchange:
                assert [event async for event in exchange]

        assert at.asked() == ["a", "a"]


async def test_unknown_quota_is_asked_for_when_the_others_have_had_their_share_of_today() -> None:
    async with world(HELLO, HELLO, tokens={"a": 10, "b": 0}) as at:
        facts = AccountFacts(windows={"default": Window(remaining=3)})
        at.on_survey = lambda: at.home.learned("b", facts, since=0, asked=frozenset({"default"}))
        for number in range(2):
            await at.text(call(f"r{number}", daily=Daily(name="sort", limit=1)))

        assert (at.asked(), at.surveyed) == (["a", "b"], ["b"])
