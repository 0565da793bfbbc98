"""What requests take from daily quotas, and get back (F-KEY-05, F-KEY-06)."""

import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from core.dispatch_world import HELLO, World, call, script, seen, world
from grokgate.dispatch.bill import Bill
from grokgate.errors import DailyQuotaExceeded, GatewayError
from grokgate.plugin import Caller
from grokgate.plugin.records import Call, ModelCard
from grokgate.upstream import (
    Asset,
    Event,
    ImageReady,
    Kind,
    Progress,
    Stage,
    UpstreamFailure,
    VideoReady,
)

pytestmark = pytest.mark.anyio


class Counts:
    """Counts in memory; fails the test when a limit is passed or anything falls below nothing."""

    def __init__(self, **limits: int) -> None:
        self.limits = limits
        self.used: dict[str, int] = {}
        self.steps = 0

    async def take(
        self, key_id: str, amounts: Mapping[str, int], /, *, limits: Mapping[str, int]
    ) -> str:
        assert (key_id, limits) == ("k", {})
        for quota, amount in amounts.items():
            if self.used.get(quota, 0) + amount > self.limits.get(quota, 1 << 30):
                raise DailyQuotaExceeded("/".join(amounts), retry_after_s=1)
        for quota, amount in amounts.items():
            self.used[quota] = self.used.get(quota, 0) + amount
        self.steps += 1
        return "today"

    def give_back(self, key_id: str, day: str, amounts: Mapping[str, int], /) -> None:
        assert (key_id, day) == ("k", "today")
        for quota, amount in amounts.items():
            self.used[quota] -= amount
            assert self.used[quota] >= 0


@asynccontextmanager
async def shop(*answers: Any, **limits: int) -> AsyncIterator[tuple[World, Counts]]:
    """Open a world whose keys have daily quotas."""
    counts = Counts(**limits)
    async with world(*answers, tokens={"a": 100, "b": 100}, meter=counts) as at:
        yield at, counts


async def ask(at: World, *calls: Call, leave_after: int | None = None) -> None:
    """Serve one client request with *calls*, opened at once; the client may leave."""
    try:
        for exchange in await at.dispatch.open_all("chat", calls):
            async with exchange:
                seen_so_far = 0
                async for _ in exchange:
                    seen_so_far += 1
                    if seen_so_far == leave_after:
                        break
    finally:
        at.dispatch.over(calls[0].caller)


def metered(capability: Any = "chat", *, tier: Any = "basic", **changes: Any) -> Call:
    """Make a call of a new client request of a metered key."""
    card = ModelCard(id="m", capability=capability, tier=tier, effort="low", created=0, wire={})
    caller = Caller(key_id="k", name="k", request_id="r1", metered=True)
    made: Call = call(**{"caller": caller, "card": card, **changes})
    return made


def picture(slot: int = 0) -> ImageReady:
    return ImageReady(slot=slot, asset=Asset(account="a", ref="r"))


FILM = VideoReady(asset=Asset(account="a", ref="r"))


def failing(kind: Kind, stage: Stage) -> UpstreamFailure:
    return UpstreamFailure(seen(kind, stage))


@pytest.mark.parametrize(
    ("wanted", "charged"),
    [
        (metered(), {"chat": 1}),
        (metered(tier="heavy"), {"heavy": 1, "chat": 1}),
        (metered("image", outputs=2), {"image": 2}),
        (metered("image", outputs=2, wanted=6), {"image": 6}),
        (metered("image_edit", outputs=2), {"image": 2}),
        (metered("video", outputs=3), {"video": 1}),
    ],
    ids=["chat", "heavy", "images", "some of the images", "edits", "segments of a video"],
)
async def test_quota_follows_from_the_model(wanted: Call, charged: dict[str, int]) -> None:
    async with shop(script(*HELLO, hang=True)) as (at, counts), await at.open(wanted):
        assert counts.used == charged


async def test_choices_are_taken_in_one_step() -> None:
    async with shop(HELLO, HELLO, HELLO) as (at, counts):
        one = metered()
        await ask(at, one, one, one)

        assert (counts.used, counts.steps) == ({"chat": 3}, 1)


async def test_refused_request_asks_nobody() -> None:
    async with shop(HELLO, chat=2) as (at, counts):
        one = metered()
        with pytest.raises(DailyQuotaExceeded):
            await ask(at, one, one, one)

        assert (counts.used, at.asked()) == ({}, [])


async def test_attempts_cost_nothing_more() -> None:
    async with shop(seen(Kind.AUTH_FAIL, Stage.REFUSED), HELLO, chat=1) as (at, counts):
        await ask(at, metered())

        assert (counts.used, at.asked()) == ({"chat": 1}, ["a", "b"])


async def test_further_calls_of_a_request_cost_nothing_more() -> None:
    async with shop(HELLO, HELLO, chat=1) as (at, counts):
        first = metered()
        assert await at.text(first) == "Hello"
        assert await at.text(first) == "Hello"
        at.dispatch.over(first.caller)

        assert counts.used == {"chat": 1}


async def test_next_request_of_a_key_is_charged_again() -> None:
    async with shop(HELLO, HELLO) as (at, counts):
        await ask(at, metered())
        await ask(at, metered())

        assert counts.used == {"chat": 2}


@pytest.mark.parametrize(
    ("wanted", "answer", "left"),
    [
        (metered(), seen(Kind.BAD_REQUEST, Stage.REFUSED), {"chat": 0}),
        (metered(), seen(Kind.CONNECT, Stage.UNSENT), {"chat": 0}),
        (metered(), script(), {"chat": 0}),
        (metered(tier="heavy"), script(), {"heavy": 0, "chat": 0}),
        (metered(), script(*HELLO, then=failing(Kind.TRUNCATED, Stage.CONTENT)), {"chat": 1}),
        (metered("image", outputs=4), [picture(), picture(1)], {"image": 2}),
        (metered("image", outputs=4), [Progress(slot=0, percent=9)], {"image": 0}),
        (metered("video"), [Progress(slot=0, percent=9), FILM], {"video": 1}),
        (
            metered("video"),
            script(Progress(slot=0, percent=9), then=failing(Kind.MODERATION, Stage.CONTENT)),
            {"video": 0},
        ),
    ],
    ids=[
        "refused",
        "unreachable",
        "empty",
        "empty heavy",
        "broken off",
        "fewer pictures",
        "no picture",
        "video",
        "no video",
    ],
)
async def test_what_produced_nothing_is_given_back(
    wanted: Call, answer: Any, left: dict[str, int]
) -> None:
    async with shop(*[answer] * 5) as (at, counts):
        with suppress(GatewayError):
            await ask(at, structs.replace(wanted, repeatable=False))

        assert counts.used == left


@pytest.mark.parametrize(
    ("wanted", "events", "left"),
    [
        (metered(), HELLO, {"chat": 1}),
        (metered("image", outputs=4), [picture(), picture(1)], {"image": 4}),
        (metered("video"), [Progress(slot=0, percent=9), FILM], {"video": 1}),
    ],
    ids=["chat", "images", "video"],
)
async def test_client_that_leaves_after_output_began_gets_nothing_back(
    wanted: Call, events: list[Event], left: dict[str, int]
) -> None:
    async with shop(script(*events, hang=True)) as (at, counts):
        await ask(at, wanted, leave_after=1)

        assert counts.used == left


async def test_client_that_leaves_before_output_gets_all_back() -> None:
    async with shop(script(hang=True)) as (at, counts):
        with anyio.move_on_after(0.05):
            await ask(at, metered())

        assert counts.used == {"chat": 0}


async def test_choices_of_which_one_fails_cost_nothing() -> None:
    async with shop(HELLO, seen(Kind.BAD_REQUEST, Stage.REFUSED)) as (at, counts):
        one = metered()
        with pytest.raises(GatewayError):
            await ask(at, one, one)

        assert counts.used == {"chat": 0}


async def test_nothing_is_given_back_while_a_further_call_may_come() -> None:
    async with shop([picture()], [picture()]) as (at, counts):
        part = metered("image", outputs=1, wanted=2)
        async with await at.open(part) as exchange:
            assert len([event async for event in exchange]) == 2
        assert counts.used == {"image": 2}
        at.dispatch.over(part.caller)

        assert counts.used == {"image": 1}


async def test_work_that_outlives_its_request_gives_back_at_its_end() -> None:
    async with shop(script(Progress(slot=0, percent=9), then=failing(Kind.EMPTY, Stage.SENT))) as (
        at,
        counts,
    ):
        film = metered("video", repeatable=False)
        exchange = await at.open(film)
        at.dispatch.over(film.caller)
        assert counts.used == {"video": 1}
        with pytest.raises(GatewayError):
            async for _ in exchange:
                pass

        assert counts.used == {"video": 0}


async def test_work_that_begins_after_its_request_gives_back_at_its_end() -> None:
    async with shop(script()) as (at, counts):
        late = metered(repeatable=False)
        at.dispatch.over(late.caller)
        with pytest.raises(GatewayError):
            await at.open(late)

        assert counts.used == {"chat": 0}


async def test_request_of_which_nobody_tells_the_end_ends_with_its_caller() -> None:
    async with shop([picture()]) as (at, counts):
        part = metered("image", outputs=2)
        async with await at.open(part) as exchange:
            async for _ in exchange:
                pass
        del part, exchange, _
        gc.collect()
        with anyio.fail_after(1):
            while counts.used != {"image": 1}:  # noqa: ASYNC110 - a collector tells nobody
                await anyio.sleep(0.01)


async def test_other_callers_are_not_counted() -> None:
    async with shop(HELLO, chat=0) as (at, counts):
        assert await at.text(call()) == "Hello"

        assert counts.used == {}


async def test_tags_of_a_key_are_required_of_every_account() -> None:
    async with shop(HELLO) as (at, _):
        at.records["b"] = structs.replace(at.records["b"], tags=("team",))
        await at.home.edited([at.records["b"]])
        caller = Caller(key_id="k", name="k", token_tags=("team",))
        await at.text(call(caller=caller))

        assert at.asked() == ["b"]


@settings(max_examples=30, deadline=None)
@given(
    limit=st.integers(0, 12),
    requests=st.lists(
        st.tuples(st.integers(1, 4), st.integers(0, 4), st.booleans()), min_size=1, max_size=12
    ),
)
def test_limit_is_never_passed_and_only_what_was_made_is_charged(
    limit: int, requests: list[tuple[int, int, bool]]
) -> None:
    counts, served = Counts(image=limit), list[int]()

    async def request(wanted: int, made: int, *, split: bool) -> None:
        bill = Bill(counts, Caller(key_id="k", name="k", metered=True), ("image",))
        try:
            for number in range(2 if split else 1):
                await bill.charge(wanted)
                await anyio.lowlevel.checkpoint()
                bill.ended(0 if number else made, began=made > 0, left=False)
        except DailyQuotaExceeded:
            return
        finally:
            bill.over()
        served.append(min(made, wanted))

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            for wanted, made, split in requests:
                tasks.start_soon(partial(request, wanted, made, split=split))

    anyio.run(run)
    assert counts.used.get("image", 0) == sum(served) <= limit
