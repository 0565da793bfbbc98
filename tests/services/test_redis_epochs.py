"""Exactly one process begins a ledger, and one that was too slow stops."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest
import redis
import structlog

from grokgate.clock import SystemClock
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.redis.client import Link
from grokgate.scheduler.redis.epochs import Epochs
from grokgate.scheduler.redis.view import View
from grokgate.upstream import PoolSpec, Secret
from services.redis_world import World, token

pytestmark = pytest.mark.anyio

COUNT = 1000


@pytest.fixture
async def world(valkey_url: str) -> AsyncIterator[World]:
    world = World(valkey_url)
    yield world
    await world.aclose()


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        yield client


class Process:
    """What begins a ledger, with many accounts; *busy* is called before each portion of them."""

    def __init__(self, world: World, name: str, busy: Callable[[], object] = lambda: None) -> None:
        clock, log = SystemClock(), structlog.get_logger()
        self.link = Link(
            Secret(world.url),
            installation=world.keys.installation,
            process=name,
            clock=clock,
            log=log,
            limit_s=5.0,
        )
        self.busy = busy
        view = View(max_inflight=1, journal=lambda _: None)
        view.declare("web", PoolSpec(name="ssoBasic", tier="basic", assumed={"default": 8}))
        at = self.now()
        with view.quiet():
            for number in range(COUNT):
                view.put(token(f"{name}{number}"), at)
        self.epochs = Epochs(self.link, view, now=self.looked, lease_s=60.0)

    def now(self) -> Moment:
        clock = SystemClock()
        return Moment(clock.monotonic(), int(clock.now().timestamp() * 1000))

    def looked(self) -> Moment:
        self.busy()
        return self.now()

    async def find(self) -> str:
        try:
            return await self.epochs.find()
        finally:
            await self.link.client.aclose()


async def test_processes_that_start_at_once_begin_one_ledger(world: World) -> None:
    found: set[str] = set()

    async def find(name: str) -> None:
        found.add(await Process(world, name).find())

    async with anyio.create_task_group() as group:
        for name in "abcd":
            group.start_soon(find, name)

    assert len(found) == 1
    assert len(await world.rows()) == COUNT


async def test_process_whose_lock_has_lapsed_leaves_the_ledger_to_others(
    world: World, client: redis.Redis
) -> None:
    left = iter(range(3))

    def lapse() -> None:
        """As if it had been frozen, and another process had begun the ledger meanwhile."""
        if next(left, None) is None and not client.hexists(world.keys.facts, "epoch"):
            client.delete(world.keys.rows)
            client.hset(world.keys.facts, mapping=facts(client, "theirs"))
            client.delete(world.keys.lock)

    assert await Process(world, "slow", lapse).find() == "theirs"
    assert await world.rows() == {}


def facts(client: redis.Redis, epoch: str) -> dict[Any, Any]:
    server: Any = client.info("server")
    return {"epoch": epoch, "server": server["run_id"], "begun_ms": 1, "change": 1, "sequence": 1}
