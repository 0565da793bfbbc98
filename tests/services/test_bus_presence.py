"""A job of one process is known to go on, and can be cancelled, in another; over a real Valkey."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

import anyio
import pytest
from redis.asyncio import Redis
from structlog.testing import CapturingLogger

from grokgate.bus import Ids, LocalPresence
from grokgate.bus.presence import RedisPresence
from grokgate.bus.redis import RedisBus
from grokgate.drain import Drain
from grokgate.errors import StoreUnavailable
from grokgate.jobs import JobId, Jobs
from grokgate.upstream import Secret
from services.redis_world import frozen
from services.valkey import ValkeyServer, own_valkey

pytestmark = pytest.mark.anyio

HELD_S = 1.5
ID = JobId(plugin="video", kind="film", key="video_1", owner="key_1")
GOING_ON = "grokgate:{test}:going-on"
TOLD = f"{GOING_ON}-told"


@pytest.fixture(scope="module")
def valkey_server() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


@pytest.fixture
async def client(valkey_server: ValkeyServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_server.url, decode_responses=True) as client:
        await client.flushall()
        yield client


Begin: TypeAlias = Callable[..., AbstractAsyncContextManager[Jobs]]


@pytest.fixture
def process(valkey_server: ValkeyServer, client: Redis) -> Begin:
    """Runs the jobs of one process, on a server that *client* has emptied and told of nothing."""
    address, log, rng = Secret(valkey_server.url), CapturingLogger(), random.Random(1)

    @asynccontextmanager
    async def running(*, doubting: bool = False) -> AsyncIterator[Jobs]:
        if not doubting:
            now_s, more_us = await client.time()
            told = 1000 * now_s + more_us // 1000
            await client.hset(TOLD, mapping={"since": 0, "told": told})
        bus = RedisBus(address, "test", log=log, rng=rng)
        presence = RedisPresence(address, "test", rng=rng, held_s=HELD_S)
        jobs = Jobs(Drain(grace_s=lambda: 60.0), on_fault=lambda _: None, log=log)
        jobs.join(bus, presence)
        tell, heard = anyio.create_memory_object_stream[Ids](1000)
        bus.subscribe("jobs", tell.send_nowait)
        async with anyio.create_task_group() as group, jobs.accepting(), tell, heard:
            group.start_soon(bus.run)
            group.start_soon(presence.run)
            with anyio.fail_after(10):
                assert await heard.receive() is None  # at the start
                assert await heard.receive() is None  # with the connection
            yield jobs
            group.cancel_scope.cancel()

    return running


async def becomes(
    jobs: Jobs,
    wanted: bool,  # noqa: FBT001 - what is wanted
    within_s: float = 5,
) -> None:
    with anyio.fail_after(within_s):
        while await jobs.goes_on(ID) != wanted:  # noqa: ASYNC110 - nobody announces it
            await anyio.sleep(0.01)


async def held_until(client: Redis) -> float | None:
    """Return how long the job is taken to go on, in Unix milliseconds."""
    return await client.zscore(GOING_ON, ID.name)


async def test_job_goes_on_in_all_processes_until_it_ends(process: Begin, client: Redis) -> None:
    gate = asyncio.Event()

    async def work() -> None:
        await gate.wait()

    async with process() as one, process() as two:
        await becomes(two, wanted=False)
        one.start(ID, work)
        await becomes(two, wanted=True)
        told = await held_until(client)
        with anyio.fail_after(5):  # it is told anew as long as it goes on
            while await held_until(client) == told:  # noqa: ASYNC110 - nobody announces it
                await anyio.sleep(0.01)
        assert await two.goes_on(ID)
        gate.set()
        await becomes(two, wanted=False)


async def test_job_is_cancelled_from_another_process(process: Begin) -> None:
    async with process() as one, process() as two:
        job = one.start(ID, anyio.sleep_forever)
        await becomes(two, wanted=True)
        with anyio.fail_after(5):
            await two.cancel(ID)

            await job.wait()
        assert not await two.goes_on(ID)


async def test_job_is_told_why_it_is_cancelled(process: Begin) -> None:
    told: list[str] = []
    async with process() as one, process() as two:
        one.start(ID, anyio.sleep_forever, on_cancel=lambda: told.append("wanted"))
        await becomes(two, wanted=True)
        with anyio.fail_after(5):
            await two.cancel(ID)

    assert told == ["wanted"]


async def test_others_know_of_a_job_before_it_works(process: Begin) -> None:
    known: list[bool] = []
    async with process() as one, process() as two:

        async def work() -> None:
            known.append(await two.goes_on(ID))

        with anyio.fail_after(5):
            await one.start(ID, work).wait()

    assert known == [True]


async def test_emptied_server_ends_nothing_for_a_while(process: Begin, client: Redis) -> None:
    async with process() as jobs:
        await becomes(jobs, wanted=False)
        await client.flushall()
        assert await jobs.goes_on(ID)
        await becomes(jobs, wanted=False)


async def test_server_that_was_told_nothing_ends_nothing_for_a_while(
    process: Begin, client: Redis
) -> None:
    async with process() as jobs:
        await becomes(jobs, wanted=False)
        late = float(await client.hget(TOLD, "told") or 0) - 1000 * HELD_S
        await client.hset(TOLD, "told", late)
        assert await jobs.goes_on(ID)
        await becomes(jobs, wanted=False)


async def test_what_ended_is_known_even_then(process: Begin) -> None:
    async with process(doubting=True) as one, process(doubting=True) as two:
        with anyio.fail_after(5):
            await one.start(ID, anyio.lowlevel.checkpoint).wait()
        await becomes(two, wanted=False, within_s=HELD_S / 2)


async def test_first_process_ends_nothing_for_a_while(process: Begin) -> None:
    async with process(doubting=True) as jobs:
        assert await jobs.goes_on(ID)
        await becomes(jobs, wanted=False)


async def test_job_of_a_dead_process_is_over_after_a_while(process: Begin, client: Redis) -> None:
    async with process() as jobs:
        now_s, _ = await client.time()
        await client.zadd(GOING_ON, {ID.name: 1000 * (now_s + 60)})
        assert await jobs.goes_on(ID)
        await client.zadd(GOING_ON, {ID.name: 1000 * now_s})
        await becomes(jobs, wanted=False)


async def test_server_that_cannot_be_asked_ends_nothing(
    process: Begin, valkey_server: ValkeyServer
) -> None:
    async with process() as jobs:
        await becomes(jobs, wanted=False)
        with frozen(valkey_server):
            assert await jobs.goes_on(ID)


async def test_server_that_cannot_be_asked_holds_nobody_up(
    process: Begin, valkey_server: ValkeyServer
) -> None:
    async with process() as jobs:
        await becomes(jobs, wanted=False)
        with frozen(valkey_server), anyio.fail_after(3):
            looks = [await jobs.goes_on(ID) for _ in range(20)]
            with pytest.raises(StoreUnavailable):
                await jobs.cancel(ID)

    assert all(looks)


async def test_only_process_knows_what_goes_on() -> None:
    presence = LocalPresence()
    presence.begin("a")
    seen = await presence.goes_on("a")
    presence.end("a")

    assert (seen, await presence.goes_on("a")) == (True, False)
