"""How a WebSocket of responses ends, and what becomes of its turn."""

from collections.abc import AsyncIterator

import anyio
import pytest

import grokgate_responses
from grammar.responses import check_events
from grokgate.errors import Overloaded
from grokgate.testing import FakeClock, FakeUpstream, RunningGateway, running_gateway
from plugins.responses_world import Held, create, opened, turn, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def running(anyio_backend: str, clock: FakeClock) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    async with running_gateway(grokgate_responses, upstream=FakeUpstream(), clock=clock) as gateway:
        yield gateway


async def test_client_that_leaves_frees_the_account(running: RunningGateway) -> None:
    running.fake.add(Held())
    async with opened(running) as talk:
        talk.say(create())
        while (await talk.hear())["type"] != "response.output_text.delta":
            pass
        talk.leave()
        await talk.until_closed()

    assert (running.pool.open_leases, running.fake.closed) == (0, 1)


async def test_connection_ends_with_its_key(running: RunningGateway) -> None:
    async with opened(running) as talk:
        await running.gateway.keys.revoke(running.gateway.keys.listing()[0].id)
        with anyio.fail_after(2):
            await talk.until_closed()

    assert talk.code == 1008


async def test_running_turn_ends_with_its_key(running: RunningGateway) -> None:
    running.fake.add(Held())
    async with opened(running) as talk:
        talk.say(create())
        await until(lambda: len(running.fake.asked) == 1)
        await running.gateway.keys.revoke(running.gateway.keys.listing()[0].id)
        with anyio.fail_after(2):
            await talk.until_closed()

    assert (talk.code, running.pool.open_leases) == (1008, 0)


async def test_connection_lasts_an_hour(running: RunningGateway, clock: FakeClock) -> None:
    async with opened(running) as talk:
        talk.say(create(generate=False))
        await turn(talk)
        clock.advance(3601)
        told = await talk.hear()
        await talk.until_closed()

    assert (told["status"], told["error"]["code"]) == (400, "websocket_connection_limit_reached")
    assert talk.code == 1000


async def test_idle_connection_ends_when_the_process_stops(running: RunningGateway) -> None:
    async with opened(running) as talk:
        running.gateway.drain.begin()
        await talk.until_closed()

    assert talk.code == 1001


async def test_running_turn_is_finished_when_the_process_stops(running: RunningGateway) -> None:
    held = Held()
    running.fake.add(held)
    async with opened(running) as talk:
        talk.say(create())
        await until(lambda: len(running.fake.asked) == 1)
        running.gateway.drain.begin()
        held.released.set()
        events = await turn(talk)
        await talk.until_closed()

    assert (events[-1]["type"], talk.code) == ("response.completed", 1001)


async def test_end_of_the_grace_breaks_a_turn_off(running: RunningGateway) -> None:
    running.fake.add(Held())
    async with opened(running) as talk:
        talk.say(create())
        await until(lambda: len(running.fake.asked) == 1)
        running.app.serving()._streams.end(Overloaded())
        events = await turn(talk)

    check_events(events)
    assert (events[-2]["code"], events[-1]["type"]) == ("overloaded", "response.failed")
