"""Accounts that are there and cannot serve: how long they wait, and what clients are told (V4)."""

from collections.abc import Awaitable, Callable

import anyio
import httpx
import pytest

from e2e.conftest import ENDPOINT, Start
from e2e.endpoints import Endpoint
from e2e.probe import QUOTA, Probe, timed
from grokgate.sandbox import HttpStatus, RateLimit

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

WAIT_S = 7
SUPER_MODEL = "grok-4-heavy"
LONGEST_S = {
    "out of quota": 7200,
    "out of quota or cooling down after failures": WAIT_S,
    "busy": 60,
}
"""To the next reset, the first end of a pause, the end of a call."""


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"TOKEN__MAX_INFLIGHT": "1", "LIMITS__QUEUE_WAIT_SEC": "1"}


async def test_limited_account_waits_as_long_as_it_was_told(gateway: Probe) -> None:
    limited, other = await gateway.fill(QUOTA + 50, QUOTA)
    gateway.sandbox.rules.add(RateLimit(retry_after_s=WAIT_S), account=limited, times=1)

    assert (await gateway.chat()).status_code == 200
    assert gateway.accounts_asked() == [limited, other]
    first = gateway.calls()[0]
    with gateway.within(WAIT_S + 3, "not used again"):
        while gateway.accounts_asked().count(limited) == 1:
            assert (await gateway.chat()).status_code == 200
            await anyio.sleep(0.2)

    again = next(call for call in gateway.calls()[1:] if call.account == limited)
    assert WAIT_S <= again.started_s - first.started_s <= WAIT_S + 3


@ENDPOINT
async def test_waiting_for_all_accounts_is_told_at_once(gateway: Probe, endpoint: Endpoint) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(RateLimit(retry_after_s=WAIT_S))

    assert (await gateway.ask(endpoint)).status_code == 429
    asked = len(gateway.calls())
    refusals = [await timed(lambda: gateway.ask(endpoint)) for _ in range(3)]

    assert min(seconds for seconds, _ in refusals) <= 0.1
    for _, refusal in refusals:
        name = endpoint.name(refusal.json()["error"])
        assert (refusal.status_code, name) == endpoint.refusal(429, "rate_limit_exceeded")
        assert 1 <= int(refusal.headers["retry-after"]) <= WAIT_S + 1
    assert (asked, len(gateway.calls())) == (2, 2)


# In words


async def out_of_quota(gateway: Probe) -> httpx.Response:
    await gateway.fill(1)
    assert (await gateway.chat()).status_code == 200
    return await gateway.chat()


async def cooling(gateway: Probe) -> httpx.Response:
    failing, limited = await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(HttpStatus(code=403), account=failing)
    gateway.sandbox.rules.add(RateLimit(retry_after_s=WAIT_S), account=limited)
    assert (await gateway.chat()).status_code >= httpx.codes.TOO_MANY_REQUESTS
    return await gateway.chat()


async def busy(gateway: Probe) -> httpx.Response:
    await gateway.fill(QUOTA)
    async with gateway.stream("@sim tokens=9000 delay_ms=100") as stream:
        assert stream.status_code == 200
        return await gateway.chat()


@pytest.mark.parametrize(
    ("lack", "status", "words"),
    [
        (out_of_quota, 429, "out of quota"),
        (cooling, 429, "out of quota or cooling down after failures"),
        (busy, 503, "busy"),
    ],
    ids=["out of quota", "cooling", "busy"],
)
async def test_refusal_says_why_and_when_to_come_back(
    gateway: Probe, lack: Callable[[Probe], Awaitable[httpx.Response]], status: int, words: str
) -> None:
    refusal = await lack(gateway)

    message = f"All accounts that could serve this model are {words}. Try again in "
    assert refusal.status_code == status
    assert refusal.json()["error"]["message"].startswith(message)
    assert 1 <= int(refusal.headers["retry-after"]) <= LONGEST_S[words]


async def test_nobody_of_the_tier_is_not_worth_a_retry(gateway: Probe) -> None:
    await gateway.fill(QUOTA)

    refusal = await gateway.chat(model=SUPER_MODEL)

    error = refusal.json()["error"]
    assert (refusal.status_code, error["code"]) == (503, "no_tokens_configured")
    assert error["message"] == "No account of the tier this model needs is configured."
    assert refusal.headers["x-should-retry"] == "false"


async def test_gateway_without_accounts_says_so(start: Start) -> None:
    async with start() as gateway:
        refusal = await gateway.chat()

    assert (refusal.status_code, refusal.json()["error"]["code"]) == (503, "no_tokens_configured")
    assert refusal.json()["error"]["message"] == "No account is configured."
    assert refusal.headers["x-should-retry"] == "false"
