import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import anyio
import pytest
import structlog
from msgspec import Struct, structs

from grokgate.refresh import Refresh
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
        self.fault: Kind | None = None
        self.found = 30
        self.open = asyncio.Event()
        self.open.set()

    async def survey(self, account: Any, attempt: Any, /, *, buckets: Any) -> AccountFacts:
        self.surveyed.append(account.id)
        self.asking += 1
        self.most_asking = max(self.asking, self.most_asking)
        try:
            await self.open.wait()
        finally:
            self.asking -= 1
        if self.fault is not None:
            seen = Observation(operation="survey", kind=self.fault, stage=Stage.REFUSED)
            raise UpstreamFailure(seen)
        return AccountFacts(windows=dict.fromkeys(buckets, Window(remaining=self.found)))


class World:
    def __init__(self, *records: TokenRecord, **token: Any) -> None:
        self.clock = FakeClock()
        self.fake = Upstream()
        self.records = {record.id: record for record in records}
        self.settings = Settings(token=TokenSettings(**token))
        spec, log = self.fake.spec(), structlog.get_logger()
        self.home = MemoryHome(
            specs=[spec],
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Random(1),
            log=log,
            writer=_write_nothing,
        )
        self.home.load(records)
        context = UpstreamContext[Any](settings=lambda: None, log=log, clock=self.clock)
        self.upstreams = Upstreams({"web": spec}, {"web": context}, self.records)
        self.refresh = Refresh(
            home=self.home,
            upstreams=self.upstreams,
            records=self.records,
            buckets=lambda _upstream: frozenset({"default"}),
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Random(1),
            log=log,
        )

    def left(self, token: str) -> int:
        state = self.home.state(token)
        assert state is not None
        return state.buckets["default"].remaining

    async def move(self, seconds: float) -> None:
        """Let time pass, and what is due then happen."""
        self.clock.advance(seconds)
        self.refresh._wake.set()
        await _turns()


async def _write_nothing(_states: Any) -> None:
    """Keep nothing."""


@asynccontextmanager
async def running(*records: TokenRecord, **token: Any) -> AsyncIterator[World]:
    at = World(*records, **token)
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
    buckets = {"default": Bucket(remaining=units)}
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
        at.records["a"] = record("a", synced=False)
        await at.home.edited([at.records["a"]])
        at.refresh.edited([at.records["a"]])
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


async def test_doubtful_token_is_asked_once_within_half_a_minute() -> None:
    async with running(record("a")) as at:
        for _ in range(5):
            at.refresh.soon("a")
        await at.move(1)
        assert at.fake.surveyed == []
        await at.move(30)

        assert at.fake.surveyed == ["a"]


async def test_round_asks_cooling_tokens_and_old_ones() -> None:
    old_ms = int(FakeClock().now().timestamp() * 1000) - 9 * 3_600_000
    records = (
        record("new"),
        record("cool", status="cooling"),
        record("old", last_sync_at_ms=old_ms),
    )
    async with running(*records) as at:
        at.refresh._plan_pool("ssoBasic", 8 * 3600)
        await _turns()

        assert sorted(at.fake.surveyed) == ["cool", "old"]


async def test_bounded_number_in_parallel() -> None:
    async with running() as at:
        at.settings = structs.replace(
            at.settings, performance=PerformanceSettings(usage_max_concurrent=3)
        )
        at.fake.open.clear()
        at.records |= {name: record(name, synced=False) for name in "abcdefgh"}
        at.refresh.edited(tuple(at.records.values()))
        await _turns()
        at.fake.open.set()
        await _turns(200)

        assert at.fake.most_asking == 3
        assert sorted(at.fake.surveyed) == list("abcdefgh")


async def test_failed_survey_keeps_the_numbers_and_is_repeated_later_and_later() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.TRANSIENT
        at.refresh.soon("a")
        await at.move(30)
        assert (at.left("a"), len(at.fake.surveyed)) == (5, 1)
        await at.move(60)
        assert len(at.fake.surveyed) == 2
        await at.move(60)
        assert len(at.fake.surveyed) == 2
        await at.move(60)

        assert (len(at.fake.surveyed), at.refresh.errors) == (3, 3)


async def test_dead_credential_expires_its_token() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.AUTH_DEAD
        at.refresh.soon("a")
        await at.move(30)

        state = at.home.state("a")
        assert state is not None
        assert state.status == "expired"


async def test_token_revived_after_its_credential_was_dead_is_asked_again_when_doubtful() -> None:
    async with running(record("a")) as at:
        for at.fake.fault in (Kind.TRANSIENT, Kind.AUTH_DEAD):
            at.refresh.soon("a")
            await at.move(100)
        at.fake.fault = None
        asked = len(at.fake.surveyed)
        at.refresh.soon("a")
        await at.move(30)

        assert len(at.fake.surveyed) == asked + 1


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


async def test_cancelled_refresh_leaves_nothing_behind() -> None:
    async with running(record("a")) as at:
        at.fake.open.clear()
        await _ask(at, "a")
        assert at.fake.asking == 1

    assert at.fake.asking == 0
    assert at.refresh._running == set()


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
    at.refresh._plan(token, at.clock.monotonic())
    await _turns()


async def _turns(count: int = 30) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
