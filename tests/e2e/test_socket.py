"""What only the gateway socket can do: keep silent before it is asked, refuse its handshake."""

import time

import pytest

from e2e.probe import QUOTA, Probe, timed
from grokgate.sandbox import Pace, SessionEnded, WsDrop, WsHandshake, WsSilence
from grokgate.sandbox.faults import LEAD

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

CLOSED_S = 0.5
FREE_S = 1.0
FIRST_S = 2.0


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"GROK__STREAM_FIRST_BYTE_TIMEOUT": str(FIRST_S)}


@pytest.mark.parametrize("endpoint", ["session", "chat"], ids=["account", "session"])
async def test_leaving_before_the_session_stands(gateway: Probe, endpoint: str) -> None:
    """Nothing was asked, so nothing is spent."""
    [token] = await gateway.fill(QUOTA)
    silence = WsSilence(pings=True) if endpoint == "chat" else Pace(stall="headers")
    gateway.sandbox.rules.add(silence, endpoint=endpoint)
    journal = gateway.sandbox.journal

    async with gateway.asked() as connection:
        await gateway.until(lambda: journal.inflight(endpoint=endpoint) == 1, 5)
        connection.leave()
        left_at = time.monotonic()
    await gateway.until(lambda: journal.inflight(endpoint=endpoint) == 0, 5)

    [call] = journal.of(endpoint)
    assert (call.closed_s or 0) - left_at <= CLOSED_S
    await gateway.idle(FREE_S)
    assert (await gateway.used(), gateway.account(token).units_taken) == (0, 0)
    gateway.sandbox.rules.clear()
    assert (await gateway.chat()).status_code == 200


@pytest.mark.parametrize("form", ["401", "403_html", "403_empty", "403_json", "429", "500"])
async def test_refused_handshake_is_passed_over_and_costs_nothing(
    gateway: Probe, form: str
) -> None:
    broken, other = await gateway.fill(QUOTA + 1, QUOTA)
    gateway.sandbox.rules.add(WsHandshake(form=form), account=broken)  # type: ignore[arg-type]

    answer = await gateway.chat()

    assert answer.status_code == 200
    assert list(dict.fromkeys(gateway.accounts_asked())) == [broken, other]
    assert gateway.account(broken).units_taken == 0
    await gateway.idle(FREE_S)
    await gateway.becomes(1, gateway.used)


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011])
async def test_socket_closed_within_an_answer_is_no_end(gateway: Probe, code: int) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(WsDrop(frames=LEAD + 3, code=code))  # type: ignore[arg-type]

    answer = await gateway.read("@sim tokens=40")

    assert answer.content
    assert answer.error
    assert (answer.error["code"], answer.reasons) == ("upstream_error", [])
    assert len(gateway.calls()) == 1


async def test_socket_that_never_speaks_is_tried_twice(gateway: Probe) -> None:
    tokens = await gateway.fill(QUOTA, QUOTA, QUOTA)
    gateway.sandbox.rules.add(WsSilence())

    seconds, answer = await timed(gateway.chat)

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
    assert seconds <= 3 * FIRST_S
    assert len(gateway.calls()) <= 2
    assert {await gateway.status(token) for token in tokens} == {"active"}
    assert await gateway.used() == 0
    await gateway.idle(FREE_S)


async def test_session_ended_within_an_answer_is_no_end(gateway: Probe) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(SessionEnded(when="during"))

    answer = await gateway.chat("@sim tokens=40")

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert len(gateway.calls()) == 1
