"""One process leads at a time, over a real Valkey, and stops in time when it no longer may."""

import random
import signal
from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from redis.asyncio import Redis
from structlog.testing import CapturingLogger

from grokgate.bus import LocalLeadership
from grokgate.bus.lease import RedisLeadership
from grokgate.upstream import Secret
from services.valkey import ValkeyServer, own_valkey

pytestmark = pytest.mark.anyio

LEASE_S = 1.5
KEY = "grokgate:{test}:leader"


@pytest.fixture(scope="module")
def valkey_server() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


@pytest.fixture
async def client(valkey_server: ValkeyServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_server.url, decode_responses=True) as client:
        await client.flushall()
        yield client


class Worker:
    """Notes when its work begins and ends."""

    def __init__(self, server: ValkeyServer) -> None:
        self.leadership = RedisLeadership(
            Secret(server.url),
            "test",
            log=CapturingLogger(),
            rng=random.Random(1),
            lease_s=LEASE_S,
        )
        self.began = anyio.Event()
        self.ended = anyio.Event()
        self.ended_at = 0.0
        self.scope = anyio.CancelScope()

    async def work(self) -> None:
        self.began.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.ended_at = anyio.current_time()
            self.ended.set()

    async def run(self) -> None:
        with self.scope:
            await self.leadership.lead(self.work)


async def renewed(client: Redis) -> None:
    """Wait until the lease ends later than it did."""
    left_ms = await client.pttl(KEY)
    while (now_left_ms := await client.pttl(KEY)) <= left_ms:
        left_ms = now_left_ms
        await anyio.sleep(0.01)


async def test_only_one_leads_until_it_ends(valkey_server: ValkeyServer, client: Redis) -> None:
    first, second = Worker(valkey_server), Worker(valkey_server)
    async with anyio.create_task_group() as group:
        group.start_soon(first.run)
        with anyio.fail_after(5):
            await first.began.wait()
            group.start_soon(second.run)
            for _ in range(3):  # times a lease is renewed before it would end
                await renewed(client)
            assert (first.leadership.leads, second.leadership.leads) == (True, False)
            first.scope.cancel()
            await second.began.wait()
        group.cancel_scope.cancel()


async def test_work_is_cancelled_when_another_has_the_lease(
    valkey_server: ValkeyServer, client: Redis
) -> None:
    worker = Worker(valkey_server)
    async with anyio.create_task_group() as group:
        group.start_soon(worker.run)
        with anyio.fail_after(5):
            await worker.began.wait()
            await client.set(KEY, "another", px=60_000)
            await worker.ended.wait()
        group.cancel_scope.cancel()

    assert await client.get(KEY) == "another"


@pytest.mark.usefixtures("client")
async def test_work_is_cancelled_before_a_lease_that_cannot_be_renewed_ends(
    valkey_server: ValkeyServer,
) -> None:
    worker = Worker(valkey_server)
    async with anyio.create_task_group() as group:
        group.start_soon(worker.run)
        with anyio.fail_after(5):
            await worker.began.wait()
            frozen_at = anyio.current_time()
            valkey_server.process.send_signal(signal.SIGSTOP)
            try:
                await worker.ended.wait()
            finally:
                valkey_server.process.send_signal(signal.SIGCONT)
        group.cancel_scope.cancel()

    assert worker.ended_at - frozen_at < LEASE_S


async def test_error_of_the_work_ends_the_leadership(
    valkey_server: ValkeyServer, client: Redis
) -> None:
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError), anyio.fail_after(5):
        await Worker(valkey_server).leadership.lead(fail)
    assert await client.get(KEY) is None


async def test_only_process_always_leads() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    await LocalLeadership().lead(work)

    assert done == [1]
