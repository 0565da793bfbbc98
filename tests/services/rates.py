"""What it costs to share: one process with SQLite beside workers and replicas of all kinds.

Not part of a run of all tests; prints a table, all of it from one run::

    python3 dev.py test tests/services/rates.py -s

Rounds take turns, so that what else the machine does meets all alike. Every figure is the median of
the rounds; ratios are those of figures of the same round. The clients and the upstream share the
processors with the gateways: of few processors *requests/s* says little, while *ms each*, the
processor time of all processes of the gateways for a request, tells what machines of their own
could do. Two processes that share nothing show what it costs to have two at all: each has less to
do at once.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path
from statistics import median

import anyio
import httpx
import pytest
from msgspec import Struct

from e2e.probe import AUTH, Probe, probe
from grokgate.upstream import Secret
from services.replica_world import Replicas, knows
from services.valkey import ValkeyServer, own_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

ROUNDS, REQUESTS, AT_ONCE, ACCOUNTS = 8, 250, 32, 50
BODY = b'{"model":"grok-4-fast","messages":[{"role":"user","content":"@sim tokens=1"}]}'
AS_SHIPPED = {"TOKEN__SAVE_DELAY_MS": "250"}
"""Probes write sooner."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Round(Struct, frozen=True):
    """What one round showed."""

    per_s: float
    each_ms: float


class Way:
    """One way to run the gateway."""

    def __init__(self, name: str, gateways: Sequence[Probe]) -> None:
        self.name = name
        self.rounds: list[Round] = []
        self._gateways = gateways

    async def prepare(self, *, apart: bool = False) -> None:
        """Give it accounts, and some work; *apart*: to each process its own."""
        quotas = [2 * ROUNDS * REQUESTS] * ACCOUNTS
        first, *others = self._gateways
        tokens = await first.fill(*quotas)
        for other in others:
            await (other.add(*quotas) if apart else knows(other, tokens))
        await self._ask(REQUESTS)

    async def measure(self) -> None:
        """Do one round."""
        before_s, began = self._used_s(), time.monotonic()
        await self._ask(REQUESTS)
        seconds, used_s = time.monotonic() - began, self._used_s() - before_s
        self.rounds.append(Round(REQUESTS / seconds, 1000 * used_s / REQUESTS))

    def row(self, yardstick: "Way") -> str:
        """Return a row of the table."""
        pairs = list(zip(self.rounds, yardstick.rounds, strict=True))
        rate = median(one.per_s / other.per_s for one, other in pairs)
        thrift = median(other.each_ms / one.each_ms for one, other in pairs)
        per_s = median(one.per_s for one in self.rounds)
        each_ms = median(one.each_ms for one in self.rounds)
        return f"{self.name:28} {per_s:10.0f} {rate:7.2f} {each_ms:10.2f} {thrift:7.2f}"

    async def _ask(self, count: int) -> None:
        left = iter(range(count))

        async def ask(gateway: Probe) -> None:
            headers = {**AUTH, "content-type": "application/json"}
            base = gateway.service.base
            async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as http:
                for _ in left:
                    reply = await http.post("/v1/chat/completions", content=BODY, timeout=30)
                    assert reply.status_code == httpx.codes.OK, reply.text

        async with anyio.create_task_group() as group:
            for number in range(AT_ONCE):
                group.start_soon(ask, self._gateways[number % len(self._gateways)])

    def _used_s(self) -> float:
        """Return the processor seconds of all processes of the gateways."""
        pids = [pid for gateway in self._gateways for pid in gateway.service.pids]
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
        return sum(int(stat[11]) + int(stat[12]) for stat in stats) / _TICKS


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


async def test_rates(
    tmp_path: Path,
    empty_postgres: Callable[[], AbstractContextManager[Secret]],
    valkey: ValkeyServer,
) -> None:
    async with AsyncExitStack() as stack:

        async def alone(*names: str) -> list[Probe]:
            folders = [tmp_path / name for name in names]
            for folder in folders:
                folder.mkdir()
            return [await stack.enter_async_context(probe(one, AS_SHIPPED)) for one in folders]

        async def sharing(*names: str, workers: int = 1) -> list[Probe]:
            database = stack.enter_context(empty_postgres())
            folder = tmp_path / "-".join(names)
            replicas = Replicas(folder, database, valkey.url, AS_SHIPPED)
            several = {"SERVER_WORKERS": str(workers)}
            return [await stack.enter_async_context(replicas.run(one, several)) for one in names]

        yardstick = Way("one process, SQLite", await alone("single"))
        apart = Way("two such, nothing shared", await alone("left", "right"))
        others = [
            Way("one replica", await sharing("one")),
            Way("two workers of one replica", await sharing("both", workers=2)),
            Way("two replicas", await sharing("first", "second")),
        ]
        ways = [yardstick, apart, *others]
        for way in ways:
            await way.prepare(apart=way is apart)
        for number in range(ROUNDS):
            for way in ways[:: -1 if number % 2 else 1]:
                await way.measure()
    print(f"\n{'':28} requests/s   ratio    ms each   ratio")  # noqa: T201 - the measurement
    for way in ways:
        print(way.row(yardstick))  # noqa: T201 - the measurement
