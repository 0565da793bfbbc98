"""The gallery's socket: pictures in batches until they are stopped."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

import grokgate_images
import grokgate_images_nsfw
from grokgate.testing import FakeClock, RunningGateway, running_gateway
from grokgate.testing.socket import SocketTalk, talking
from grokgate.upstream import Kind
from grokgate_images.gallery import WATCH_S
from plugins.images_world import Images, draws, ready

pytestmark = pytest.mark.anyio

PATH = "/api/v1/admin/imagine/ws"
START = {"type": "start", "prompt": "a red kite", "aspect_ratio": "1:1", "count": 2}


@pytest.fixture
async def gw() -> AsyncIterator[RunningGateway]:
    async with running_gateway(Images(grokgate_images), grokgate_images_nsfw) as running:
        yield running


@asynccontextmanager
async def gallery(gw: RunningGateway) -> AsyncIterator[SocketTalk]:
    async with (
        gw.operator() as admin,
        talking(gw.app, PATH, authorization=admin.headers["authorization"]) as talk,
    ):
        assert talk.accepted
        yield talk


async def hear(talk: SocketTalk, kind: str) -> dict[str, Any]:
    while (told := await talk.hear())["type"] != kind:
        pass
    return dict(told)


async def test_run_with_a_count_is_complete(gw: RunningGateway) -> None:
    gw.fake.add(draws(gw, "a", "b"))
    async with gallery(gw) as talk:
        talk.say(START)

        told = [await talk.hear() for _ in range(4)]
        picture = await gw.client.get(told[1]["url"], headers={"authorization": ""})

    assert [each["type"] for each in told] == ["status", "image", "image", "status"]
    assert [told[0]["status"], told[3]["status"]] == ["running", "completed"]
    assert [each["sequence"] for each in told[1:3]] == [1, 2]
    assert told[1]["aspect_ratio"] == "1:1"
    assert picture.headers["content-type"] == "image/png"


async def test_link_of_a_picture_ends_with_the_last_session(gw: RunningGateway) -> None:
    gw.fake.add(draws(gw, "a", "b"))
    async with gallery(gw) as talk:
        talk.say(START)
        picture = await hear(talk, "image")

    reply = await gw.client.get(picture["url"], headers={"authorization": ""})

    assert reply.status_code == 404


async def test_run_without_a_count_goes_on_until_it_is_stopped(gw: RunningGateway) -> None:
    for batch in "abc":
        gw.fake.add(draws(gw, *(f"{batch}{n}" for n in range(4))))
        gw.fake.add(draws(gw, *(f"{batch}{n}" for n in range(4, 6))))
    async with gallery(gw) as talk:
        talk.say({**START, "count": None})
        while (await hear(talk, "image"))["sequence"] < 8:
            pass
        talk.say({"type": "stop"})

        status = await hear(talk, "status")

        assert status["status"] == "stopped"
        assert gw.pool.open_leases == 0


async def test_client_that_leaves_ends_the_run(gw: RunningGateway) -> None:
    begun = anyio.Event()

    async def never(_request: Any) -> AsyncGenerator[Any, None]:
        begun.set()
        await anyio.sleep_forever()
        yield

    gw.fake.add(never)
    async with gallery(gw) as talk:
        talk.say(START)
        with anyio.fail_after(5):
            await begun.wait()

    assert gw.pool.open_leases == 0


async def test_failure_is_told_and_the_run_goes_on(gw: RunningGateway) -> None:
    gw.fake.add(Kind.TRANSIENT, draws(gw, "a", "b"))
    async with gallery(gw) as talk:
        talk.say(START)

        error = await hear(talk, "error")
        picture = await hear(talk, "image")

    assert error["code"] in {"empty_image", "internal_error"}
    assert picture["sequence"] == 1


async def test_nobody_is_free_reads_as_a_limit(gw: RunningGateway) -> None:
    gw.fake.add(*[Kind.QUOTA] * 4)
    async with gallery(gw) as talk:
        talk.say(START)

        assert (await hear(talk, "error"))["code"] == "rate_limit_exceeded"


async def test_failure_that_goes_on_is_told_once(gw: RunningGateway) -> None:
    gw.fake.add(*[Kind.TRANSIENT] * 2, draws(gw, "a", "b"))
    async with gallery(gw) as talk:
        talk.say(START)
        told = [await talk.hear()]
        while told[-1]["type"] != "image":
            told.append(await talk.hear())

    assert [each["type"] for each in told] == ["status", "error", "image"]


async def test_batch_is_in_the_request_log(gw: RunningGateway) -> None:
    gw.fake.add(draws(gw, "a", "b"))
    async with gallery(gw) as talk:
        talk.say(START)
        while (await hear(talk, "status"))["status"] != "completed":
            pass
    async with gw.operator() as admin:
        (row,) = (await admin.get("/requests")).json()["items"]

    assert (row["endpoint"], row["model"]) == (f"WEBSOCKET {PATH}", "grok-imagine-1.0")
    assert row["units"] > 0


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({**START, "prompt": "  "}, "empty_prompt"),
        ({**START, "count": 7}, "invalid_payload"),
        ({**START, "aspect_ratio": "wide"}, "invalid_payload"),
        ({"type": "dance"}, "unknown_command"),
        ({"prompt": "x"}, "unknown_command"),
        ("{", "invalid_payload"),
    ],
    ids=["prompt", "count", "ratio", "unknown", "untyped", "json"],
)
async def test_bad_message_is_answered_with_its_code(
    gw: RunningGateway, message: object, code: str
) -> None:
    async with gallery(gw) as talk:
        talk.say(message)

        assert (await talk.hear())["code"] == code


async def test_ping_is_answered_during_a_run(gw: RunningGateway) -> None:
    async with gallery(gw) as talk:
        talk.say({"type": "ping"})

        assert await talk.hear() == {"type": "pong"}


async def test_adult_pictures_follow_their_switch(gw: RunningGateway) -> None:
    await gw.change(downstream={"enable_images_nsfw": False})
    async with gallery(gw) as talk:
        talk.say({**START, "nsfw": True})

        assert (await talk.hear())["code"] == "invalid_payload"


async def test_key_of_a_client_opens_no_gallery(gw: RunningGateway) -> None:
    async with talking(gw.app, PATH, authorization=f"Bearer {gw.key}") as talk:
        assert (talk.accepted, talk.status) == (False, 401)


async def test_ticket_opens_one_gallery_that_stays(gw: RunningGateway) -> None:
    async with gw.operator() as admin:
        query = f"ticket={(await admin.post('/ticket')).json()['ticket']}"
        async with talking(gw.app, PATH, query=query) as talk:
            await anyio.sleep(1.5 * WATCH_S)
            talk.say({"type": "ping"})
            assert await talk.hear() == {"type": "pong"}
        async with talking(gw.app, PATH, query=query) as again:
            assert (again.accepted, again.status) == (False, 401)


async def test_end_of_the_session_ends_the_gallery(gw: RunningGateway) -> None:
    async with gallery(gw) as talk:
        gw.gateway.access.sessions.drop_all()

        with anyio.fail_after(2):
            await talk.until_closed()
    assert talk.code == 1008


async def test_client_that_stops_reading_loses_the_gallery() -> None:
    clock, stalled = FakeClock(), anyio.Event()
    async with running_gateway(Images(grokgate_images), clock=clock) as gw:

        async def late(_request: Any) -> AsyncGenerator[Any, None]:
            await stalled.wait()
            yield ready(gw, 0, "a")
            await anyio.sleep_forever()

        gw.fake.add(late)
        async with gallery(gw) as talk:
            talk.say(START)
            await hear(talk, "status")
            talk.stop_reading()
            stalled.set()
            with anyio.fail_after(5):
                while talk.code is None:
                    clock.advance(30)
                    await anyio.sleep(0.01)
            left = gw.pool.open_leases

    assert (talk.code, left) == (1001, 0)
