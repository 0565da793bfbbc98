import asyncio
import selectors
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import anyio
import pytest
import structlog
from msgspec import Struct, structs
from structlog.testing import LogCapture

from grokgate.refresh import Refresh, Surveyed
from grokgate.scheduler.home import Want
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings.core import (
    GrokSettings,
    LimitsSettings,
    PerformanceSettings,
    TokenSettings,
)
from grokgate.testing.clock import FakeClock
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import (
    AccountFacts,
    Kind,
    Observation,
    Secret,
    Stage,
    Tier,
    UpstreamContext,
    UpstreamFailure,
    Window,
)
from grokgate.upstreams import Upstreams

pytestmark = pytest.mark.anyio


class Settings(Struct, frozen=True, kw_only=True):
    token: TokenSettings = TokenSettings()
    grok: GrokSettings = GrokSettings()
    limits: LimitsSettings = LimitsSettings()
    performance: PerformanceSettings = PerformanceSettings()


class Upstream(FakeUpstream):
    """Answers surveys as told, when told."""

    def __init__(self) -> None:
        super().__init__()
        self.surveyed: list[str] = []
        self.asking = 0
        self.most_asking = 0
        self.fault: Kind | Exception | None = None
        self.found: Any = 30
        self.unknown_field = ""
        self.tier: Tier | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def survey(self, account: Any, attempt: Any, /, *, buckets: Any) -> AccountFacts:
        self.surveyed.append(account.id)
        if self.unknown_field:
            attempt.drifted("survey", self.unknown_field)
        self.asking += 1
        self.most_asking = max(self.asking, self.most_asking)
        try:
            await asyncio.sleep(0)
            await self.open.wait()
        finally:
            self.asking -= 1
        if isinstance(self.fault, Exception):
            raise self.fault
        if self.fault is not None:
            seen = Observation(operation="survey", kind=self.fault, stage=Stage.REFUSED)
            raise UpstreamFailure(seen)
        windows = dict.fromkeys(buckets, Window(remaining=self.found))
        return AccountFacts(windows=windows, tier=self.tier)


class Marks:
    """A home, seen through: how many surveys it believes to be under way."""

    def __init__(self, home: MemoryHome) -> None:
        self._home = home
        self.open: Counter[str] = Counter()

    def state(self, token: str, /) -> TokenState | None:
        return self._home.state(token)

    def survey_begun(self, token: str, /) -> int:
        self.open[token] += 1
        return self._home.survey_begun(token)

    def learned(self, token: str, facts: AccountFacts, /, **said: Any) -> None:
        self._home.learned(token, facts, **said)
        self.open[token] -= 1

    def survey_failed(self, token: str, observation: Observation, /) -> None:
        self._home.survey_failed(token, observation)
        self.open[token] -= 1

    async def flush(self) -> None:
        await self._home.flush()


class Impatient(asyncio.SelectorEventLoop):
    """An event loop that skips the time it would wait."""

    def __init__(self) -> None:
        self._skipping = Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.skipped_s


class Skipping(selectors.DefaultSelector):
    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.skipped_s += max(0.0, timeout or 0.0)
        return super().select(0)


class World:
    def __init__(self, *records: TokenRecord, **settings: Any) -> None:
        self.clock = FakeClock()
        self.fake = Upstream()
        self.records = {record.id: record for record in records}
        performance = {key: settings.pop(key) for key in tuple(settings) if key in _PERFORMANCE}
        self.settings = Settings(
            token=TokenSettings(**settings), performance=PerformanceSettings(**performance)
        )
        self.errors: list[str] = []
        self.drifts: list[tuple[str, str, str]] = []
        self.logs = LogCapture()
        spec, log = self.fake.spec(), structlog.wrap_logger(None, processors=[self.logs])
        self.home = MemoryHome(
            specs=[spec],
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Random(1),
            log=log,
            writer=_write_nothing,
        )
        self.home.load(records)
        self.marks = Marks(self.home)
        context = UpstreamContext[Any](settings=lambda: None, log=log, clock=self.clock)
        self.upstreams = Upstreams({"web": spec}, {"web": context}, self.records)
        self.refresh = Refresh(
            home=self.marks,
            upstreams=self.upstreams,
            records=self.records,
            edits=self,
            buckets=lambda _upstream: frozenset({"default"}),
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Random(1),
            log=log,
            on_error=self.errors.append,
            drifted=lambda *seen: self.drifts.append(seen),
        )

    async def assign_pool(self, token: str, pool: str, /) -> bool:
        await self.edit(structs.replace(self.records[token], pool=pool))
        return True

    async def revive(self, token: str, /) -> bool:
        old = self.records[token]
        await self.edit(structs.replace(old, state=structs.replace(old.state, status="active")))
        return True

    async def edit(self, record: TokenRecord) -> None:
        """Commit a record as the store does, and tell those who listen."""
        self.records[record.id] = record
        await self.home.edited([record])
        self.refresh.edited([record])

    def state(self, token: str) -> TokenState:
        state = self.home.state(token)
        assert state is not None
        return state

    def left(self, token: str) -> int:
        return self.state(token).buckets["default"].remaining

    async def move(self, seconds: float) -> None:
        """Let time pass, and what is due then happen."""
        self.clock.advance(seconds)
        self.refresh._wake.set()
        await _turns()

    async def ask(self, *tokens: str) -> list[Surveyed]:
        """Ask as an operator does."""
        outcomes: list[Surveyed] = []

        async def report(outcome: Surveyed) -> None:
            outcomes.append(outcome)

        with anyio.fail_after(5):
            await self.refresh.ask(tokens, report)
        return outcomes


_PERFORMANCE = set(PerformanceSettings.__struct_fields__)


async def _write_nothing(_states: Any) -> None:
    """Keep nothing."""


@asynccontextmanager
async def running(*records: TokenRecord, **settings: Any) -> AsyncIterator[World]:
    at = World(*records, **settings)
    async with at.upstreams.open(), anyio.create_task_group() as group:
        group.start_soon(at.refresh.run)
        await _turns()
        yield at
        group.cancel_scope.cancel()


def record(name: str, units: int = 5, *, synced: bool = True, **fields: Any) -> TokenRecord:
    state: dict[str, Any] = {
        key: fields.pop(key) for key in tuple(fields) if key in TokenState.__struct_fields__
    }
    if synced:
        state.setdefault("last_sync_at_ms", int(FakeClock().now().timestamp() * 1000))
    buckets = {"default": Bucket(remaining=units, source="estimated")}
    return TokenRecord(
        id=name,
        pool=fields.pop("pool", "ssoBasic"),
        credential=Secret(name),
        state=TokenState(id=name, buckets=buckets, **state),
        **fields,
    )


async def test_tokens_never_asked_are_asked_at_the_start() -> None:
    async with running(record("a", synced=False), record("b")) as at:
        assert at.fake.surveyed == ["a"]
        assert at.left("a") == 30


async def test_new_token_is_asked_at_once() -> None:
    async with running() as at:
        await at.edit(record("a", synced=False))
        await _turns()

        assert at.left("a") == 30


@pytest.mark.parametrize("status", ["expired", "disabled"])
async def test_unusable_tokens_are_never_asked(status: Any) -> None:
    async with running(record("a", synced=False, status=status)) as at:
        at.refresh.soon("a")
        await at.move(100)

        assert at.fake.surveyed == []


async def test_nothing_runs_in_the_background_when_switched_off() -> None:
    async with running(record("a", synced=False), auto_refresh=False) as at:
        at.refresh.soon("a")
        await at.move(100)

        assert at.fake.surveyed == []


async def test_failed_survey_is_not_repeated_when_only_operators_ask() -> None:
    async with running(record("a"), auto_refresh=False) as at:
        at.fake.fault = Kind.TRANSIENT
        await at.ask("a")
        await at.move(7200)

        assert at.fake.surveyed == ["a"]


async def test_doubtful_token_is_asked_once_within_half_a_minute() -> None:
    async with running(record("a")) as at:
        for _ in range(5):
            at.refresh.soon("a")
        await at.move(1)
        assert at.fake.surveyed == []
        await at.move(30)

        assert at.fake.surveyed == ["a"]


async def test_first_round_asks_cooling_tokens_and_old_ones_a_minute_after_the_start() -> None:
    records = (record("new"), record("cool", 0), _old("old", hours=9))
    async with running(*records) as at:
        await at.move(59)
        assert at.fake.surveyed == []
        await at.move(1)

        assert sorted(at.fake.surveyed) == ["cool", "old"]


@pytest.mark.parametrize(("pool", "hours"), [("ssoBasic", 8), ("ssoSuper", 2), ("auto", 8)])
async def test_each_pool_has_its_interval(pool: str, hours: int) -> None:
    async with running(record("a", 0, pool=pool)) as at:
        at.fake.found = 0
        await at.move(60)
        asked = len(at.fake.surveyed)
        await at.move(hours * 3600 - 1)
        assert len(at.fake.surveyed) == asked
        await at.move(1)

        assert len(at.fake.surveyed) == asked + 1


async def test_interval_that_is_shortened_counts_at_once() -> None:
    async with running(record("a", 0)) as at:
        at.fake.found = 0
        await at.move(60)
        at.settings = structs.replace(at.settings, token=TokenSettings(refresh_interval_hours=1))
        await at.move(3600)

        assert at.fake.surveyed == ["a", "a"]


async def test_round_goes_by_the_ledger_while_the_store_lags_behind() -> None:
    async with running(record("a", synced=False)) as at:
        assert at.records["a"].state.last_sync_at_ms is None
        await at.move(60)

        assert at.fake.surveyed == ["a"]


async def test_bounded_number_in_parallel() -> None:
    records = [record(name, synced=False) for name in "abcdefgh"]
    async with running(*records, usage_max_concurrent=3) as at:
        await at.move(1)

        assert at.fake.most_asking == 3
        assert sorted(at.fake.surveyed) == list("abcdefgh")


async def test_pools_are_asked_in_steps_with_a_second_between_them() -> None:
    async with running(*(record(name, 0) for name in "abcde"), usage_batch_size=2) as at:
        counts = []
        for seconds in (60, 0.9, 0.1, 1):
            await at.move(seconds)
            counts.append(len(at.fake.surveyed))

        assert counts == [2, 2, 4, 5]


async def test_step_begins_when_the_one_before_is_over() -> None:
    async with running(*(record(name, 0) for name in "abc"), usage_batch_size=2) as at:
        at.fake.open.clear()
        await at.move(60)
        await at.move(20)
        assert at.fake.surveyed == ["a", "b"]
        at.fake.open.set()
        await _turns()
        await at.move(1)

        assert at.fake.surveyed == ["a", "b", "c"]


async def test_failed_survey_keeps_the_numbers_and_is_repeated_later_and_later() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.TRANSIENT
        at.refresh.soon("a")
        counts = []
        for seconds in (30, 60, 60, 60):
            await at.move(seconds)
            counts.append(len(at.fake.surveyed))

        assert (at.left("a"), counts) == (5, [1, 2, 2, 3])
        assert at.errors == ["transient"] * 3


async def test_numbers_are_stale_from_a_failed_survey_to_the_next_answer() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.TRANSIENT
        await at.ask("a")
        assert at.refresh.failing == {"a": 1}
        at.fake.fault = None
        await at.ask("a")

        assert at.refresh.failing == {}


async def test_crash_of_a_driver_is_a_failed_survey() -> None:
    async with running(record("a")) as at:
        at.fake.fault = RuntimeError("a defect")
        (outcome,) = await at.ask("a")

        assert (outcome.failure, at.left("a")) == ("malformed", 5)
        assert at.marks.open["a"] == 0


async def test_numbers_that_are_none_are_a_failed_survey() -> None:
    async with running(record("a")) as at:
        at.fake.found = "many"
        (outcome,) = await at.ask("a")

        assert (outcome.failure, at.marks.open["a"]) == ("malformed", 0)


async def test_dead_credential_expires_its_token() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.AUTH_DEAD
        at.refresh.soon("a")
        await at.move(30)

        assert at.state("a").status == "expired"
        assert at.marks.open["a"] == 0


async def test_expired_token_is_asked_no_more_though_its_record_lags_behind() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.AUTH_DEAD
        await at.ask("a")
        at.refresh.soon("a")
        await at.move(8 * 3600)

        assert at.fake.surveyed == ["a"]


async def test_reservations_made_during_a_survey_are_kept() -> None:
    async with running(record("a")) as at:
        at.fake.open.clear()
        await _ask(at, "a")
        lease = await at.home.acquire(_want())
        ok = Observation(operation="converse", kind=Kind.OK, stage=Stage.CONTENT)
        at.home.settle(lease, ok, units=2)
        at.fake.open.set()
        await _turns()

        assert at.left("a") == 28


async def test_request_waits_for_quota_that_a_survey_finds() -> None:
    async with running(record("a", 0), record("b", 0)) as at:
        with anyio.fail_after(1):
            again_s = await at.refresh.on_demand(["a", "b"])

        assert again_s == 300
        assert at.left("a") == 30


async def test_on_demand_run_is_not_repeated_within_its_interval() -> None:
    async with running(record("a", 0)) as at:
        at.fake.found = 0
        await at.refresh.on_demand(["a"])
        at.clock.advance(100)

        assert await at.refresh.on_demand(["a"]) == 200
        assert at.fake.surveyed == ["a"]


async def test_on_demand_run_asks_a_bounded_number() -> None:
    async with running(*(record(name, 0) for name in "abcd"), on_demand_max_tokens=2) as at:
        await at.refresh.on_demand(list("abcd"))

        assert at.fake.surveyed == ["a", "b"]


async def test_request_does_not_wait_when_on_demand_runs_are_off() -> None:
    async with running(record("a", 0), on_demand_refresh=False) as at:
        assert await at.refresh.on_demand(["a"]) is None


def test_request_waits_three_seconds_at_most() -> None:
    async def wait() -> tuple[float | None, float]:
        async with running(record("a", 0)) as at:
            at.fake.open.clear()
            began_at = asyncio.get_running_loop().time()
            again_s = await at.refresh.on_demand(["a"])
            return again_s, asyncio.get_running_loop().time() - began_at

    with asyncio.Runner(loop_factory=Impatient) as runner:
        again_s, waited_s = runner.run(wait())

    assert again_s == 300
    assert waited_s == pytest.approx(3, abs=0.5)


async def test_requests_share_a_run_that_is_under_way() -> None:
    async with running(record("a", 0)) as at, anyio.create_task_group() as group:
        at.fake.open.clear()
        for _ in range(3):
            group.start_soon(at.refresh.on_demand, ["a"])
        await _turns()
        at.fake.open.set()

    assert at.fake.surveyed == ["a"]


async def test_next_run_is_allowed_after_the_interval() -> None:
    async with running(record("a", 0), on_demand_min_interval_sec=10) as at:
        at.fake.found = 0
        await at.refresh.on_demand(["a"])
        at.clock.advance(10)
        await at.refresh.on_demand(["a"])

        assert at.fake.surveyed == ["a", "a"]


async def test_request_does_not_wait_for_a_token_that_is_deleted() -> None:
    async with running(record("a", 0), record("b", 0), usage_max_concurrent=1) as at:
        at.fake.open.clear()
        at.fake.found = 0
        with anyio.fail_after(1):
            async with anyio.create_task_group() as group:
                group.start_soon(at.refresh.on_demand, ["a", "b"])
                await _turns()
                await at.edit(structs.replace(at.records["b"], deleted_at_ms=1))
                at.fake.open.set()

        assert at.fake.surveyed == ["a"]


async def test_pool_of_a_new_token_is_detected() -> None:
    async with running() as at:
        at.fake.tier = "super"
        await at.edit(record("a", pool="auto"))
        await _turns()

        assert at.records["a"].pool == "ssoSuper"
        assert "token_pool_detected" in {entry["event"] for entry in at.logs.entries}


async def test_detection_goes_on_after_a_restart() -> None:
    waiting = record("a", pool="auto")
    async with running(waiting, auto_refresh=False) as at:
        assert at.records["a"].pool == "auto"
    async with running(at.records["a"]) as at:
        assert at.fake.surveyed == ["a"]


async def test_token_whose_subscription_is_not_told_stays_without_a_pool() -> None:
    async with running(record("a", pool="auto", synced=False)) as at:
        assert (at.fake.surveyed, at.records["a"].pool) == (["a"], "auto")


async def test_unknown_fields_of_an_answer_are_counted() -> None:
    async with running(record("a")) as at:
        at.fake.unknown_field = "newQuota"
        await at.ask("a")

        assert at.drifts == [("web", "survey", "newQuota")]


async def test_pool_that_an_answer_contradicts_stays() -> None:
    async with running(record("a"), record("b", pool="ssoSuper")) as at:
        at.fake.tier = "super"
        await at.ask("a", "b")

        assert at.records["a"].pool == "ssoBasic"


async def test_operator_revives_an_expired_token_whose_credential_works() -> None:
    async with running(record("a", status="expired")) as at:
        (outcome,) = await at.ask("a")

        assert outcome.before is not None
        assert outcome.after is not None
        assert (outcome.before.status, outcome.after.status) == ("expired", "active")


async def test_expired_token_whose_survey_fails_stays_expired() -> None:
    async with running(record("a", status="expired")) as at:
        at.fake.fault = Kind.TRANSIENT
        await at.ask("a")
        await at.move(100)

        assert (at.fake.surveyed, at.state("a").status) == (["a"], "expired")


async def test_operator_hears_of_each_token_once() -> None:
    async with running(record("a"), record("b", status="disabled"), usage_batch_size=1) as at:
        outcomes = await at.ask("a", "b", "a", "none")

        assert {outcome.token: outcome.failure for outcome in outcomes} == {
            "a": None,
            "b": "disabled",
            "none": "unknown",
        }


async def test_operator_who_leaves_ends_the_asking() -> None:
    async with running(record("a"), record("b"), usage_batch_size=1) as at:
        at.fake.open.clear()
        with anyio.move_on_after(0.01):
            await at.ask("a", "b")
        at.fake.open.set()
        await _turns()

        assert (at.fake.surveyed, at.refresh._orders) == (["a"], [])


async def test_token_is_asked_once_at_a_time() -> None:
    async with running(record("a")) as at:
        at.fake.open.clear()
        await _ask(at, "a")
        at.refresh.soon("a")
        await at.move(30)
        assert at.fake.asking == 1
        at.fake.open.set()
        await at.move(2)

        assert (len(at.fake.surveyed), at.fake.most_asking) == (2, 1)


async def test_cancelled_refresh_leaves_nothing_behind() -> None:
    async with running(record("a")) as at:
        at.fake.open.clear()
        await _ask(at, "a")
        assert (at.fake.asking, at.marks.open["a"]) == (1, 1)

    assert (at.fake.asking, at.marks.open["a"]) == (0, 0)
    assert at.refresh._running == set()


def _old(name: str, *, hours: float) -> TokenRecord:
    at_ms = int((FakeClock().now().timestamp() - hours * 3600) * 1000)
    return record(name, last_sync_at_ms=at_ms)


def _want() -> Want:
    return Want(
        request_id="",
        key_id="k",
        model="m",
        deadline=0,
        upstream="web",
        pools=("ssoBasic",),
        buckets=("default",),
        units=2,
    )


async def _ask(at: World, token: str) -> None:
    at.refresh._plan(token, 0)
    await _turns()


async def _turns(count: int = 30) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
