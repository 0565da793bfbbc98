"""Turns over a WebSocket: faults of the upstream, limits, clients that leave (contract 4.10)."""

import time

import anyio
import pytest

from e2e.calls import prompt_of
from e2e.probe import QUOTA, Probe, at_once
from e2e.talk import talking
from grokgate import control
from grokgate.sandbox import Cut, Pace
from grokgate.sandbox.faults import LEAD

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

CLOSED_S = 0.5
FREE_S = 1.0
FIRST_S = 0.8
IDLE_S = 1.0
CLIENTS = 20
ENDLESS = "@sim tokens=300 delay_ms=100"


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {
        "GROK__STREAM_FIRST_BYTE_TIMEOUT": str(FIRST_S),
        "GROK__STREAM_IDLE_TIMEOUT": str(IDLE_S),
        "TOKEN__MAX_INFLIGHT": "8",
    }


async def test_leaving_within_a_turn_closes_it_upstream(gateway: Probe) -> None:
    await gateway.fill(*[QUOTA] * 4)
    left: dict[str, tuple[float, str]] = {}

    async def taste(number: int) -> None:
        name = f"client-{number:02}"
        async with talking(gateway) as talk:
            await talk.create(f"{name}\n{ENDLESS}")
            response_id = await talk.until("Tokens")
            talk.leave()
            left[name] = time.monotonic(), response_id

    await at_once(CLIENTS, taste)
    await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 5)

    await gateway.idle(FREE_S)
    delays = [(call.closed_s or 0) - left[name][0] for name in left for call in gateway.calls(name)]
    assert len(delays) == CLIENTS
    assert max(delays) <= CLOSED_S
    await gateway.becomes(4 * QUOTA - CLIENTS, gateway.quota)
    replies = [await gateway.http.get(f"/v1/responses/{known}") for _, known in left.values()]
    assert {reply.status_code for reply in replies} == {404}


async def test_leaving_before_the_first_output(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(Pace(stall="line", lines=0))

    async with talking(gateway) as talk:
        await talk.create("bye")
        await gateway.until(lambda: gateway.asking() == 1, 5)
        talk.leave()
        left_at = time.monotonic()
    await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 5)

    [call] = gateway.calls()
    assert (call.closed_s or 0) - left_at <= CLOSED_S
    await gateway.idle(FREE_S)


@pytest.mark.parametrize("mode", ["clean", "reset"])
async def test_turn_that_breaks_off_is_told_and_the_connection_stays(
    gateway: Probe, mode: str
) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(Cut(lines=LEAD + 3, bytes=7, mode=mode), times=1)  # type: ignore[arg-type]

    async with talking(gateway) as talk:
        await talk.create("@sim tokens=40")
        broken = await talk.turn()
        await talk.create("and now")
        whole = await talk.turn()

    assert (broken.text, broken.error, broken.ended) == (
        "Tokens flow down ",
        "upstream_error",
        False,
    )
    assert "and now" in whole.text
    assert whole.ended
    await gateway.becomes(2, gateway.used)


@pytest.mark.parametrize(
    ("lines", "wait_s"), [(0, 2 * FIRST_S), (LEAD + 2, IDLE_S)], ids=["first output", "idle"]
)
async def test_silent_upstream_ends_the_turn(gateway: Probe, lines: int, wait_s: float) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(Pace(stall="line", lines=lines))

    began = time.monotonic()
    async with talking(gateway) as talk:
        await talk.create("@sim tokens=10")
        while (event := await talk.event())["type"] != "error":
            pass

    assert event["error"]["code"] == "upstream_timeout"
    assert time.monotonic() - began <= wait_s + 1
    await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 0.5)


async def test_turns_wait_for_each_other(gateway: Probe) -> None:
    [token] = await gateway.fill(QUOTA)
    names = ["first", "second", "third"]

    async with talking(gateway) as talk:
        for name in names:
            await talk.create(f"{name}\n@sim tokens=10 delay_ms=10")
        heard = [await talk.turn() for _ in names]

    assert [turn.ended for turn in heard] == [True] * 3
    assert gateway.sandbox.journal.peak(token) == 1
    asked = [prompt_of(call) for call in gateway.calls()]
    assert [next(name for name in names if name in prompt) for prompt in asked] == names


async def test_connection_ends_with_its_key(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    made = await control.ask(gateway.service.data_dir, "keys.create", {"name": "short"})

    async with talking(gateway, key=made["key"]) as talk:
        await talk.create(ENDLESS)
        await talk.until("Tokens")
        await control.ask(gateway.service.data_dir, "keys.revoke", {"key": made["record"]["id"]})
        with anyio.fail_after(2):
            code = await talk.closed()

    assert code == 1008
    await gateway.idle(FREE_S + CLOSED_S)
