"""A running refresh over a clock that is turned by hand, for tests."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import anyio
import structlog
from msgspec import Struct, structs
from structlog.testing import LogCapture

from grokgate.refresh import Refresh, Surveyed
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings.grok import GrokSettings
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.performance import PerformanceSettings
from grokgate.settings.token import TokenSettings
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
        self.unknown: frozenset[str] = frozenset()
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
        windows = dict.fromkeys(buckets - self.unknown, Window(remaining=self.found))
        return AccountFacts(windows=windows, unknown=self.unknown, tier=self.tier)


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


class World:
    def __init__(self, *records: TokenRecord, **settings: Any) -> None:
        self.clock = FakeClock()
        self.fake = Upstream()
        self.records = {record.id: record for record in records}
        performance = {key: settings.pop(key) for key in tuple(settings) if key in PERFORMANCE}
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
            writer=write_nothing,
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
        await turns()

    async def ask(self, *tokens: str) -> list[Surveyed]:
        """Ask as an operator does."""
        outcomes: list[Surveyed] = []

        async def report(outcome: Surveyed) -> None:
            outcomes.append(outcome)

        with anyio.fail_after(5):
            await self.refresh.ask(tokens, report)
        return outcomes


PERFORMANCE = set(PerformanceSettings.__struct_fields__)


async def write_nothing(_states: Any) -> None:
    """Keep nothing."""


@asynccontextmanager
async def running(*records: TokenRecord, **settings: Any) -> AsyncIterator[World]:
    at = World(*records, **settings)
    async with at.upstreams.open(), anyio.create_task_group() as group:
        group.start_soon(at.refresh.run)
        await turns()
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


async def ask(at: World, token: str) -> None:
    at.refresh._plan(token, 0)
    await turns()


async def turns(count: int = 30) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
