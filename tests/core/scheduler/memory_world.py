"""A memory home with a clock that is turned by hand, for tests."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import structlog
from msgspec import Struct

from grokgate.errors import StoreUnavailable
from grokgate.scheduler.home import Lease, Settled, Want
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.token import TokenSettings
from grokgate.testing.clock import FakeClock
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import Kind, Observation, Stage

MakeToken = Callable[..., TokenRecord]


D = ("default",)


class Settings(Struct, frozen=True, kw_only=True):
    token: TokenSettings = TokenSettings()
    limits: LimitsSettings = LimitsSettings()


class Store:
    """A writer that remembers, and can fail."""

    def __init__(self) -> None:
        self.states: dict[str, TokenState] = {}
        self.batches = 0
        self.failures = 0
        self.written = asyncio.Event()

    async def write(self, states: Sequence[TokenState]) -> None:
        self.batches += 1
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable
        self.states.update((state.id, state) for state in states)
        self.written.set()


class Setting:
    """A home with its clock and store."""

    def __init__(self, *records: TokenRecord, unclean: bool = False, **token: Any) -> None:
        self.clock = FakeClock()
        self.store = Store()
        self.doubted: list[str] = []
        self.settings = Settings(token=TokenSettings(**{"save_delay_ms": 0, **token}))
        self.home = MemoryHome(
            specs=[FakeUpstream().spec()],
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Random(1),
            log=structlog.get_logger(),
            writer=self.store.write,
        )
        self.home.load(records, unclean=unclean)
        self.home.subscribe(self.doubted.append)

    def want(self, *, wait_s: float = 0.0, **changes: Any) -> Want:
        wanted: dict[str, Any] = {
            "request_id": "r",
            "key_id": "k",
            "model": "grok-4",
            "deadline": self.clock.monotonic() + wait_s,
            "upstream": "web",
            "pools": ("ssoBasic",),
            "buckets": D,
            "units": 1,
        }
        return Want(**{**wanted, **changes})

    async def lease(self, **changes: Any) -> Lease:
        return await self.home.acquire(self.want(**changes))

    def settle(
        self, lease: Lease, kind: Kind, stage: Stage = Stage.REFUSED, **fields: Any
    ) -> Settled:
        penalize = fields.pop("penalize", True)
        observation = Observation(operation="converse", kind=kind, stage=stage, **fields)
        return self.home.settle(lease, observation, units=1, penalize=penalize)

    def left(self, token: str) -> int:
        state = self.home.state(token)
        assert state is not None
        return state.buckets["default"].remaining

    def status(self, token: str) -> str:
        state = self.home.state(token)
        assert state is not None
        return state.status
