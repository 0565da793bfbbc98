"""What the pool can serve now, model by model, and how long that will last; what it has together.

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
from grokgate.dispatch.route import usual_ways
from grokgate.forecast import HOURS, Forecast, forecast
from grokgate.plugin.records import Caller, Capability, ModelCard
from grokgate.scheduler.home import PoolView
from grokgate.statistics.capacity import Capacity, Kind, Room
from grokgate.statistics.spans import HOUR_MS, begin_of_hour
from grokgate.storage import Database
from grokgate.storage.statistics import read_models, read_numbers
from grokgate.tokens import TokenRecord, TokenState
from grokgate.tokens.pools import Pools
from grokgate.tokens.search import Overview, look_over
from grokgate.upstream import Clock, UpstreamSpec

KEPT_S: Final = 5.0
"""Shortest time for which an answer holds."""
_COST: Final = 20
"""An answer is kept for so many times what it took."""
_ADDED_UP_S: Final = 1.0
_STEP: Final = 50
"""Accounts looked at in one go, which takes about a millisecond."""
_FEW: Final = 0.1
"""So large a share of candidates may be of unknown quota without making a forecast vain."""
_EVERYBODY: Final = Caller(key_id="operator", name="operator")


class Accounts(Protocol):
    """Where the states of accounts are known."""

    def view(self) -> PoolView:
        """Return counts; cheap."""
        ...

    def state(self, token: str) -> TokenState | None:
        """Return the state of an account now; None: there is no such account."""
        ...


class WayProspect(Struct, frozen=True, kw_only=True):
    """What the pool can do for one model in one of the ways it is served."""

    kind: Kind
    room: Room
    forecast: Forecast


class ModelProspect(Struct, frozen=True, kw_only=True):
    """What the pool can do for one model."""

    model: str
    capability: Capability
    first: WayProspect
    """By the way that is tried first."""
    served: WayProspect
    """By the way that has room: the first one with candidates, else with accounts, else at all."""


class Prospect(Struct, frozen=True, kw_only=True):
    """What the pool can do."""

    at_ms: int
    """Unix milliseconds."""
    models: Sequence[ModelProspect]
    """In the order in which models are listed."""
    expired: frozenset[str]
    """Short ids of expired accounts."""


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
        fallback: Returns whether a model is also served in other ways than the first one.
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
        fallback: Callable[[], bool],
    ) -> None:
        self._accounts = accounts
        self._records = records
        self._catalog = catalog
        self._specs = specs
        self._pools = Pools(specs)
        self._database = database
        self._clock = clock
        self._offset_minutes = offset_minutes
        self._fallback = fallback
        self._looking = anyio.Lock()
        self._last: Prospect | None = None
        self._holds_until = 0.0
        self._adding = anyio.Lock()
        self._overview: tuple[Overview, object, float] | None = None
        """Of all accounts, what was counted then, and until when it holds."""

    async def add_up(self) -> Overview:
        """Count and add up all accounts; what they have left may be a second old.

        Raises:
            StoreUnavailable: The database cannot be read now.
        """
        async with self._adding:
            counted, now = self._accounts.view().tokens, self._clock.monotonic()
            if self._overview is not None:
                overview, then, holds_until = self._overview
                if then == counted and now < holds_until:
                    return overview
            overview = await look_over(self._database)
            self._overview = overview, counted, now + _ADDED_UP_S
            return overview

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
        capacity = Capacity({kind for _, kinds in ways for kind in kinds}, now_ms=now_ms)
        expired = await self._walk(capacity)
        rooms, used = capacity.rooms(), await self._used(now_ms)
        taken = {card.id: (kinds[0], _with_room(kinds, rooms)) for card, kinds in ways}
        told: dict[Kind, WayProspect] = {}
        for kind in dict.fromkeys(kind for pair in taken.values() for kind in pair):
            sharing = [
                model for model, pair in taken.items() if any(_shares(kind, one) for one in pair)
            ]
            hours = [sum(hour.get(model, 0) for model in sharing) for hour in used]
            room = rooms[kind]
            expected = await to_thread.run_sync(forecast, room.stocks, hours)
            told[kind] = WayProspect(kind=kind, room=room, forecast=_honest(expected, room))
        models = [
            ModelProspect(
                model=card.id,
                capability=card.capability,
                first=told[taken[card.id][0]],
                served=told[taken[card.id][1]],
            )
            for card, _ in ways
        ]
        return Prospect(
            at_ms=now_ms,
            models=models,
            expired=expired,
        )

    def _ways(self) -> list[tuple[ModelCard, list[Kind]]]:
        """Return each model with its ways, best first; what no upstream serves is left out."""
        ways: list[tuple[ModelCard, list[Kind]]] = []
        for offer in self._catalog.offered(_EVERYBODY):
            wires = self._catalog.wires(offer.card)
            found = usual_ways(offer.card, wires, self._specs, fallback=self._fallback())
            if kinds := [Kind(*way) for way in found]:
                ways.append((offer.card, kinds))
        return ways

    async def _walk(self, capacity: Capacity) -> frozenset[str]:
        """Add all accounts up, others being served between steps; return the expired ones."""
        expired, records = set[str](), self._records()
        for number, token in enumerate(tuple(records), start=1):
            state, record = self._accounts.state(token), records.get(token)
            if state is not None and record is not None:
                pool = self._pools.serving(record.pool, record.upstream)
                capacity.add(record.upstream, pool, state)
                if state.status == "expired":
                    expired.add(state.id)
            if not number % _STEP:
                await anyio.lowlevel.checkpoint()
        return frozenset(expired)

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


def _with_room(kinds: Sequence[Kind], rooms: Mapping[Kind, Room]) -> Kind:
    """Return the way by which a call would be served now; without any, one that has accounts."""
    able = (kind for kind in kinds if rooms[kind].candidates)
    there = (kind for kind in kinds if rooms[kind].accounts)
    return next(able, None) or next(there, kinds[0])


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
