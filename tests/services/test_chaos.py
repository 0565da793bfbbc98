"""Three replicas under load, and all that they stand on taken away (V23, F26 to F28, P11)."""

import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest
from redis import Redis

from e2e.probe import BUCKET, Probe
from grokgate import control
from grokgate.errors import StateError
from grokgate.operations import OperationFailed
from grokgate.upstream import Secret
from services.conftest import PostgresServer
from services.redis_world import frozen
from services.replica_world import Replicas, knows
from services.valkey import ValkeyServer, own_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

ACCOUNTS, PLACES, QUOTA = 3, 10, 10_000
SETTINGS = {"TOKEN__MAX_INFLIGHT": str(PLACES), "LIMITS__QUEUE_WAIT_SEC": "120"}
KILLED, FROZEN = 20, 4
"""Streams that a replica has open when it is killed, and frozen."""
BACK_S, WRITES_S, FREE_S = 5.0, 15.0, 90.0
ENDLESS = "@sim tokens=100000 delay_ms=500"
LOST = (httpx.TransportError, OSError, StateError, OperationFailed)


class Load:
    """Chats and makes keys on a replica, whatever becomes of both."""

    def __init__(self, replica: Probe) -> None:
        self.keys: list[str] = []
        """Names of those that were acknowledged."""
        self.answered = 0
        self._replica = replica

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(self._repeat, self._chat)
            group.start_soon(self._repeat, self._make_key)
            yield
            group.cancel_scope.cancel()

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            with suppress(*LOST):
                await work()
            await anyio.sleep(0.02)  # refusals come at once

    async def _chat(self) -> None:
        answer = await self._replica.read("@sim tokens=3 delay_ms=20")
        self.answered += answer.status == httpx.codes.OK

    async def _make_key(self) -> None:
        name = f"key {len(self.keys)}"
        await control.ask(self._replica.service.data_dir, "keys.create", {"name": name})
        self.keys.append(name)
        await anyio.sleep(0.1)  # few are enough


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


async def test_replicas_come_through(
    tmp_path: Path,
    empty_postgres: Callable[[], AbstractContextManager[Secret]],
    postgres_server: PostgresServer,
    valkey: ValkeyServer,
) -> None:
    """Kill, freeze, flush and restart, in turn; nothing acknowledged is lost, the books agree."""
    with empty_postgres() as database:
        replicas = Replicas(tmp_path, database, valkey.url, SETTINGS)
        async with AsyncExitStack() as stack:
            one, two, three = [
                await stack.enter_async_context(replicas.run(name)) for name in ("a", "b", "c")
            ]
            tokens = await one.fill(*[QUOTA] * ACCOUNTS)
            for replica in (two, three):
                await knows(replica, tokens)
            await holding(stack, three, KILLED)
            asleep = await stack.enter_async_context(AsyncExitStack())
            await holding(asleep, two, FROZEN)
            # A lease is open here a moment before the server has confirmed it.
            await two.until(lambda: two.asking() == KILLED + FROZEN, BACK_S)
            load = Load(one)
            async with load.running():
                three.service.crash()
                send(signal.SIGSTOP, two)
                stack.callback(send, signal.SIGCONT, two)
                lost_at = time.monotonic()
                await disturb(one, valkey, postgres_server)
                # Nobody writes for ten seconds after one that was frozen in the middle of it.
                await one.until(lambda: len(load.keys) > 0, WRITES_S)
            await all_places(one, until=lost_at + FREE_S)
            send(signal.SIGCONT, two)
            await asleep.aclose()

            await two.becomes("late", lambda: ends(two), within_s=30)
            for replica in (one, two):
                await replica.becomes(200, lambda replica=replica: status(replica), within_s=BACK_S)
                await replica.idle(BACK_S)
            rows = await control.ask(one.service.data_dir, "keys.list", {})
            assert {row["name"] for row in rows} >= set(load.keys) > set()
            assert load.answered
            await agrees(one, tokens)


async def disturb(one: Probe, valkey: ValkeyServer, server: PostgresServer) -> None:
    """Take each part away for a moment; the replica answers again each time."""
    with frozen(valkey):
        await one.becomes(503, lambda: status(one), within_s=BACK_S)
    await one.becomes(200, lambda: status(one), within_s=BACK_S)
    with Redis.from_url(valkey.url) as client:
        client.flushall()
    await one.becomes(200, lambda: status(one), within_s=BACK_S)
    for part in (valkey, server):
        part.stop()
        try:
            await one.becomes(503, lambda: status(one), within_s=BACK_S)
        finally:
            await anyio.to_thread.run_sync(part.start)
        await one.becomes(200, lambda: status(one), within_s=BACK_S + 1)


async def all_places(one: Probe, *, until: float) -> None:
    """Wait until one replica alone can have every account as busy as it may be."""
    most = ACCOUNTS * PLACES
    async with AsyncExitStack() as stack:
        await holding(stack, one, most, within_s=until - time.monotonic())


async def holding(
    stack: AsyncExitStack, replica: Probe, count: int, *, within_s: float = BACK_S
) -> None:
    """Open streams that do not end by themselves, and wait until all have a place."""
    for _ in range(count):
        await stack.enter_async_context(replica.asked(ENDLESS, stream=True))
    await replica.becomes(count, lambda: replica.gauge("leases_open"), within_s=within_s)


async def agrees(one: Probe, tokens: list[str]) -> None:
    """The gateway believes of each account what its upstream says."""
    rows = await one.rows()
    ids = [rows[token[-6:]]["id"] for token in tokens]
    await control.ask(one.service.data_dir, "tokens.refresh", {"ids": ids})
    rows = await one.rows()
    for token in tokens:
        bucket = rows[token[-6:]]["state"]["buckets"][BUCKET]
        assert bucket["remaining"] == QUOTA - one.account(token).units_taken


async def ends(replica: Probe) -> str:
    """Tell how the leases ended that the replica had when it was frozen."""
    late = await replica.gauge("fence_rejected_total") >= FROZEN
    return "late" if late else "not yet"


async def status(replica: Probe) -> int:
    return (await replica.chat()).status_code


def send(number: int, replica: Probe) -> None:
    if replica.service.process.poll() is None:
        for pid in replica.service.pids:
            os.kill(pid, number)
