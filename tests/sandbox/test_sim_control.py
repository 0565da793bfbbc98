import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from grokgate.sandbox import AccountFixture, HttpStatus, Pace, Sandbox
from grokgate.sandbox.clock import VirtualClock
from grokgate.sandbox.journal import Journal
from grokgate.sandbox.request import Request
from sandbox.sim_client import CHAT, Talk, ask, chat, headers, prompt, talk

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox([AccountFixture(token="t")], protocol="2026-04")


async def _control(sandbox: Sandbox, method: str, call: str, content: Any = None) -> Talk:
    return await ask(sandbox.app, method, f"/__sim/{call}", content, sent={})


async def test_accounts_can_be_replaced(sandbox: Sandbox) -> None:
    await _control(sandbox, "PUT", "accounts", [{"token": "new", "tier": "super"}])

    assert (await chat(sandbox.app, "Hi")).status == 401
    assert (await _control(sandbox, "GET", "accounts/new")).json["tier"] == "super"


async def test_unknown_account_is_404(sandbox: Sandbox) -> None:
    assert (await _control(sandbox, "GET", "accounts/nobody")).status == 404


async def test_rules_can_be_put(sandbox: Sandbox) -> None:
    rule = {"actions": [{"knob": "http_status", "code": 502}], "endpoint": "chat"}
    await _control(sandbox, "PUT", "rules", [rule])

    assert (await chat(sandbox.app, "Hi")).status == 502


@pytest.mark.parametrize(
    ("method", "call", "content"),
    [
        ("PUT", "rules", [{"actions": [{"knob": "nope"}]}]),
        ("PUT", "rules", [{"actions": [], "prompt": "("}]),
        ("PUT", "accounts", [{"token": "t", "status": "happy"}]),
        ("POST", "clock/advance", {"seconds": -1}),
        ("POST", "clock/advance", {"seconds": 1e12}),
        ("GET", "requests?since=x", None),
    ],
)
async def test_bad_call_is_refused(sandbox: Sandbox, method: str, call: str, content: Any) -> None:
    assert (await _control(sandbox, method, call, content)).status == 400


async def test_unknown_call_is_404(sandbox: Sandbox) -> None:
    assert (await _control(sandbox, "GET", "nothing")).status == 404


async def test_clock_can_be_put_forward(sandbox: Sandbox) -> None:
    before = sandbox.clock.epoch_s()
    await _control(sandbox, "POST", "clock/advance", {"seconds": 3600})

    assert sandbox.clock.epoch_s() - before >= 3600


async def test_requests_since_a_number(sandbox: Sandbox) -> None:
    for text in ("one", "two"):
        await chat(sandbox.app, text)
    (row,) = (await _control(sandbox, "GET", "requests?since=1")).json["requests"]

    assert (row["number"], row["endpoint"], row["account"], row["units"]) == (2, "chat", "t", 1)
    assert '"two"' in row["body"]


async def test_requests_name_the_faults(sandbox: Sandbox) -> None:
    sandbox.rules.add(HttpStatus(code=500))
    await chat(sandbox.app, "Hi")
    (row,) = (await _control(sandbox, "GET", "requests")).json["requests"]

    assert (row["faults"][0]["knob"], row["faults"][0]["code"]) == ("http_status", 500)


async def test_state_shows_quota_and_open_exchanges(sandbox: Sandbox) -> None:
    sandbox.rules.add(Pace(stall="headers"))
    async with talk(sandbox.app, "POST", CHAT, prompt("Hi"), sent=headers()):
        async with asyncio.timeout(5):
            await sandbox.journal.until(lambda: sandbox.journal.inflight("t") == 1)
        state = (await _control(sandbox, "GET", "state")).json

    assert state["inflight"] == 1
    assert state["accounts"][0]["buckets"]["fast"]["remaining"] == 30


async def test_reset_starts_over(sandbox: Sandbox) -> None:
    sandbox.rules.add(HttpStatus(code=500), nth=2)
    await chat(sandbox.app, "Hi")
    sandbox.accounts.change("t", status="expired")
    await _control(sandbox, "POST", "reset")

    assert (len(sandbox.rules), len(sandbox.journal)) == (0, 0)
    assert sandbox.accounts["t"].fixture.status == "ok"
    assert sandbox.accounts["t"].window("fast").remaining == 30


async def test_control_is_for_this_machine(sandbox: Sandbox) -> None:
    answer = await ask(sandbox.app, "GET", "/__sim/state", sent={}, client=("192.0.2.1", 1))

    assert answer.status == 404


async def test_journal_keeps_headers_in_order(sandbox: Sandbox) -> None:
    await chat(sandbox.app, "Hi")
    (exchange,) = sandbox.journal

    assert [name for name, _ in exchange.headers] == list(headers())
    assert exchange.cookies == {"sso": "t", "sso-rw": "t"}
    assert exchange.json()["message"] == "Hi"


async def test_journal_bounds_bodies(sandbox: Sandbox) -> None:
    await chat(sandbox.app, "x" * 100_000)
    (exchange,) = sandbox.journal

    assert len(exchange.body) == 64 * 1024
    assert exchange.body_bytes > 100_000


def _rounds(journal: Journal, count: int) -> None:
    for _ in range(count):
        head = Request(method="POST", path="/", query={}, headers=(), cookies={}, origin="")
        exchange = journal.open(head)
        exchange.record(b"x" * 100)
        journal.close(exchange, "answered")


def test_journal_bounds_its_memory() -> None:
    journal = Journal(VirtualClock(), memory=1_000)
    _rounds(journal, 25)
    assert [exchange.number for exchange in journal] == [*range(16, 26)]

    journal.clear()
    _rounds(journal, 25)
    assert len(journal) == 10


def test_journal_bounds_its_length() -> None:
    journal = Journal(VirtualClock(), limit=3)
    _rounds(journal, 5)

    assert [exchange.number for exchange in journal] == [3, 4, 5]


async def test_stop_cuts_what_is_silent(sandbox: Sandbox) -> None:
    sandbox.rules.add(Pace(stall="headers"), prompt="one")
    sandbox.rules.add(Pace(stall="line"), prompt="two")
    async with (
        talk(sandbox.app, "POST", CHAT, prompt("one"), sent=headers()) as first,
        talk(sandbox.app, "POST", CHAT, prompt("two"), sent=headers()) as second,
        asyncio.timeout(5),
    ):
        await sandbox.journal.until(lambda: sandbox.journal.inflight("t") == 2)
        await second.until(lambda: len(second.chunks) > 0)
        await sandbox.cut()
        await sandbox.journal.until(lambda: sandbox.journal.inflight("t") == 0)

    assert (first.cut, second.cut) == (True, True)
    assert {exchange.outcome for exchange in sandbox.journal} == {"cut"}


async def test_journal_says_why_a_request_was_refused(sandbox: Sandbox) -> None:
    await chat(sandbox.app, "Hi", mode="heavy")
    (exchange,) = sandbox.journal

    assert (exchange.refusal, exchange.status, exchange.outcome) == ("plan", 403, "answered")


async def test_journal_counts_what_an_account_had_open_at_once(sandbox: Sandbox) -> None:
    sandbox.rules.add(Pace(stall="headers"))
    async with (
        talk(sandbox.app, "POST", CHAT, prompt("1"), sent=headers()),
        talk(sandbox.app, "POST", CHAT, prompt("2"), sent=headers()),
        asyncio.timeout(5),
    ):
        await sandbox.journal.until(lambda: sandbox.journal.inflight("t") == 2)

    assert (sandbox.journal.peak("t"), sandbox.journal.inflight("t")) == (2, 0)


async def test_client_that_leaves_between_lines_is_noticed() -> None:
    sandbox = Sandbox([AccountFixture(token="t")], protocol="2026-04", pace_ms=60_000)
    async with talk(sandbox.app, "POST", CHAT, prompt("Hi"), sent=headers()) as talking:
        async with asyncio.timeout(5):
            await talking.until(lambda: len(talking.chunks) > 0)
            talking.leave()
            await sandbox.journal.until(lambda: sandbox.journal.inflight() == 0)
    (exchange,) = sandbox.journal

    assert (exchange.outcome, exchange.pieces_sent) == ("abandoned", 1)
    assert exchange.units == 1


async def test_two_hundred_streams_at_once(sandbox: Sandbox) -> None:
    sandbox.accounts.put(AccountFixture(token="t", tier="heavy"))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(chat(sandbox.app, "@sim tokens=20 delay_ms=1")) for _ in range(200)
        ]

    assert {task.result().ended for task in tasks} == {True}
    assert sandbox.accounts["t"].units_taken == 200


async def test_sandbox_takes_part_in_the_lifespan(sandbox: Sandbox) -> None:
    messages = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]
    sent = []

    async def receive() -> dict[str, Any]:
        return messages.pop()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    await sandbox.app({"type": "lifespan"}, receive, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
