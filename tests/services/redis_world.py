"""Homes that share a ledger on a real server, for tests."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from random import Random
from typing import Any

import anyio
import structlog
from anyio.abc import TaskGroup
from redis.asyncio import Redis

from core.scheduler.memory_world import Settings, Store
from grokgate.clock import SystemClock
from grokgate.errors import GatewayError
from grokgate.scheduler.home import Lease, Settled, Want
from grokgate.scheduler.redis import RedisHome
from grokgate.scheduler.redis.rows import Row, unpack
from grokgate.scheduler.redis.scripts import Keys
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.token import TokenSettings
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import Kind, Observation, Secret, Stage
from services.valkey import ValkeyServer

_names = count()


def token(name: str, units: int = 10, **fields: Any) -> TokenRecord:
    buckets = {"default": Bucket(remaining=units)}
    state = TokenState(id=name, buckets=buckets)
    return TokenRecord(id=name, pool="ssoBasic", credential=Secret(name), state=state, **fields)


@contextmanager
def frozen(server: ValkeyServer) -> Iterator[None]:
    """Let a server do nothing for a while, with its connections open."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


class Member:
    """One process of an installation; really an object in ours."""

    def __init__(self, home: RedisHome, store: Store) -> None:
        self.home = home
        self.store = store
        self.doubted: list[str] = []
        home.subscribe(self.doubted.append)

    def start(self, group: TaskGroup) -> None:
        """Run it; as if its process had slept, if it ran before."""
        self.scope = anyio.CancelScope()
        self.group = group
        group.start_soon(self._run, self.scope)

    def stop(self) -> None:
        """Do nothing any more; as if its process were dead."""
        self.scope.cancel()

    def want(self, *, wait_s: float = 0.0, **changes: Any) -> Want:
        wanted: dict[str, Any] = {
            "request_id": "r",
            "key_id": "k",
            "model": "grok-4",
            "deadline": asyncio.get_running_loop().time() + wait_s,
            "upstream": "web",
            "pools": ("ssoBasic",),
            "buckets": ("default",),
            "units": 1,
        }
        return Want(**{**wanted, **changes})

    async def lease(self, **changes: Any) -> Lease:
        return await self.home.acquire(self.want(**changes))

    async def try_lease(self, **changes: Any) -> Lease | None:
        try:
            return await self.lease(**changes)
        except GatewayError:
            return None

    def settle(
        self, lease: Lease, kind: Kind = Kind.OK, stage: Stage = Stage.CONTENT, **fields: Any
    ) -> Settled:
        observation = Observation(operation="converse", kind=kind, stage=stage, **fields)
        return self.home.settle(lease, observation, units=1)

    def left(self, name: str) -> int:
        state = self.home.state(name)
        assert state is not None
        return state.buckets["default"].remaining

    async def settled(self) -> None:
        """Wait until the server has heard everything."""
        await until(lambda: not self.home.outbox)

    async def _run(self, scope: anyio.CancelScope) -> None:
        with scope:
            await self.home.run()


class World:
    """An installation of its own on a server."""

    def __init__(self, url: str, *, limit_s: float = 5.0) -> None:
        self.url = url
        self.limit_s = limit_s
        self.keys = Keys(f"test-{next(_names)}")
        self.client: Any = Redis.from_url(url)

    @asynccontextmanager
    async def member(
        self, *records: TokenRecord, settings: dict[str, Any] | None = None, **options: Any
    ) -> AsyncIterator[Member]:
        """Run a home; it leaves at the end, stopped before or not."""
        store = Store()
        chosen = Settings(
            token=TokenSettings(save_delay_ms=0, **settings or {}),
            limits=LimitsSettings(queue_size=1000),
        )
        home = RedisHome(
            url=Secret(self.url),
            installation=self.keys.installation,
            specs=[FakeUpstream().spec()],
            settings=lambda: chosen,
            rng=Random(1),
            log=structlog.get_logger(),
            writer=store.write,
            **{
                "clock": SystemClock(),
                "regain_s": 0.2,
                "limit_s": self.limit_s,
                **options,
            },
        )
        home.load(records)
        await home.open()
        member = Member(home, store)
        try:
            async with anyio.create_task_group() as group:
                member.start(group)
                yield member
                member.stop()
        finally:
            await home.aclose()

    async def rows(self) -> dict[str, Row]:
        rows = await self.client.hgetall(self.keys.rows)
        return {name.decode(): unpack(packed) for name, packed in rows.items()}

    async def row(self, name: str) -> Row:
        return (await self.rows())[name]

    async def aclose(self) -> None:
        await self.client.aclose()


async def until(done: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Wait for a state."""
    with anyio.fail_after(within_s):
        while not done():  # noqa: ASYNC110 - the other side is a server, which sets no event of ours
            await anyio.sleep(0.005)


def books(row: Row) -> int:
    """Return the units of which a row lost track (I1)."""
    lost = 0
    for name, holding in row.held.items():
        ended = holding.settled + holding.refunded + holding.expired
        lost += abs(holding.granted - ended - holding.open)
        lost += abs(holding.open - sum(one.parts.get(name, 0) for one in row.leases.values()))
    return lost + abs(row.inflight - len(row.leases))


async def expires_ms(world: World) -> float:
    """Return when the one open lease expires, by the server's clock."""
    ((_, when),) = await world.client.zrange(world.keys.leases, 0, -1, withscores=True)
    return float(when)
