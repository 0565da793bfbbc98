"""What the pool can serve now, model by model, and how long that will last.

All accounts are looked at, in steps between which requests are served; an answer is kept for a
while, the longer the more it cost.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import anyio.lowlevel
from anyio import to_thread
from msgspec import Struct

from grokgate.catalog import Catalog
from grokgate.dispatch.route import served_from
from grokgate.forecast import HOURS, Forecast, forecast
from grokgate.plugin.records import Caller, Capability, ModelCard
from grokgate.statistics.capacity import Capacity, Kind, Room
from grokgate.statistics.spans import HOUR_MS, begin_of_hour
from grokgate.storage import Database
from grokgate.storage.statistics import read_models, read_numbers
from grokgate.tokens import TokenRecord, TokenState
from grokgate.tokens.pools import Pools
from grokgate.upstream import Clock, UpstreamSpec

KEPT_S: Final = 5.0
"""Shortest time for which an answer holds."""
_COST: Final = 20
"""An answer is kept for so many times what it took."""
_STEP: Final = 50
"""Accounts looked at in one go, which takes about a millisecond."""
_FEW: Final = 0.1
"""So large a share of candidates may be of unknown quota without making a forecast vain."""
_EVERYBODY: Final = Caller(key_id="operator", name="operator")


class Accounts(Protocol):
    """Where the state of an account is known."""

    def state(self, token: str) -> TokenState | None:
        """Return the state of an account now; None: there is no such account."""
        ...


class ModelProspect(Struct, frozen=True, kw_only=True):
    """What the pool can do for one model."""

    model: str
    capability: Capability
    upstream: str
    pools: Sequence[str]
    buckets: Sequence[str]
    room: Room
    forecast: Forecast


class Prospect(Struct, frozen=True, kw_only=True):
    """What the pool can do."""

    at_ms: int
    """Unix milliseconds."""
    models: Sequence[ModelProspect]
    """In the order in which models are listed; by the way that is tried first."""
    expired: frozenset[str]
    """Short ids of expired accounts."""
    calls: int
    """Made with all accounts so far."""
    quota: int
    """Units that usable accounts have left in their largest windows."""


class Prospects:
    """Looks, and changes nothing; used from one event loop.

    Args:
        accounts: Knows the states.
        records: Returns the accounts, by id.
        catalog: Knows the models.
        specs: Loaded upstreams, by id.
        database: Holds the numbers of the last hours.
        clock: Time.
        offset_minutes: Returns when hours begin, minutes east of UTC.
    """

    def __init__(
        self,
        *,
        accounts: Accounts,
        records: Callable[[], Mapping[str, TokenRecord]],
        catalog: Catalog,
        specs: Mapping[str, UpstreamSpec],
        database: Database,
        clock: Clock,
        offset_minutes: Callable[[], int],
    ) -> None:
        self._accounts = accounts
        self._records = records
        self._catalog = catalog
        self._specs = specs
        self._pools = Pools(specs)
        self._database = database
        self._clock = clock
        self._offset_minutes = offset_minutes
        self._looking = anyio.Lock()
        self._last: Prospect | None = None
        self._holds_until = 0.0

    async def look(self) -> Prospect:
        """Tell what the pool can do; the answer may be some seconds old.

        Raises:
            StoreUnavailable: The numbers of the last hours cannot be read.
        """
        async with self._looking:
            if self._last is None or self._clock.monotonic() >= self._holds_until:
                began = time.perf_counter()
                self._last = await self._look()
                cost_s = time.perf_counter() - began
                self._holds_until = self._clock.monotonic() + max(KEPT_S, _COST * cost_s)
            return self._last

    async def _look(self) -> Prospect:
        now_ms = int(self._clock.now().timestamp() * 1000)
        ways = self._ways()
        capacity = Capacity(frozenset(kind for _, kind in ways), now_ms=now_ms)
        walk = await self._walk(capacity)
        rooms, used = capacity.rooms(), await self._used(now_ms)
        kinds_of = {card.id: kind for card, kind in ways}
        forecasts: dict[Kind, Forecast] = {}
        for kind in rooms:
            sharing = [model for model, other in kinds_of.items() if _shares(kind, other)]
            hours = [sum(hour.get(model, 0) for model in sharing) for hour in used]
            told = await to_thread.run_sync(forecast, rooms[kind].stocks, hours)
            forecasts[kind] = _honest(told, rooms[kind])
        models = [
            ModelProspect(
                model=card.id,
                capability=card.capability,
                upstream=kind.upstream,
                pools=kind.pools,
                buckets=kind.buckets,
                room=rooms[kind],
                forecast=forecasts[kind],
            )
            for card, kind in ways
        ]
        return Prospect(
            at_ms=now_ms,
            models=models,
            expired=frozenset(walk.expired),
            calls=walk.calls,
            quota=walk.quota,
        )

    def _ways(self) -> list[tuple[ModelCard, Kind]]:
        """Return each model with the way tried first; what no upstream serves is left out."""
        ways: list[tuple[ModelCard, Kind]] = []
        for offer in self._catalog.offered(_EVERYBODY):
            served = served_from(offer.card, self._catalog.wires(offer.card), self._specs)
            way = next(iter(served), None)
            if way is not None:
                ways.append((offer.card, Kind(*way)))
        return ways

    async def _walk(self, capacity: Capacity) -> "_Walk":
        """Add all accounts up, in steps between which others are served."""
        walk, records = _Walk(), self._records()
        for number, token in enumerate(tuple(records), start=1):
            state, record = self._accounts.state(token), records.get(token)
            if state is not None and record is not None:
                pool = self._pools.serving(record.pool, record.upstream)
                capacity.add(record.upstream, pool, state)
                walk.add(state)
            if not number % _STEP:
                await anyio.lowlevel.checkpoint()
        return walk

    async def _used(self, now_ms: int) -> list[dict[str, int]]:
        """Return what was charged in each of the last whole hours, by model, oldest first.

        The first one in which anybody asked for anything, and those before it, tell nothing: nobody
        knows when in that hour it began.
        """
        this = begin_of_hour(now_ms, offset_minutes=self._offset_minutes())
        since = this - HOURS * HOUR_MS
        async with self._database.read() as connection:
            everything = await read_numbers(connection, "hour", since_ms=0)
            models = await read_models(connection, "hour", since_ms=since)
        first = max(since, min(everything, default=this) + HOUR_MS)
        begins = range(first, this, HOUR_MS)
        used: dict[int, dict[str, int]] = {begins_at: {} for begins_at in begins}
        for (begins_at, model), numbers in models.items():
            if begins_at in used:
                used[begins_at][model] = numbers.units
        return [used[begins_at] for begins_at in begins]


class _Walk(Struct):
    """What is added up whatever the model."""

    calls: int = 0
    quota: int = 0
    expired: list[str] = []

    def add(self, state: TokenState) -> None:
        self.calls += state.use_count
        if state.status == "expired":
            self.expired.append(state.id)
        elif state.status != "disabled":
            left = [bucket.remaining for bucket in state.buckets.values()]
            self.quota += max(0, max(left, default=0))


def _shares(kind: Kind, other: Kind) -> bool:
    """Tell whether both kinds draw from some account's same bucket."""
    return (
        kind.upstream == other.upstream
        and not set(kind.pools).isdisjoint(other.pools)
        and not set(kind.buckets).isdisjoint(other.buckets)
    )


def _honest(told: Forecast, room: Room) -> Forecast:
    """Take back what was foretold without knowing of accounts that have something left."""
    if room.unknown <= _FEW * room.candidates or told.earliest_s is None:
        return told
    if told.state == "dry":
        return Forecast(state="unknown", units_per_hour=told.units_per_hour)
    return Forecast(
        state="may_run_dry", units_per_hour=told.units_per_hour, earliest_s=told.earliest_s
    )
