"""Too many requests at once: quota, calls per account, the queue, requests in flight (P2, P7)."""

import anyio
import pytest

from e2e.calls import prompt_of
from e2e.conftest import ENDPOINT, Start
from e2e.endpoints import ENDPOINTS, Endpoint
from e2e.probe import QUOTA, Probe, at_once, timed

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

PLACES = 2


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"TOKEN__MAX_INFLIGHT": str(PLACES)}


async def test_quota_is_never_oversold(gateway: Probe) -> None:
    """Fifty chats at once for five units, twenty times."""
    for _ in range(20):
        [token] = await gateway.fill(5)

        seconds, answers = await timed(lambda: at_once(50, lambda _: gateway.chat()))

        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(200), statuses.count(429)) == (5, 45)
        assert seconds <= 5
        assert len(gateway.calls()) == 5
        assert gateway.account(token).units_taken == 5
        await gateway.becomes(0, gateway.quota)
        await gateway.idle(1)


@ENDPOINT
async def test_account_never_serves_more_calls_than_it_may(
    gateway: Probe, endpoint: Endpoint
) -> None:
    tokens = await gateway.fill(QUOTA, QUOTA, QUOTA)

    heard = await at_once(30, lambda _: gateway.hear(endpoint, "@sim tokens=10 delay_ms=20"))

    assert {(answer.error, answer.ended) for answer in heard} == {(None, True)}
    assert [gateway.sandbox.journal.peak(token) for token in tokens] == [PLACES] * 3
    await gateway.idle(1)


async def test_queue_is_served_in_order(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    names = [f"client-{number}" for number in range(5)]

    async with anyio.create_task_group() as group:
        for _ in range(PLACES):
            group.start_soon(gateway.read, "@sim tokens=40 delay_ms=20")
        await gateway.until(lambda: gateway.sandbox.journal.inflight() == PLACES, 5)
        for waiting, name in enumerate(names, start=1):
            group.start_soon(gateway.chat, name)
            await gateway.becomes(waiting, lambda: gateway.gauge("queue_depth"))

    asked = [prompt_of(call) for call in gateway.calls("client-")]
    assert [next(name for name in names if name in message) for message in asked] == names


async def test_client_that_leaves_the_queue_was_never_there(gateway: Probe) -> None:
    await gateway.fill(QUOTA)

    async with anyio.create_task_group() as group:
        for _ in range(PLACES):
            group.start_soon(gateway.read, "@sim tokens=60 delay_ms=20")
        await gateway.until(lambda: gateway.sandbox.journal.inflight() == PLACES, 5)
        with anyio.CancelScope() as waiting:
            async with anyio.create_task_group() as impatient:
                impatient.start_soon(gateway.chat, "impatient")
                await gateway.becomes(1, lambda: gateway.gauge("queue_depth"))
                waiting.cancel()
        await gateway.becomes(0, lambda: gateway.gauge("queue_depth"), within_s=1)

    assert gateway.calls("impatient") == []
    await gateway.becomes(PLACES, gateway.used)


async def test_requests_over_the_limit_are_refused_at_once(start: Start) -> None:
    limits = {"LIMITS__MAX_INFLIGHT": "50", "LIMITS__QUEUE_SIZE": "0", "TOKEN__MAX_INFLIGHT": "32"}
    async with start(limits) as gateway:
        await gateway.fill(*[QUOTA] * 4)
        complete: list[bool] = []

        async def read() -> None:
            answer = await gateway.read("@sim tokens=30 delay_ms=250")
            complete.append(answer.reasons == ["stop"])

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(read)
            await gateway.until(lambda: gateway.sandbox.journal.inflight() == 50, 5)
            refused = await at_once(210, lambda number: gateway.ask(ENDPOINTS[number % 3]))
            assert gateway.sandbox.journal.inflight() == 50  # nobody waited for a place

        for number, answer in enumerate(refused):
            endpoint = ENDPOINTS[number % 3]
            name = endpoint.name(answer.json()["error"])
            assert (answer.status_code, name) == endpoint.refusal(503, "overloaded")
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert len(gateway.calls()) == 50
        assert complete == [True] * 50


async def test_full_queue_is_refused_with_a_time_to_come_back(start: Start) -> None:
    limits = {"LIMITS__QUEUE_SIZE": "1", "TOKEN__MAX_INFLIGHT": "1", "LIMITS__QUEUE_WAIT_SEC": "1"}
    async with start(limits) as gateway, anyio.create_task_group() as group:
        await gateway.fill(QUOTA)
        group.start_soon(gateway.read, "@sim tokens=40 delay_ms=50")
        await gateway.until(lambda: gateway.sandbox.journal.inflight() == 1, 5)

        answers = await at_once(3, lambda _: timed(gateway.chat))

        assert {answer.status_code for _, answer in answers} == {503}
        assert all(int(answer.headers["retry-after"]) >= 1 for _, answer in answers)
        quick, at_last = sorted(seconds for seconds, _ in answers)[1:]
        assert quick <= 0.5
        assert 0.9 <= at_last <= 2
