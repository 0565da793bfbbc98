"""The upstream is down altogether: retries do not make it worse, and nobody is blamed (P3, P4)."""

import anyio
import pytest

from e2e.conftest import Start
from e2e.probe import QUOTA, Probe, at_once, timed
from grokgate.sandbox import HttpStatus
from grokgate.testing import kept_port

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

CHATS = 500
PER_S = 50


async def asked(gateway: Probe) -> int:
    return (await gateway.chat()).status_code


async def test_outage_is_told_and_not_made_worse(start: Start) -> None:
    async with start() as gateway:
        tokens = await gateway.fill(*[QUOTA * 10] * 10)
        gateway.sandbox.rules.add(HttpStatus(code=503))
        answers: list[tuple[float, int, dict[str, object]]] = []

        async def ask() -> None:
            seconds, answer = await timed(gateway.chat)
            answers.append((seconds, answer.status_code, answer.json()["error"]))

        async with anyio.create_task_group() as group:
            for _ in range(CHATS):
                group.start_soon(ask)
                await anyio.sleep(1 / PER_S)

        assert {status for _, status, _ in answers} <= {502, 503}
        assert {frozenset(error) for _, _, error in answers} == {
            frozenset({"message", "type", "param", "code"})
        }
        assert max(seconds for seconds, _, _ in answers) <= 10
        assert len(gateway.calls()) <= 1.3 * CHATS
        gateway.sandbox.rules.clear()
        await gateway.becomes(200, lambda: asked(gateway), within_s=5)
        assert {await gateway.status(token) for token in tokens} == {"active"}
        await gateway.idle(1)


async def test_unreachable_upstream_costs_nobody_anything(start: Start) -> None:
    async with start() as gateway:
        await gateway.fill(QUOTA, QUOTA)
    with kept_port() as port:
        nowhere = {"GROK__WEB_BASE": f"http://127.0.0.1:{port}", "GROK__MAX_RETRY": "1"}
        async with start(nowhere) as gateway:
            answers = await at_once(10, lambda _: gateway.chat())

            assert {answer.status_code for answer in answers} <= {502, 503}
            assert {answer.json()["error"]["code"] for answer in answers} == {"upstream_error"}
            states = [row["state"] for row in (await gateway.rows()).values()]
            assert [state["status"] for state in states] == ["active", "active"]
            assert [state["fail_count"] for state in states] == [0, 0]
            assert (await gateway.used(), await gateway.quota()) == (0, 2 * QUOTA)
            await gateway.idle(1)
