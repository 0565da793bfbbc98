from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import anyio
import pytest

from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import (
    Conversation,
    Event,
    Finished,
    TextDelta,
)
from plugins.chat_world import BROKEN, GOOD, LOOK, PATH, Chat, ask, asked, block, choice_of, says

pytestmark = pytest.mark.anyio


@pytest.fixture
async def own() -> AsyncIterator[RunningGateway]:
    """A gateway for a test that changes it."""
    async with running_gateway(Chat()) as gateway:
        yield gateway


async def test_what_the_session_does_itself_is_left_alone() -> None:
    upstream = FakeUpstream(says(GOOD))
    upstream.native = frozenset({"tools", "stop", "max_output", "schema"})
    async with running_gateway(Chat(), upstream=upstream) as running:
        reply = await ask(running, tools=[LOOK], stop="look", max_tokens=2)

        request = upstream.asked[0].request
        assert isinstance(request, Conversation)
        assert asked(running, 0) == "user: Hi"
        assert (request.tools, request.stop, request.max_output) == ((LOOK,), ("look",), 2)
        assert choice_of(reply) == (GOOD, [], "stop")


async def test_moderation_in_a_block_shows_nothing_of_it(running: RunningGateway) -> None:
    answer = [*says("I look. <tool_calls><tool"), Finished(reason="refused")]

    reply = await ask(running, answer, tools=[LOOK])

    assert choice_of(reply) == ("I look.", [], "content_filter")


async def test_a_client_that_leaves_during_the_repair_frees_the_account(
    running: RunningGateway,
) -> None:
    asked_again = anyio.Event()

    async def endless(_request: Any) -> AsyncGenerator[Event, None]:
        asked_again.set()
        while True:
            yield TextDelta(text="I ")
            await anyio.sleep(0.01)

    running.fake.add(says(BROKEN), endless)
    body = {
        "model": "grok-4",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "tools": [LOOK],
    }
    async with running.serve() as client:
        async with client.stream("POST", PATH, json=body) as reply:
            await anext(reply.aiter_lines())
            with anyio.fail_after(5):
                await asked_again.wait()

        with anyio.fail_after(2):
            while running.pool.open_leases:  # noqa: ASYNC110 - the pool tells nobody
                await anyio.sleep(0.01)
    assert running.records[-1].outcome == "cancelled"


async def test_the_stream_stays_open_during_the_repair(own: RunningGateway) -> None:
    async def late(_request: Any) -> AsyncGenerator[Event, None]:
        await anyio.sleep(0.3)
        yield TextDelta(text=block())
        yield Finished()

    await own.change(grok={"sse_keepalive_sec": 0.1})
    own.fake.add(says(BROKEN), late)
    body = {
        "model": "grok-4",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "tools": [LOOK],
    }
    async with own.serve() as client:
        reply = await client.post(PATH, json=body)

    assert ": ping\n\n" in reply.text
    assert '"tool_calls"' in reply.text


async def test_a_further_call_has_only_the_time_that_is_left(own: RunningGateway) -> None:
    async def endless(_request: Any) -> AsyncGenerator[Event, None]:
        while True:
            yield TextDelta(text="I ")
            await anyio.sleep(0.01)

    await own.change(grok={"timeout": 1})

    with anyio.fail_after(5):
        reply = await ask(own, says(BROKEN), endless, tools=[LOOK])

    assert choice_of(reply) == (BROKEN, [], "stop")
