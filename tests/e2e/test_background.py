"""Responses in the background: the work goes on without its client (contract 4.7)."""

import re
import time

import pytest

from e2e.endpoints import RESPONSES
from e2e.kept import begin, end_of, look, replay
from e2e.probe import QUOTA, Probe, at_once
from grokgate.sandbox import Cut, Pace
from grokgate.sandbox.faults import LEAD

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

CLOSED_S = 0.5
FREE_S = 1.0
LIMIT_S = 0.8
CLIENTS = 10
SLOW = "@sim tokens=10 delay_ms=50"
LASTING = "@sim tokens=10 delay_ms=300"
ANSWER = "Tokens flow down the wire one by one. Tokens flow "
ENDLESS = "@sim tokens=300 delay_ms=100"


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {
        "GROK__STREAM_FIRST_BYTE_TIMEOUT": str(LIMIT_S),
        "GROK__STREAM_IDLE_TIMEOUT": str(LIMIT_S),
        "TOKEN__MAX_INFLIGHT": "8",
    }


async def test_work_goes_on_when_its_readers_leave(gateway: Probe) -> None:
    tokens = await gateway.fill(*[QUOTA] * 2)

    async def taste(_: int) -> str:
        seen = ""
        async with gateway.stream(LASTING, to=RESPONSES, background=True) as response:
            async for text in response.aiter_text():
                seen += text
                if "Tokens" in text:
                    break
        return str(re.findall("resp_[A-Za-z0-9]+", seen)[0])

    ids = await at_once(CLIENTS, taste)
    assert gateway.sandbox.journal.inflight() > 0
    ends = [await end_of(gateway, response_id) for response_id in ids]

    assert {(end["status"], RESPONSES.text(end)) for end in ends} == {("completed", ANSWER)}
    assert sum(gateway.account(token).units_taken for token in tokens) == CLIENTS
    await gateway.idle(FREE_S)
    await gateway.becomes(2 * QUOTA - CLIENTS, gateway.quota)


async def test_answer_is_kept_as_it_was_told(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    response_id = await begin(gateway, SLOW)

    live = await replay(gateway, response_id)
    found = await end_of(gateway, response_id)

    assert found["status"] == "completed"
    assert live.ended
    assert live.text == RESPONSES.text(found)
    assert await replay(gateway, response_id) == live
    await gateway.becomes(1, gateway.used)


@pytest.mark.parametrize("mode", ["clean", "reset"])
async def test_answer_that_breaks_off_has_failed(gateway: Probe, mode: str) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(Cut(lines=LEAD + 3, bytes=7, mode=mode))  # type: ignore[arg-type]

    response_id = await begin(gateway, "@sim tokens=40")
    found = await end_of(gateway, response_id)
    told = await replay(gateway, response_id)

    assert (found["status"], found["error"]["code"]) == ("failed", "server_error")
    assert (told.text, told.error) == ("Tokens flow down ", "upstream_error")
    assert len(gateway.calls()) == 1
    await gateway.becomes(1, gateway.used)


async def test_silent_upstream_fails_it(gateway: Probe) -> None:
    tokens = await gateway.fill(QUOTA, QUOTA, QUOTA)
    gateway.sandbox.rules.add(Pace(stall="headers"))

    found = await end_of(gateway, await begin(gateway, "hi"))

    assert (found["status"], found["error"]["code"]) == ("failed", "server_error")
    assert len(gateway.calls()) <= 2
    assert {await gateway.status(token) for token in tokens} == {"active"}
    await gateway.idle(FREE_S)


@pytest.mark.parametrize("verb", ["cancel", "delete"])
async def test_ending_it_closes_it_upstream(gateway: Probe, verb: str) -> None:
    await gateway.fill(QUOTA)
    response_id = await begin(gateway, ENDLESS)
    await gateway.until(lambda: gateway.asking() == 1, 5)
    path = f"{RESPONSES.path}/{response_id}"

    asked_at = time.monotonic()
    if verb == "cancel":
        reply = await gateway.http.post(f"{path}/cancel")
        assert (await look(gateway, response_id))["status"] == "cancelled"
    else:
        reply = await gateway.http.delete(path)
        assert (await gateway.http.get(path)).status_code == 404

    assert reply.status_code == 200
    await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 5)
    [call] = gateway.calls()
    assert (call.closed_s or 0) - asked_at <= CLOSED_S
    assert call.outcome == "abandoned"
    await gateway.idle(FREE_S)
    await gateway.becomes(1, gateway.used)


async def test_reader_comes_back_where_it_left(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    response_id = await begin(gateway, SLOW)
    await end_of(gateway, response_id)
    path = f"{RESPONSES.path}/{response_id}"

    whole = await gateway.http.get(path, params={"stream": "true"})
    rest = await gateway.http.get(path, params={"stream": "true", "starting_after": "5"})

    assert whole.content.endswith(rest.content)
    assert whole.content.count(b"event: ") == rest.content.count(b"event: ") + 6
