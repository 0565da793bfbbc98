"""How many leases a second the two homes of the ledger give, and what a lease costs each.

Run from the root of the repository::

    PYTHONPATH=tests python tests/bench/redis_home.py
    PYTHONPATH=tests python tests/bench/redis_home.py --url redis://127.0.0.1:6379 --homes 2

Callers lease, send and settle one after the other, as many at once as are told; each call holds its
lease for one turn of the loop. The Redis home talks to a Valkey that the program starts, unless it
is given an address; further homes of the same ledger run in processes of their own. Rates are of
wall time, microseconds of processor time of this process. The last line is the ratio of the rates,
memory home : Redis home, with so many callers.
"""

import argparse
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from random import Random

import anyio
import anyio.lowlevel
import structlog
from msgspec import Struct

from core.scheduler.memory_world import Settings
from grokgate.clock import SystemClock
from grokgate.scheduler.home import Home, Want
from grokgate.scheduler.memory import MemoryHome
from grokgate.scheduler.redis import RedisHome
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import Kind, Observation, Secret, Stage
from services.redis_world import token
from services.valkey import own_valkey

_BUCKET = "default"
_OK = Observation(operation="converse", kind=Kind.OK, stage=Stage.CONTENT)
_CALLERS = (1, 16, 128)


class Rate(Struct, frozen=True):
    """What one run showed."""

    per_s: float
    cpu_us: float
    """Of this process, for one lease."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compare the homes of the ledger.")
    parser.add_argument("--url", help="of a Redis or Valkey; its keys bench:* are overwritten")
    parser.add_argument("--tokens", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--homes", type=int, default=1, help="processes on the shared ledger")
    options = parser.parse_args()
    _tell("callers        memory/s   us each      redis/s   us each")
    with _server(options.url) as url:
        for callers in _CALLERS:
            memory = anyio.run(_memory, options.tokens, callers, options.seconds)
            redis = _shared(url, options.tokens, callers, options.seconds, options.homes)
            _tell(
                f"{callers:>7} {memory.per_s:15.0f} {memory.cpu_us:9.1f} "
                f"{redis.per_s:12.0f} {redis.cpu_us:9.1f}"
            )
    _tell(f"ratio memory : redis = {memory.per_s / redis.per_s:.1f} : 1")


async def _memory(tokens: int, callers: int, seconds: float) -> Rate:
    home = MemoryHome(
        specs=[FakeUpstream().spec()],
        settings=Settings,
        clock=SystemClock(),
        rng=Random(1),
        log=structlog.get_logger(),
        writer=_forget,
    )
    home.load(_records(tokens))
    return await _run(home, callers, seconds)


def _shared(url: str, tokens: int, callers: int, seconds: float, homes: int) -> Rate:
    """Measure *homes* processes at once; their rates are added up, their cost is the average."""
    name = f"bench-{time.time_ns()}"
    arguments = (url, name, tokens, callers, seconds)
    if homes == 1:
        return _one(*arguments)
    with ProcessPoolExecutor(homes) as pool:
        rates = [one.result() for one in [pool.submit(_one, *arguments) for _ in range(homes)]]
    return Rate(sum(one.per_s for one in rates), sum(one.cpu_us for one in rates) / homes)


def _one(url: str, name: str, tokens: int, callers: int, seconds: float) -> Rate:
    return anyio.run(_redis, url, name, tokens, callers, seconds)


async def _redis(url: str, name: str, tokens: int, callers: int, seconds: float) -> Rate:
    async with _redis_home(url, name, tokens) as home:
        return await _run(home, callers, seconds)


@asynccontextmanager
async def _redis_home(url: str, name: str, tokens: int) -> AsyncIterator[RedisHome]:
    home = RedisHome(
        url=Secret(url),
        installation=name,
        specs=[FakeUpstream().spec()],
        settings=Settings,
        clock=SystemClock(),
        rng=Random(1),
        log=structlog.get_logger(),
        writer=_forget,
    )
    home.load(_records(tokens))
    await home.open()
    async with anyio.create_task_group() as group:
        group.start_soon(home.run)
        yield home
        group.cancel_scope.cancel()
    await home.aclose()


async def _run(home: Home, callers: int, seconds: float) -> Rate:
    done = 0
    clock = SystemClock()

    async def call() -> None:
        nonlocal done
        want = _want(clock.monotonic() + seconds + 10)
        while time.monotonic() < ends:
            lease = await home.acquire(want)
            home.sent(lease)
            await anyio.lowlevel.checkpoint()
            home.settle(lease, _OK, units=1)
            done += 1

    began, cpu = time.monotonic(), time.process_time()
    ends = began + seconds
    async with anyio.create_task_group() as group:
        for _ in range(callers):
            group.start_soon(call)
    cpu_s = time.process_time() - cpu
    return Rate(done / (time.monotonic() - began), cpu_s / done * 1e6)


def _want(deadline: float) -> Want:
    return Want(
        request_id="r",
        key_id="k",
        model="m",
        deadline=deadline,
        upstream="web",
        pools=("ssoBasic",),
        buckets=(_BUCKET,),
        units=1,
    )


def _records(tokens: int) -> list[TokenRecord]:
    return [token(f"{number:016x}", 1_000_000) for number in range(tokens)]


async def _forget(_: Sequence[TokenState]) -> None:
    """Write nothing: what the database does is not measured here."""


@contextmanager
def _server(url: str | None) -> Iterator[str]:
    """Give an address, or run a server for as long as the context."""
    if url is not None:
        yield url
        return
    with own_valkey() as server:
        yield server.url


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
