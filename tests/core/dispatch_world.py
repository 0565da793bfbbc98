"""A dispatcher over a ledger and an upstream that are written down, for tests."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import structlog
from msgspec import Struct

from grokgate.dispatch import Dispatch
from grokgate.keys import Meter
from grokgate.plugin.context import Exchange
from grokgate.plugin.records import Call, Caller, CallRecord, CostRule, ModelCard
from grokgate.scheduler.cost import CostTable
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings.core import UpstreamsSettings
from grokgate.settings.grok import GrokSettings
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.token import TokenSettings
from grokgate.testing.clock import FakeClock
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import (
    Conversation,
    Event,
    Kind,
    Observation,
    Secret,
    Stage,
    TextDelta,
    UpstreamContext,
    Wire,
)
from grokgate.upstreams import Upstreams

HELLO = [TextDelta(text="Hel"), TextDelta(text="lo")]


ASK = Conversation.of_text("hi")


class Calm(Random):
    """Takes the first of equals, and never pauses."""

    def random(self) -> float:
        return 0.0


class Settings(Struct, frozen=True, kw_only=True):
    grok: GrokSettings = GrokSettings()
    token: TokenSettings = TokenSettings(save_delay_ms=0)
    limits: LimitsSettings = LimitsSettings()
    upstreams: UpstreamsSettings = UpstreamsSettings()


class World:
    """A dispatcher over a scripted upstream and a real home."""

    def __init__(
        self,
        fake: FakeUpstream,
        tokens: dict[str, int],
        *,
        rules: tuple[CostRule, ...] = (),
        meter: Meter | None = None,
        home: type[MemoryHome] = MemoryHome,
    ) -> None:
        self.fake = fake
        self.clock = FakeClock()
        self.settings = Settings()
        self.records = {name: record(name, units) for name, units in tokens.items()}
        self.finished: list[CallRecord] = []
        self.on_finished: Callable[[CallRecord], None] = self.finished.append
        self.surveyed: list[str] = []
        self.on_survey: Callable[[], None] = lambda: None
        self.drift: list[tuple[str, str, str]] = []
        self.wires: list[tuple[str, Wire]] = [("web", Wire(name="w", buckets=("default",)))]
        spec = fake.spec()
        log = structlog.get_logger()
        self.home = home(
            specs=[spec],
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Calm(),
            log=log,
            writer=write_nothing,
        )
        self.home.load(self.records.values())
        context = UpstreamContext[Any](settings=lambda: None, log=log, clock=self.clock)
        self.upstreams = Upstreams({"web": spec}, {"web": context}, self.records)
        self.dispatch = Dispatch(
            home=self.home,
            upstreams=self.upstreams,
            wires=lambda _card: self.wires,
            rules=CostTable(rules),
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Calm(),
            log=log,
            finished=lambda _plugin, record: self.on_finished(record),
            survey=self._survey,
            drifted=lambda *drift: self.drift.append(drift),
            meter=meter,
        )

    async def _survey(self, tokens: Sequence[str]) -> float:
        self.surveyed += tokens
        self.on_survey()
        return 300.0

    def open(self, call: Call) -> Awaitable[Exchange]:
        return self.dispatch.for_plugin("chat").open(call)

    async def text(self, call: Call) -> str:
        async with await self.open(call) as exchange:
            return "".join([event.text async for event in exchange if type(event) is TextDelta])

    def left(self) -> dict[str, int]:
        return {state.id: state.buckets["default"].remaining for state in self.home.states()}

    def asked(self) -> list[str]:
        return [asked.account for asked in self.fake.asked]

    def tokens(self, status: str) -> int:
        counts = self.home.view().tokens.items()
        return sum(count for (_, found), count in counts if found == status)


def record(name: str, units: int) -> TokenRecord:
    state = TokenState(id=name, buckets={"default": Bucket(remaining=units)})
    return TokenRecord(id=name, pool="ssoBasic", credential=Secret(name), state=state)


async def write_nothing(_states: Any) -> None:
    """Keep nothing."""


@asynccontextmanager
async def world(
    *answers: Any, tokens: dict[str, int] | None = None, **rest: Any
) -> AsyncIterator[World]:
    """Open a world; on leaving it nothing may be left behind."""
    at = World(FakeUpstream(*answers), {"a": 10, "b": 5} if tokens is None else tokens, **rest)
    async with at.upstreams.open():
        yield at
        view = at.home.view()
        assert (view.leases_open, view.queue_depth, view.ledger_imbalance) == (0, 0, 0)
        assert at.dispatch.budget.live == 0


def call(request_id: str = "r1", **changes: Any) -> Call:
    capability = changes.pop("capability", "chat")
    card = ModelCard(
        id="grok-4", capability=capability, tier="basic", effort="low", created=0, wire={}
    )
    fields: dict[str, Any] = {
        "caller": Caller(key_id="k", name="k", request_id=request_id),
        "card": card,
        "send": lambda session: session.converse(ASK),
    }
    return Call(**{**fields, **changes})


def seen(kind: Kind, stage: Stage = Stage.REFUSED, **fields: Any) -> Observation:
    return Observation(operation="converse", kind=kind, stage=stage, **fields)


def script(*events: Event, then: BaseException | None = None, hang: bool = False) -> Any:
    """Yield *events*, then fail, hang, or just stop."""

    async def play(_request: Any) -> AsyncGenerator[Event, None]:
        for event in events:
            yield event
        if hang:
            await asyncio.Event().wait()
        if then is not None:
            raise then

    return play


async def collect(exchange: Exchange) -> list[Event]:
    return [event async for event in exchange]
