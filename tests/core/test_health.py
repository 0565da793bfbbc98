"""The operator's commands beside a running service, over its command socket."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from grokgate import control
from grokgate.control import OperationFailed
from grokgate.scheduler.home import Want
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import AccountFacts, Kind, Observation, Stage, UpstreamFailure

pytestmark = pytest.mark.anyio


class Upstream(FakeUpstream):
    """Answers surveys with plenty, or fails them."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Kind | None = None
        self.tier: Any = None

    async def survey(self, account: Any, attempt: Any, /, *, buckets: Any) -> AccountFacts:
        if self.fault is not None:
            seen = Observation(operation="survey", kind=self.fault, stage=Stage.REFUSED)
            raise UpstreamFailure(seen)
        facts = await super().survey(account, attempt, buckets=buckets)
        return AccountFacts(windows=facts.windows, tier=self.tier)


@pytest.fixture
def fake() -> Upstream:
    return Upstream()


@pytest.fixture
async def running(fake: Upstream) -> AsyncIterator[RunningGateway]:
    async with running_gateway(upstream=fake, tokens={"t1": 7, "t2": 8}) as running:
        yield running


async def _ask(running: RunningGateway, name: str, **arguments: Any) -> Any:
    with anyio.fail_after(10):
        return await control.ask(running.gateway.options.data_dir, name, arguments)


async def _refresh(running: RunningGateway, **wanted: Any) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    folder = running.gateway.options.data_dir
    with anyio.fail_after(10):
        await control.ask(folder, "tokens.refresh", wanted, answers.append)
    return answers


def _ids(running: RunningGateway) -> list[str]:
    return list(running.gateway.tokens.records)


def _statuses(running: RunningGateway) -> set[str]:
    return set(running.pool.statuses.values())


async def test_refresh_tells_before_and_after(running: RunningGateway) -> None:
    first, _ = _ids(running)

    (answer,) = await _refresh(running, ids=[first])

    before, after = (answer[when]["buckets"]["default"] for when in ("before", "after"))
    assert (before["remaining"], after["remaining"]) == (7, 100)
    assert (answer["id"], answer["of"], answer["failure"]) == (first, 1, None)
    assert set(running.pool.units.values()) == {100, 8}


async def test_refresh_of_a_pool_leaves_disabled_accounts_alone(running: RunningGateway) -> None:
    first, second = _ids(running)
    await _ask(running, "tokens.disable", ids=[first])

    answers = await _refresh(running, pool="ssoBasic")

    assert [answer["id"] for answer in answers] == [second]


async def test_refresh_of_a_pool_without_accounts_is_refused(running: RunningGateway) -> None:
    with pytest.raises(OperationFailed, match="no account in the pool 'ssoHeavy'"):
        await _refresh(running, pool="ssoHeavy")


async def test_expired_account_that_answers_is_active_again(
    running: RunningGateway, fake: Upstream
) -> None:
    fake.fault = Kind.AUTH_DEAD
    await _refresh(running)
    assert _statuses(running) == {"expired"}
    enabled = await _ask(running, "tokens.enable", ids=_ids(running))
    assert enabled == {"found": [], "expired": _ids(running)}
    fake.fault = None

    answers = await _refresh(running, ids=_ids(running))

    assert {answer["after"]["status"] for answer in answers} == {"active"}
    assert _statuses(running) == {"active"}


async def test_account_revived_by_a_refresh_is_so_after_a_restart(
    running: RunningGateway, fake: Upstream
) -> None:
    fake.fault = Kind.AUTH_DEAD
    await _refresh(running)
    fake.fault = None
    await _refresh(running)

    records = running.gateway.tokens.records.values()
    assert {record.state.status for record in records} == {"active"}


async def test_numbers_that_could_not_be_renewed_are_listed_as_stale(
    running: RunningGateway, fake: Upstream
) -> None:
    first, _ = _ids(running)
    fake.fault = Kind.TRANSIENT
    await _refresh(running, ids=[first])

    listed = await _ask(running, "tokens.list")

    assert {row["id"]: row["stale"] for row in listed}[first]
    assert running.gateway.metrics.count("quota_sync_errors", "transient") == 1


async def test_pool_that_an_answer_contradicts_is_shown(
    running: RunningGateway, fake: Upstream
) -> None:
    fake.tier = "super"
    first, _ = _ids(running)
    await _refresh(running, ids=[first])

    shown = await _ask(running, "tokens.show", id=first)

    assert (shown["account"]["pool"], shown["account"]["hint"]) == ("ssoBasic", "ssoSuper")


async def test_account_without_a_pool_gets_the_one_of_its_subscription(
    running: RunningGateway, fake: Upstream
) -> None:
    fake.tier = "super"
    report = await _ask(running, "tokens.import", text="made-up-token", pool="auto")
    assert running.gateway.tokens.records[report["added"][0]].pool == "auto"

    await _refresh(running, ids=report["added"])

    assert running.gateway.tokens.records[report["added"][0]].pool == "ssoSuper"


async def test_calls_in_flight_are_shown(running: RunningGateway) -> None:
    first, _ = _ids(running)

    assert (await _ask(running, "tokens.show", id=first))["inflight"] == 0


async def test_cool_down_ends_when_an_operator_says_so(running: RunningGateway) -> None:
    first, _ = _ids(running)
    refused = Observation(operation="converse", kind=Kind.FORBIDDEN, stage=Stage.REFUSED)
    await _cool(running, first, refused)
    assert running.gateway.home.state(first).status == "cooling"  # type: ignore[union-attr]

    await _ask(running, "tokens.enable", ids=[first])

    assert _statuses(running) == {"active"}


async def _cool(running: RunningGateway, token: str, seen: Observation) -> None:
    """End a call on *token* with what cools it down."""
    home, clock = running.gateway.home, running.gateway.clock
    want = Want(
        request_id="r",
        key_id="k",
        model="m",
        deadline=clock.monotonic(),
        upstream="web",
        pools=("ssoBasic",),
        buckets=("default",),
        units=1,
        only=token,
    )
    home.settle(await home.acquire(want), seen, units=1)
