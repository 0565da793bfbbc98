"""Killed again and again under load: what was acknowledged is there, nothing else is left (V18).

The moment of each kill is drawn: after so many acknowledged writes, whatever is under way then.
"""

import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from itertools import count
from pathlib import Path
from random import Random

import anyio
import httpx
import pytest
from msgspec import Struct

from e2e.probe import BUCKET, Probe, probe
from grokgate import control
from grokgate.errors import StateError
from grokgate.sandbox import AccountFixture, HttpStatus, Sandbox, WindowFixture

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

ROUNDS = 20
READY_S = 5.0
MOST_WRITES = 12
"""Acknowledged in one round; the number is drawn."""
WINDOW = WindowFixture(total=100_000, window_s=7200)
LATELY_MS = 30_000
UNKNOWN = -1


class Acknowledged(Struct):
    """What the gateway said it has."""

    keys: dict[str, str] = {}
    """By name."""
    tokens: list[str] = []

    def __len__(self) -> int:
        return len(self.keys) + len(self.tokens)


def integrity(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "data" / "grokgate.db")) as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])


async def chat(gateway: Probe) -> None:
    await gateway.read("@sim tokens=3 delay_ms=5")


class Load:
    """Chats, makes keys and imports accounts until the gateway is gone."""

    def __init__(self, gateway: Probe, done: Acknowledged, numbers: "count[int]") -> None:
        self._gateway = gateway
        self._done = done
        self._numbers = numbers
        self._news = anyio.Event()

    async def run(self, *, writes: int) -> None:
        """Kill the gateway when *writes* more writes are acknowledged, the first before a chat."""
        enough = len(self._done) + writes
        await self._import_account()
        await chat(self._gateway)
        async with anyio.create_task_group() as group:
            for work in (self._chat, self._make_key, self._import_account):
                group.start_soon(self._until_it_is_gone, work)
            while len(self._done) < enough:
                await self._news.wait()
                self._news = anyio.Event()
            self._gateway.service.crash()

    async def _until_it_is_gone(self, work: Callable[[], Awaitable[None]]) -> None:
        with suppress(httpx.TransportError, OSError, StateError):
            while True:
                await work()

    async def _chat(self) -> None:
        await chat(self._gateway)

    async def _make_key(self) -> None:
        folder = self._gateway.service.data_dir
        name = f"key {next(self._numbers)}"
        made = await control.ask(folder, "keys.create", {"name": name})
        self._done.keys[name] = made["key"]
        self._news.set()

    async def _import_account(self) -> None:
        token = f"credential-of-a-crash-{next(self._numbers):06}"
        self._gateway.sandbox.accounts.put(AccountFixture(token=token, buckets={BUCKET: WINDOW}))
        await self._gateway.give([token])
        self._done.tokens.append(token)
        self._news.set()


async def test_what_was_acknowledged_survives_twenty_kills(tmp_path: Path) -> None:
    draw, numbers, done = Random(18), count(1), Acknowledged()
    world = Sandbox(accounts=())
    for _ in range(ROUNDS):
        async with started(tmp_path, world) as gateway:
            await gateway.idle(1)
            await _missing_nothing(gateway, done)
            await Load(gateway, done, numbers).run(writes=draw.randint(1, MOST_WRITES))
        assert integrity(tmp_path) == "ok"

    world.rules.add(HttpStatus(code=503), endpoint="rate_limits")
    async with started(tmp_path, world) as gateway:
        await _missing_nothing(gateway, done)
        assert {await _models_with(gateway, key) for key in done.keys.values()} == {200}
        assert await _left_of_those_used_lately(gateway) == {UNKNOWN}


@asynccontextmanager
async def started(folder: Path, world: Sandbox) -> AsyncIterator[Probe]:
    began = time.monotonic()
    async with probe(folder, {}, sandbox=world) as gateway:
        assert time.monotonic() - began <= READY_S
        yield gateway


async def _missing_nothing(gateway: Probe, done: Acknowledged) -> None:
    keys = await control.ask(gateway.service.data_dir, "keys.list", {})

    assert {token[-6:] for token in done.tokens} <= set(await gateway.rows())
    assert set(done.keys) <= {key["name"] for key in keys}


async def _models_with(gateway: Probe, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return (await gateway.http.get("/v1/models", headers=headers)).status_code


async def _left_of_those_used_lately(gateway: Probe) -> set[int]:
    since_ms = time.time() * 1000 - LATELY_MS
    states = [row["state"] for row in (await gateway.rows()).values()]
    return {
        state["buckets"][BUCKET]["remaining"]
        for state in states
        if (state["last_used_at_ms"] or 0) > since_ms
    }
