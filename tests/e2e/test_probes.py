"""What a balancer asks while the gateway works hard (V1)."""

import time

import anyio
import anyio.to_thread
import httpx
import pytest

from e2e.probe import QUOTA, Probe

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

STREAMS = 200


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"TOKEN__MAX_INFLIGHT": "32"}


async def p99_s(gateway: Probe, path: str) -> float:
    """Ask 200 times over one connection, without a key; not in the loop of clients and sandbox."""
    times = await anyio.to_thread.run_sync(ask_often, gateway.service.base, path)
    return sorted(times)[197]


def ask_often(base: str, path: str) -> list[float]:
    times = []
    with httpx.Client(base_url=base, trust_env=False) as balancer:
        balancer.get(path)
        for _ in range(200):
            began = time.monotonic()
            assert balancer.get(path).status_code == httpx.codes.OK
            times.append(time.monotonic() - began)
    return times


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_probe_is_quick(gateway: Probe, path: str) -> None:
    assert await p99_s(gateway, path) <= 0.05


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_probe_tells_nothing(gateway: Probe, path: str) -> None:
    async with httpx.AsyncClient(base_url=gateway.service.base, trust_env=False) as balancer:
        answer = await balancer.get(path)

    assert answer.text == '{"status":"ok"}'


async def test_probes_are_quick_beside_many_streams(gateway: Probe) -> None:
    await gateway.fill(*[QUOTA] * 10)

    async with anyio.create_task_group() as group:
        for _ in range(STREAMS):
            group.start_soon(gateway.read, "@sim tokens=1000 delay_ms=1000")
        await gateway.until(lambda: gateway.sandbox.journal.inflight() == STREAMS, 20)

        assert await p99_s(gateway, "/health") <= 0.1
        assert await p99_s(gateway, "/ready") <= 0.1
        group.cancel_scope.cancel()


async def test_metrics_need_their_own_key(gateway: Probe) -> None:
    async with httpx.AsyncClient(base_url=gateway.service.base, trust_env=False) as balancer:
        without = await balancer.get("/metrics")

    assert without.status_code == 401
    assert (await gateway.http.get("/metrics")).status_code == 401
