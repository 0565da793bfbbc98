"""Clients that leave: the upstream call ends, the account is free, the books agree (P5)."""

import time

import pytest

from e2e.conftest import EACH
from e2e.endpoints import Endpoint
from e2e.probe import QUOTA, Probe, at_once
from grokgate.sandbox import Pace

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

CLOSED_S = 0.5
"""From the client's leaving to the end of the upstream call."""
FREE_S = 1.0
SILENT = {
    "no status": Pace(stall="headers"),
    "status only": Pace(stall="line", lines=0),
    "no output": Pace(stall="line", lines=2),
}


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"TOKEN__MAX_INFLIGHT": "32"}


async def leave_while_asked(gateway: Probe, endpoint: Endpoint, *, stream: bool) -> float:
    """Ask, close the connection once the prompt has reached upstream, return when that was."""
    async with gateway.asked("bye", to=endpoint, stream=stream) as connection:
        await gateway.until(lambda: gateway.asking() == 1, 5)
        connection.leave()
        return time.monotonic()


@EACH
async def test_leaving_streams_closes_them_upstream(gateway: Probe, endpoint: Endpoint) -> None:
    """100 streams at 10 tokens a second; each client leaves after its first output."""
    await gateway.fill(*[QUOTA] * 10)
    left_at: dict[str, float] = {}

    async def taste(number: int) -> None:
        name = f"client-{number:03}"
        prompt = f"{name}\n@sim tokens=300 delay_ms=100"
        async with gateway.stream(prompt, to=endpoint) as response:
            async for text in response.aiter_text():
                if "Tokens" in text:
                    break
        left_at[name] = time.monotonic()

    await at_once(100, taste)
    await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 5)

    await gateway.idle(FREE_S)
    delays = sorted(
        (call.closed_s or 0) - left_at[name] for name in left_at for call in gateway.calls(name)
    )
    assert len(delays) == 100
    assert delays[98] <= CLOSED_S
    assert {call.outcome for call in gateway.calls()} == {"abandoned"}
    await gateway.becomes(10 * QUOTA - 100, gateway.quota)


@EACH
@pytest.mark.parametrize("silence", SILENT)
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "streamed"])
async def test_leaving_a_silent_upstream(
    gateway: Probe, endpoint: Endpoint, silence: str, *, stream: bool
) -> None:
    tokens = await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(SILENT[silence], prompt="bye")

    left_at = await leave_while_asked(gateway, endpoint, stream=stream)
    await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 5)

    [call] = gateway.calls()
    assert call.closed_s
    assert call.closed_s - left_at <= CLOSED_S
    await gateway.idle(FREE_S)
    assert (await gateway.ask(endpoint)).status_code == 200
    assert {await gateway.status(token) for token in tokens} == {"active"}


@EACH
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "streamed"])
async def test_quota_of_an_abandoned_call_is_spent(
    gateway: Probe, endpoint: Endpoint, *, stream: bool
) -> None:
    """The upstream had accepted it, so it counts there."""
    [token] = await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(Pace(stall="line", lines=2))

    await leave_while_asked(gateway, endpoint, stream=stream)
    await gateway.idle(FREE_S + CLOSED_S)

    await gateway.becomes(1, gateway.used)
    assert gateway.account(token).units_taken == 1


@EACH
async def test_leaving_within_an_answer_that_is_not_streamed(
    gateway: Probe, endpoint: Endpoint
) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(Pace(gap_ms=50))

    left_at = await leave_while_asked(gateway, endpoint, stream=False)
    await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 5)

    [call] = gateway.calls()
    assert (call.closed_s or 0) - left_at <= CLOSED_S
    assert call.outcome == "abandoned"


@EACH
async def test_client_that_left_is_counted_as_such(gateway: Probe, endpoint: Endpoint) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(Pace(stall="headers"))
    before = await gateway.counted(499)

    await leave_while_asked(gateway, endpoint, stream=False)

    await gateway.becomes(before + 1, lambda: gateway.counted(499))
