"""Killed while responses are made: what was acknowledged is kept, what was not never was (P8)."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from msgspec import Struct
from websockets.exceptions import ConnectionClosed

from e2e.calls import prompt_of
from e2e.endpoints import RESPONSES
from e2e.kept import begin, end_of, look
from e2e.probe import QUOTA, Probe, probe
from e2e.talk import talking

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

ENDLESS = "@sim tokens=300 delay_ms=100"
SHORT = "@sim tokens=3 delay_ms=5"
WRITES = 30
"""Acknowledged before the kill."""


class Acknowledged(Struct):
    """What clients were told, by the id of the response."""

    texts: dict[str, str] = {}
    begun: list[str] = []
    """In the background."""

    def __len__(self) -> int:
        return len(self.texts) + len(self.begun)


class Load:
    """Asks for responses in every way until the gateway is gone."""

    def __init__(self, gateway: Probe, done: Acknowledged) -> None:
        self._gateway = gateway
        self._done = done

    async def run(self, *, most: int) -> None:
        """Kill the gateway when *most* responses are acknowledged."""
        async with anyio.create_task_group() as group:
            for work in (self._unary, self._streamed, self._background, self._spoken):
                group.start_soon(self._until_it_is_gone, work)
            await self._gateway.until(lambda: len(self._done) >= most, 20)
            self._gateway.service.crash()

    async def _until_it_is_gone(self, work: Callable[[], Awaitable[None]]) -> None:
        with suppress(httpx.TransportError, ConnectionClosed, OSError):
            while True:
                await work()

    async def _unary(self) -> None:
        reply = (await self._gateway.ask(RESPONSES, SHORT)).json()
        self._done.texts[reply["id"]] = RESPONSES.text(reply)

    async def _streamed(self) -> None:
        """The last event is the acknowledgement, even if the end of the stream is lost."""
        async with self._gateway.stream(SHORT, to=RESPONSES) as response:
            async for line in response.aiter_lines():
                if line.startswith('data: {"type":"response.completed"'):
                    said = json.loads(line.removeprefix("data: "))["response"]
                    self._done.texts[said["id"]] = RESPONSES.text(said)

    async def _background(self) -> None:
        self._done.begun.append(await begin(self._gateway, SHORT))

    async def _spoken(self) -> None:
        async with talking(self._gateway) as talk:
            while True:
                await talk.create(SHORT)
                heard = await talk.turn()
                self._done.texts[talk.response_id] = heard.text


class Before(Struct):
    """What there was when the gateway was killed."""

    done: Acknowledged
    ended: dict[str, Any]
    """A response made in the background, as it was read."""
    running: str
    """In the background."""
    streamed: str
    spoken: str
    """Over a socket."""


async def killed(gateway: Probe) -> Before:
    """Begin everything, kill the gateway within all of it."""
    done = Acknowledged()
    ended = await end_of(gateway, await begin(gateway, "remember"))
    running = await begin(gateway, ENDLESS)
    async with talking(gateway) as talk, gateway.stream(ENDLESS, to=RESPONSES) as response:
        await talk.create(ENDLESS)
        spoken = await talk.until("Tokens")
        streamed = await id_of(response)
        await gateway.until(lambda: gateway.asking() == 3, 5)
        await Load(gateway, done).run(most=WRITES)
    return Before(done=done, ended=ended, running=running, streamed=streamed, spoken=spoken)


async def id_of(response: httpx.Response) -> str:
    """Read a stream to its first piece of text; returns the id of the response."""
    seen = ""
    async for text in response.aiter_text():
        seen += text
        if "Tokens" in seen:
            break
    return str(re.findall("resp_[A-Za-z0-9]+", seen)[0])


@pytest.fixture(scope="module")
async def before(folder: Path) -> Before:
    async with probe(folder, {"TOKEN__MAX_INFLIGHT": "8"}) as gateway:
        await gateway.fill(*[10 * QUOTA] * 4)
        return await killed(gateway)


@pytest.fixture(scope="module")
async def again(folder: Path, before: Before) -> AsyncIterator[Probe]:
    """The gateway, started again after it was killed."""
    del before
    async with probe(folder, {}) as gateway:
        yield gateway


async def test_what_was_acknowledged_is_all_there(again: Probe, before: Before) -> None:
    texts = {known: RESPONSES.text(await look(again, known)) for known in before.done.texts}
    begun = [(await look(again, known))["status"] for known in before.done.begun]

    assert texts == before.done.texts
    assert set(begun) <= {"completed", "failed"}
    assert await look(again, before.ended["id"]) == before.ended


async def test_what_ran_in_the_background_has_failed(again: Probe, before: Before) -> None:
    found = await look(again, before.running)
    refused = await again.refused(RESPONSES, "go on", previous_response_id=before.running)

    assert (found["status"], found["error"]["code"]) == ("failed", "server_error")
    assert refused == RESPONSES.refusal(400, "invalid_value")


async def test_what_was_only_reserved_never_was(again: Probe, before: Before) -> None:
    for unknown in (before.streamed, before.spoken):
        path = f"{RESPONSES.path}/{unknown}"
        assert (await again.http.get(path)).status_code == 404
        assert (await again.http.get(f"{path}/input_items")).status_code == 404


async def test_earlier_ones_can_be_continued(again: Probe, before: Before) -> None:
    await again.idle(1)
    await again.fill(QUOTA)

    reply = await again.ask(RESPONSES, "go on", previous_response_id=before.ended["id"])

    assert reply.status_code == 200
    assert ["remember" in prompt_of(call) for call in again.calls("go on")] == [True]
