"""SIGTERM: what runs may finish, what does not end is ended honestly, nothing is lost (P9)."""

import signal
import time

import anyio
import pytest

from e2e.conftest import Start
from e2e.endpoints import Answer
from e2e.probe import QUOTA, Probe
from grokgate.sandbox import Pace

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

STREAMS = 10


async def terminate_while(
    gateway: Probe, prompt: str, answers: list[Answer], *, expect: set[int]
) -> float:
    """Send SIGTERM while streams run and check that new work is refused; returns when it was."""

    async def read() -> None:
        answers.append(await gateway.read(prompt))

    async with anyio.create_task_group() as group:
        for _ in range(STREAMS):
            group.start_soon(read)
        await gateway.until(lambda: gateway.asking() == STREAMS, 5)
        gateway.service.process.send_signal(signal.SIGTERM)
        told_at = time.monotonic()
        await gateway.becomes(503, lambda: status(gateway, "/ready"))
        assert await status(gateway, "/health") == 200
        refused = await gateway.chat()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
    assert {answer.status for answer in answers} == expect
    return told_at


async def status(gateway: Probe, path: str) -> int:
    return (await gateway.http.get(path)).status_code


async def test_running_streams_finish_and_are_counted(start: Start) -> None:
    answers: list[Answer] = []
    async with start({"SERVER__SHUTDOWN_GRACE_SEC": "10"}) as gateway:
        tokens = await gateway.fill(*[QUOTA] * 4)

        await terminate_while(gateway, "@sim tokens=30 delay_ms=100", answers, expect={200})

        assert await gateway.stop(timeout_s=5) == 0
    assert [answer.reasons for answer in answers] == [["stop"]] * STREAMS
    async with start() as again:
        assert await again.used() == STREAMS
        assert await again.quota() == 4 * QUOTA - STREAMS
        assert len(await again.rows()) == len(tokens)
        await again.idle(0.5)


async def test_endless_streams_end_with_an_error_frame(start: Start) -> None:
    answers: list[Answer] = []
    async with start({"SERVER__SHUTDOWN_GRACE_SEC": "2"}) as gateway:
        await gateway.fill(*[QUOTA] * 4)

        told_at = await terminate_while(
            gateway, "@sim tokens=9000 delay_ms=100", answers, expect={200}
        )

        assert await gateway.stop(timeout_s=7) == 0
        assert 2 <= time.monotonic() - told_at <= 7
        await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 1)
    for answer in answers:
        assert answer.content
        assert answer.error
        assert answer.error["code"] == "overloaded"
        assert (answer.reasons, answer.data[-1]) == ([], "[DONE]")
    async with start() as again:
        assert await again.used() == STREAMS
        await again.idle(0.5)


@pytest.mark.parametrize("stall", [Pace(stall="headers"), Pace(gap_ms=200)], ids=["silent", "slow"])
async def test_answer_that_is_not_streamed_does_not_hold_the_process(
    start: Start, stall: Pace
) -> None:
    async with start({"SERVER__SHUTDOWN_GRACE_SEC": "1"}) as gateway:
        await gateway.fill(QUOTA)
        gateway.sandbox.rules.add(stall)
        async with anyio.create_task_group() as group:

            async def ask() -> None:
                answer = await gateway.chat("@sim tokens=500")
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")

            group.start_soon(ask)
            await gateway.until(lambda: gateway.asking() == 1, 5)

            assert await gateway.stop(timeout_s=6) == 0
    async with start() as again:
        assert await again.used() == 1


async def test_idle_gateway_stops_at_once(start: Start) -> None:
    async with start({"SERVER__SHUTDOWN_GRACE_SEC": "30"}) as gateway:
        await gateway.fill(QUOTA)
        assert (await gateway.chat()).status_code == 200

        assert await gateway.stop(timeout_s=3) == 0


async def test_interrupt_stops_too(start: Start) -> None:
    async with start() as gateway:
        gateway.service.process.send_signal(signal.SIGINT)

        code = await anyio.to_thread.run_sync(lambda: gateway.service.process.wait(5))
        assert code in {0, 130}
