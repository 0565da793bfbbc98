"""Streams and sockets: what opens them, and that they end with it (F-AUTH-05, F-AUTH-06, S6)."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

import grokgate_images
import grokgate_images_nsfw
from grokgate.admin.context import Operator
from grokgate.admin.guard import identify_operator
from grokgate.admin.lasting import while_session_lives
from grokgate.errors import AuthenticationFailed
from grokgate.testing import FakeClock, RunningGateway, running_gateway
from grokgate.testing.socket import SocketTalk, talking
from plugins.images_world import Images, draws

pytestmark = pytest.mark.anyio

BASE = "/api/v1/admin"
GALLERY = f"{BASE}/imagine/ws"
HOST = "http://localhost"
PASSWORD = "a password for tests"
START = {"type": "start", "prompt": "a red kite", "aspect_ratio": "1:1", "count": 1}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def gw(clock: FakeClock) -> AsyncIterator[RunningGateway]:
    plugins = Images(grokgate_images), grokgate_images_nsfw
    async with running_gateway(*plugins, clock=clock) as running:
        await running.change(app={"app_key": PASSWORD})
        yield running


async def make_ticket(gw: RunningGateway, credential: str) -> str:
    headers = {"authorization": f"Bearer {credential}"}
    reply = await gw.client.post(f"{BASE}/ticket", headers=headers)
    return str(reply.json()["ticket"])


def with_ticket(gw: RunningGateway, ticket: str) -> AbstractAsyncContextManager[SocketTalk]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["query_string"] = f"ticket={ticket}".encode()
        await gw.app(scope, receive, send)

    return talking(app, GALLERY)


async def hear_all(talk: SocketTalk) -> list[str]:
    """Make one picture; returns what was told, in order."""
    talk.say(START)
    return [(await talk.hear())["type"] for _ in range(3)]


async def test_a_ticket_opens_one_socket_which_works_on(gw: RunningGateway) -> None:
    gw.fake.add(draws(gw, "a"), draws(gw, "b"))
    _, text = await gw.gateway.access.sessions.open(address="", agent="")
    ticket = await make_ticket(gw, text)

    async with with_ticket(gw, ticket) as talk:
        assert talk.accepted
        for _ in range(2):
            assert await hear_all(talk) == ["status", "image", "status"]
        async with with_ticket(gw, ticket) as second:
            assert (second.accepted, second.status) == (False, 401)


async def test_a_socket_by_ticket_ends_with_its_session(gw: RunningGateway) -> None:
    session, text = await gw.gateway.access.sessions.open(address="", agent="")
    async with with_ticket(gw, await make_ticket(gw, text)) as talk:
        await gw.gateway.access.sessions.end(session.id)

        with anyio.fail_after(2):
            await talk.until_closed()
    assert talk.code == 1008


async def test_a_socket_by_password_ends_with_the_password(gw: RunningGateway) -> None:
    for handshake in (
        with_ticket(gw, await make_ticket(gw, PASSWORD)),
        talking(gw.app, GALLERY, authorization=f"Bearer {PASSWORD}"),
    ):
        await gw.change(app={"app_key": PASSWORD})
        async with handshake as talk:
            assert talk.accepted
            await gw.change(app={"app_key": "the next password"})

            with anyio.fail_after(2):
                await talk.until_closed()
        assert talk.code == 1008


async def test_an_open_socket_is_no_use_of_its_session(
    gw: RunningGateway, clock: FakeClock
) -> None:
    gw.fake.add(draws(gw, "a"))
    session, text = await gw.gateway.access.sessions.open(address="", agent="")
    async with talking(gw.app, GALLERY, authorization=f"Bearer {text}") as talk:
        clock.advance(60)
        await hear_all(talk)

    (after,) = gw.gateway.access.sessions.listing()
    assert after.used_at_ms == session.used_at_ms


@pytest.mark.parametrize(
    ("origin", "status"),
    [({"origin": HOST}, None), ({"origin": "https://evil.example"}, 403), ({}, 403)],
    ids=["own", "foreign", "none"],
)
async def test_a_socket_by_cookie_is_for_the_own_page_alone(
    gw: RunningGateway, origin: dict[str, str], status: int | None
) -> None:
    _, text = await gw.gateway.access.sessions.open(address="", agent="")
    async with talking(gw.app, GALLERY, cookie=f"grokgate_session={text}", **origin) as talk:
        assert (talk.accepted, talk.status) == (status is None, status)


async def test_a_ticket_opens_a_stream_once_and_nothing_else(gw: RunningGateway) -> None:
    ticket = await make_ticket(gw, PASSWORD)
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [],
        "query_string": f"ticket={ticket}".encode(),
    }
    reply = await gw.client.get(f"{BASE}/verify?ticket={ticket}", headers={"authorization": ""})
    await identify_operator(gw.gateway, scope, tickets=True)

    assert reply.status_code == 401
    with pytest.raises(AuthenticationFailed):
        await identify_operator(gw.gateway, scope, tickets=True)


@pytest.mark.parametrize("by_session", [True, False])
async def test_a_ticket_ends_with_what_made_it(gw: RunningGateway, *, by_session: bool) -> None:
    _, text = await gw.gateway.access.sessions.open(address="", agent="")
    ticket = await make_ticket(gw, text if by_session else PASSWORD)
    if by_session:
        await gw.client.post(f"{BASE}/logout", headers={"authorization": f"Bearer {text}"})
    else:
        await gw.change(app={"app_key": "the next password"})

    async with with_ticket(gw, ticket) as talk:
        assert (talk.accepted, talk.status) == (False, 401)


async def test_a_stream_ends_with_its_session(gw: RunningGateway) -> None:
    session, _ = await gw.gateway.access.sessions.open(address="", agent="")
    operator = Operator(session_id=session.id, address="", epoch=gw.gateway.access.epoch)
    closed = anyio.Event()

    async def events() -> AsyncIterator[int]:
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            closed.set()

    seen = []
    with anyio.fail_after(2):
        async for event in while_session_lives(events(), gw.gateway, operator):
            seen.append(event)
            await gw.gateway.access.sessions.end(session.id)

    assert (seen, closed.is_set()) == ([1], True)


async def test_a_stream_of_an_older_password_tells_nothing(gw: RunningGateway) -> None:
    operator = Operator(session_id=None, address="", epoch=gw.gateway.access.epoch - 1)

    async def events() -> AsyncIterator[int]:
        await anyio.sleep_forever()
        yield 1

    with anyio.fail_after(2):
        assert [event async for event in while_session_lives(events(), gw.gateway, operator)] == []


async def test_a_stream_that_ends_is_passed_on_whole(gw: RunningGateway) -> None:
    async def events() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    operator = Operator(session_id=None, address="", epoch=gw.gateway.access.epoch)
    passed = [event async for event in while_session_lives(events(), gw.gateway, operator)]

    assert passed == [0, 1, 2]
