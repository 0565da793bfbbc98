"""Messages between processes over a real Valkey: what is missed leads to reading everything."""

import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from redis.asyncio import Redis
from structlog.testing import CapturingLogger

from grokgate.bus import Ids
from grokgate.bus.mailbox import MOST_IDS
from grokgate.bus.redis import RedisBus
from grokgate.upstream import Secret
from services.redis_world import until
from services.valkey import ValkeyServer, own_valkey

pytestmark = pytest.mark.anyio

Heard: TypeAlias = MemoryObjectReceiveStream[Ids]
Join: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[RedisBus, Heard]]]


@pytest.fixture(scope="module")
def valkey_server() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


@pytest.fixture
async def client(valkey_server: ValkeyServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(valkey_server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def join(valkey_server: ValkeyServer, request: pytest.FixtureRequest) -> Join:
    """Makes a running bus with one follower of the topic ``keys``, which has heard the first."""

    @asynccontextmanager
    async def running(
        *,
        resync_s: float = 60.0,
        name: str = request.node.name,
        log: CapturingLogger | None = None,
    ) -> AsyncIterator[tuple[RedisBus, Heard]]:
        tell, heard = anyio.create_memory_object_stream[Ids](1000)
        bus = RedisBus(
            Secret(valkey_server.url),
            name,
            log=log or CapturingLogger(),
            rng=random.Random(1),
            look_s=0.05,
            resync_s=resync_s,
        )
        bus.subscribe("keys", tell.send_nowait)
        async with anyio.create_task_group() as group, tell, heard:
            group.start_soon(bus.run)
            with anyio.fail_after(10):
                assert await heard.receive() is None  # at the start
                assert await heard.receive() is None  # with the connection
            yield bus, heard
            group.cancel_scope.cancel()

    return running


def stream_of(request: pytest.FixtureRequest) -> str:
    return f"grokgate:{{{request.node.name}}}:bus"


async def test_others_hear_of_ids_and_nobody_hears_itself(join: Join) -> None:
    async with join() as (one, own), join() as (_, heard):
        one.publish("keys", ["key_a", "key_b"])

        with anyio.fail_after(2):
            assert await heard.receive() == frozenset({"key_a", "key_b"})
        with pytest.raises(anyio.WouldBlock):
            own.receive_nowait()


async def test_other_topics_and_installations_are_not_heard(join: Join) -> None:
    async with join() as (one, _), join(name="other") as (other, _), join() as (_, heard):
        other.publish("keys", ["of_other"])
        one.publish("tokens", ["tok_a"])
        one.publish("keys", ["key_a"])

        with anyio.fail_after(2):
            assert await heard.receive() == frozenset({"key_a"})


async def test_too_many_ids_are_told_as_anything(join: Join) -> None:
    async with join() as (one, _), join() as (_, heard):
        one.publish("keys", map(str, range(MOST_IDS + 1)))

        with anyio.fail_after(2):
            assert await heard.receive() is None


async def test_emptied_server_has_everything_read_again(join: Join, client: Redis) -> None:
    async with join() as (one, _), join() as (_, heard):
        one.publish("keys", ["key_a"])
        with anyio.fail_after(2):
            assert await heard.receive() == frozenset({"key_a"})
            await client.flushall()
            assert await heard.receive() is None


async def test_cut_stream_has_everything_read_again(
    join: Join, client: Redis, request: pytest.FixtureRequest
) -> None:
    async with join() as (one, _), join() as (_, heard):
        one.publish("keys", ["key_a"])
        with anyio.fail_after(2):
            assert await heard.receive() == frozenset({"key_a"})
        fields: Any = {"after": "1-1", "from": "x", "topic": "keys", "ids": '["key_b"]'}
        await client.xadd(stream_of(request), fields)

        with anyio.fail_after(2):
            assert await heard.receive() is None


async def test_time_alone_has_everything_read_again(join: Join) -> None:
    async with join(resync_s=0.02) as (_, heard):
        with anyio.fail_after(2):
            assert await heard.receive() is None


async def test_restarted_server_is_found_again_and_what_waited_is_sent(
    join: Join, valkey_server: ValkeyServer, client: Redis, request: pytest.FixtureRequest
) -> None:
    async with join() as (one, _), join() as (_, heard):
        valkey_server.stop()
        one.publish("keys", ["key_a"])
        await anyio.to_thread.run_sync(valkey_server.start)

        with anyio.fail_after(5):
            assert await heard.receive() is None
            assert await client.xread({stream_of(request): "0-0"}, block=4000)


async def test_frozen_server_holds_nobody_up(join: Join, valkey_server: ValkeyServer) -> None:
    log = CapturingLogger()
    async with join() as (one, _), join(log=log) as (_, heard):
        valkey_server.process.send_signal(signal.SIGSTOP)
        try:
            one.publish("keys", ["key_a"])
            await until(lambda: "bus_lost" in {call.args[0] for call in log.calls})
        finally:
            valkey_server.process.send_signal(signal.SIGCONT)

        with anyio.fail_after(5):
            assert await heard.receive() is None


async def test_follower_that_fails_is_told_again(valkey_server: ValkeyServer) -> None:
    told: list[Ids] = []
    done = anyio.Event()

    def follow(ids: Ids) -> None:
        told.append(ids)
        if len(told) == 1:
            raise OSError
        done.set()

    log = CapturingLogger()
    bus = RedisBus(Secret(valkey_server.url), "failing", log=log, rng=random.Random(1))
    bus.subscribe("keys", follow)
    async with anyio.create_task_group() as group:
        group.start_soon(bus.run)
        with anyio.fail_after(5):
            await done.wait()
        group.cancel_scope.cancel()

    assert told[:2] == [None, None]
    assert log.calls[0].args == ("not_followed",)
