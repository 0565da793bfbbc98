"""Requests per second of one process with SQLite, and of one and two replicas.

Not part of a run of all tests; prints one row each, all from one run::

    python3 dev.py test tests/services/rates.py -s

The upstream is simulated in the process of the clients, so with few processors only the processor
time of the gateway tells what a machine of its own could do.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path

import anyio
import httpx
import pytest

from e2e.probe import AUTH, Probe, probe
from grokgate.upstream import Secret
from services.replica_world import Replicas
from services.valkey import ValkeyServer, own_valkey

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

REQUESTS, AT_ONCE = 1500, 32
BODY = b'{"model":"grok-4-fast","messages":[{"role":"user","content":"@sim tokens=1"}]}'
_TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


def used_s(gateways: Sequence[Probe]) -> float:
    """Return the processor seconds of all processes of the gateways."""
    pids = [pid for gateway in gateways for pid in gateway.service.pids]
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / _TICKS


async def measure(name: str, gateways: Sequence[Probe]) -> None:
    """Ask, and print how it went."""
    await gateways[0].fill(*[REQUESTS] * 50)
    for gateway in gateways:
        assert (await gateway.chat()).status_code == httpx.codes.OK
    left = iter(range(REQUESTS))
    before_s, began = used_s(gateways), time.monotonic()

    async def ask(gateway: Probe) -> None:
        headers = {**AUTH, "content-type": "application/json"}
        base = gateway.service.base
        async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as http:
            for _ in left:
                reply = await http.post("/v1/chat/completions", content=BODY)
                assert reply.status_code == httpx.codes.OK

    async with anyio.create_task_group() as group:
        for number in range(AT_ONCE):
            group.start_soon(ask, gateways[number % len(gateways)])
    seconds, used = time.monotonic() - began, used_s(gateways) - before_s
    each_ms = 1000 * used / REQUESTS
    print(f"\n{name:20} {REQUESTS / seconds:5.0f} requests/s, {each_ms:.2f} ms each")  # noqa: T201 - the measurement


async def test_rates(
    tmp_path: Path,
    empty_postgres: Callable[[], AbstractContextManager[Secret]],
    valkey: ValkeyServer,
) -> None:
    (tmp_path / "alone").mkdir()
    async with probe(tmp_path / "alone", {}) as alone:
        await measure("one process, SQLite", [alone])
    with empty_postgres() as database:
        replicas = Replicas(tmp_path, database, valkey.url)
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(replicas.run("one"))
            await measure("one replica", [one])
            two = await stack.enter_async_context(replicas.run("two"))
            await measure("two replicas", [one, two])
