"""Upstreams that are too slow: first-byte, idle and total limit, and the keep-alive meanwhile."""

import time
from itertools import pairwise

import pytest

from e2e.conftest import BOTH, EACH
from e2e.endpoints import Endpoint
from e2e.probe import QUOTA, Probe, timed
from grokgate.sandbox import Pace
from grokgate.sandbox.faults import LEAD

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

PING_S = 0.35
IDLE_S = 1.5
TOTAL_S = 2.5
FIRST_S = 0.8


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {
        "GROK__STREAM_FIRST_BYTE_TIMEOUT": str(FIRST_S),
        "GROK__STREAM_IDLE_TIMEOUT": str(IDLE_S),
        "GROK__STREAM_TOTAL_TIMEOUT": str(TOTAL_S),
        "GROK__TIMEOUT": str(TOTAL_S),
        "GROK__SSE_KEEPALIVE_SEC": str(PING_S),
    }


@EACH
async def test_silent_upstream_is_tried_twice_and_nobody_suffers(
    gateway: Probe, endpoint: Endpoint
) -> None:
    tokens = await gateway.fill(QUOTA, QUOTA, QUOTA)
    gateway.sandbox.rules.add(Pace(stall="headers"))

    seconds, refused = await timed(lambda: gateway.refused(endpoint))

    assert refused == endpoint.refusal(504, "upstream_timeout")
    assert seconds <= 3 * FIRST_S
    assert len(gateway.calls()) <= 2
    assert len(set(gateway.accounts_asked())) == len(gateway.calls())
    assert {await gateway.status(token) for token in tokens} == {"active"}
    await gateway.idle(1)


@EACH
async def test_first_byte_limit_is_a_real_status_for_a_stream_too(
    gateway: Probe, endpoint: Endpoint
) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(Pace(stall="line", lines=0))

    async with gateway.stream(to=endpoint) as response:
        assert response.status_code == 504


@EACH
async def test_silence_is_filled_and_then_ended(gateway: Probe, endpoint: Endpoint) -> None:
    """Comments, or pings, keep the connection; the idle limit ends the stream with an error."""
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(Pace(stall="line", lines=LEAD + 2))

    async with gateway.stream("@sim tokens=10", to=endpoint) as response:
        arrived = [(time.monotonic(), data) async for data in response.aiter_bytes()]

    silent_at = next(at for at, data in arrived if b"flow" in data)
    pings = [at for at, data in arrived if data == endpoint.ping.encode()]
    pauses = [later - earlier for earlier, later in pairwise([silent_at, *pings])]
    assert len(pauses) >= 3
    assert max(pauses) <= 1.5 * PING_S
    heard = endpoint.hear(*(data for _, data in arrived))
    assert (heard.error, heard.ended) == (endpoint.refusal(504, "upstream_timeout").name, False)
    assert IDLE_S - 0.1 <= arrived[-1][0] - silent_at <= IDLE_S + 1
    assert len(gateway.calls()) == 1
    await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 0.5)


@BOTH
async def test_total_limit_ends_a_stream_that_goes_on_and_on(gateway: Probe) -> None:
    [token] = await gateway.fill(QUOTA)

    seconds, answer = await timed(lambda: gateway.read("@sim tokens=1000 delay_ms=100"))

    assert answer.content
    assert answer.error
    assert answer.error["code"] == "upstream_timeout"
    assert (answer.reasons, answer.data[-1]) == ([], "[DONE]")
    assert TOTAL_S - 0.1 <= seconds <= TOTAL_S + 1
    assert await gateway.status(token) == "active"


@BOTH
async def test_total_limit_ends_an_answer_that_is_not_streamed(gateway: Probe) -> None:
    await gateway.fill(QUOTA)

    seconds, answer = await timed(lambda: gateway.chat("@sim tokens=1000 delay_ms=100"))

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    assert TOTAL_S - 0.1 <= seconds <= TOTAL_S + 1
    await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 0.5)
