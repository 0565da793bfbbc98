"""SIGTERM while responses and messages are made: told in their own form, kept as they end (P9)."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import httpx
import pytest

from e2e.conftest import Start
from e2e.endpoints import ENDPOINTS, RESPONSES, Endpoint, Heard, Refusal
from e2e.kept import begin, end_of, look
from e2e.probe import QUOTA, Probe
from e2e.talk import talking

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

ENDLESS = "@sim tokens=9000 delay_ms=100"
SLOW = "@sim tokens=30 delay_ms=100"
GRACE_S = 1
END_S = 5
"""After the grace (P9)."""


class Open:
    """One of everything that can be open at a shutdown, and what became of it."""

    def __init__(self, gateway: Probe) -> None:
        self.gateway = gateway
        self.streams: dict[Endpoint, Heard] = {}
        self.unary: dict[Endpoint, Refusal] = {}
        self.turn: Heard | None = None
        self.background = ""
        self.codes: list[int | None] = []

    async def run(self, then: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Open everything, do *then*, and read all of it to its end."""
        self.background = await begin(self.gateway, ENDLESS)
        async with anyio.create_task_group() as group:
            for endpoint in ENDPOINTS:
                group.start_soon(self._stream, endpoint)
                group.start_soon(self._unary, endpoint)
            group.start_soon(self._speak)
            await self.gateway.until(lambda: self.gateway.asking() == 2 * len(ENDPOINTS) + 2, 5)
            group.start_soon(then)

    async def _stream(self, endpoint: Endpoint) -> None:
        self.streams[endpoint] = await self.gateway.hear(endpoint, ENDLESS)

    async def _unary(self, endpoint: Endpoint) -> None:
        self.unary[endpoint] = await self.gateway.refused(endpoint, ENDLESS)

    async def _speak(self) -> None:
        async with talking(self.gateway) as talk:
            await talk.create(ENDLESS)
            self.turn = await talk.turn()
            self.codes.append(await talk.closed())


async def test_everything_that_is_open_ends_honestly(start: Start) -> None:
    async with start({"SERVER__SHUTDOWN_GRACE_SEC": str(GRACE_S)}) as gateway:
        await gateway.fill(*[QUOTA] * 4)
        opened = Open(gateway)

        async def stop() -> None:
            began = time.monotonic()
            assert await gateway.stop(timeout_s=GRACE_S + END_S) == 0
            assert time.monotonic() - began >= GRACE_S

        await opened.run(stop)

    for endpoint in ENDPOINTS:
        told = endpoint.refusal(503, "overloaded")
        heard = opened.streams[endpoint]
        assert (heard.text[:6], heard.error, heard.ended) == ("Tokens", told.name, False)
        assert opened.unary[endpoint] == told
    assert opened.turn
    assert opened.turn.text.startswith("Tokens")
    assert (opened.turn.error, opened.turn.ended) == ("overloaded", False)
    assert opened.codes[0] in {1000, 1001, 1006}
    async with start() as again:
        found = await look(again, opened.background)
        assert (found["status"], found["error"]["code"]) == ("failed", "server_error")
        assert await again.used() == 2 * len(ENDPOINTS) + 2
        await again.idle(0.5)


async def test_reader_of_the_background_is_told_the_whole_form(start: Start) -> None:
    async with start({"SERVER__SHUTDOWN_GRACE_SEC": str(GRACE_S)}) as gateway:
        await gateway.fill(QUOTA)
        asked = RESPONSES.body(ENDLESS, stream=True, background=True)
        async with gateway.http.stream("POST", RESPONSES.path, json=asked) as response:
            await gateway.until(lambda: gateway.asking() == 1, 5)
            assert await gateway.stop(timeout_s=GRACE_S + END_S) == 0
            whole = await response.aread()

        heard = RESPONSES.hear(whole)
        assert heard.text.startswith("Tokens")
        assert (heard.error is not None, heard.ended) == (True, False)


async def test_what_ends_within_the_grace_is_whole_and_nothing_new_begins(start: Start) -> None:
    """A connection without a turn does not hold the process; one with a turn may end it."""
    async with start({"SERVER__SHUTDOWN_GRACE_SEC": "20"}) as gateway:
        await gateway.fill(*[QUOTA] * 4)
        background = await begin(gateway, SLOW)
        async with (
            talking(gateway) as idle,
            talking(gateway) as talk,
            anyio.create_task_group() as group,
        ):
            await talk.create(SLOW)
            await talk.until("Tokens")
            group.start_soon(stop_within, gateway, 10)
            await gateway.becomes(503, lambda: ready(gateway))
            for endpoint in ENDPOINTS:
                refused = await gateway.refused(endpoint)
                assert refused == endpoint.refusal(503, "overloaded")
            told = await gateway.refused(RESPONSES, background=True)
            assert told == RESPONSES.refusal(503, "overloaded")
            await talk.create("one more")
            heard = await talk.turn()
            last = await talk.event()
            assert await idle.closed() == 1001

    assert (heard.error, heard.ended) == (None, True)
    assert (last["type"], last["status"], last["error"]["code"]) == ("error", 503, "overloaded")
    async with start() as again:
        found = await look(again, background)
        assert RESPONSES.text(found) == heard.text
        assert await end_of(again, background) == found
        assert (await look(again, talk.response_id))["status"] == "completed"


async def ready(gateway: Probe) -> int:
    reply: httpx.Response = await gateway.http.get("/ready")
    return reply.status_code


async def stop_within(gateway: Probe, seconds: float) -> None:
    began = time.monotonic()
    assert await gateway.stop(timeout_s=seconds) == 0
    assert time.monotonic() - began <= seconds
