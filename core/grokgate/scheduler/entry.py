"""What the ledger knows of one token: its holdings, its health, its calls in flight; and of a pool.

Times are monotonic seconds; `Entry.load` and `Entry.state` translate from and to the Unix
milliseconds that are stored. A token that was loaded and not used yet shares its buckets with its
record: a `Holding` is made when a bucket is first touched, so a large pool starts fast and small.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from grokgate.scheduler.holding import (
    UNKNOWN,
    Holding,
    Moment,
    refilled,
    stored_reset,
    wall_ms,
)
from grokgate.scheduler.shelf import COOLING, DISABLED, EXPIRED, Shelf
from grokgate.tokens.record import Bucket, Status, TokenState
from grokgate.upstream import Tier

COOL_CAP_S = 600.0
"""Longest cool-down after ambiguous faults."""
NEVER = float("inf")

ShelfKey: TypeAlias = tuple[tuple[str, ...], frozenset[str], str]
"""Buckets, tags and ranking."""

BARS: Mapping[Status, int] = {"disabled": DISABLED, "expired": EXPIRED}


class Pool:
    """The tokens of one pool, by slot, and its shelves."""

    __slots__ = (
        "assumed",
        "census",
        "cooled",
        "filled",
        "free",
        "lively",
        "members",
        "name",
        "shelves",
        "shelves_of",
        "upstream",
    )

    def __init__(self, name: str, upstream: str, assumed: Mapping[str, int]) -> None:
        self.name = name
        self.upstream = upstream
        self.assumed = assumed
        self.members: list[Entry | None] = []
        self.free: list[int] = []
        self.census: dict[Status, int] = {"active": 0, "cooling": 0, "expired": 0, "disabled": 0}
        self.cooled = 0
        """Members that cool down after ambiguous faults."""
        self.shelves: dict[ShelfKey, Shelf] = {}
        """All that are kept up to date, by buckets, tags and ranking."""
        self.filled: dict[ShelfKey, Shelf] = {}
        """Those of them on which every member stands: the only ones to pick from."""
        self.shelves_of: dict[str, list[Shelf]] = {}
        """By bucket: the shelves that look at what is left in it and at nothing else."""
        self.lively: list[Shelf] = []
        """Those on which the rank of a token changes with every call."""

    def fresh(self, bucket: str) -> Holding:
        """Make the holding of a token of which nothing is stored for *bucket* (F-TOK-05)."""
        assumed = self.assumed.get(bucket, UNKNOWN)
        return Holding(max(0, assumed), assumed != UNKNOWN)

    def fresh_left(self, bucket: str) -> int:
        """Return what `fresh` would have left."""
        assumed = self.assumed.get(bucket, UNKNOWN)
        return 1 if assumed == UNKNOWN else assumed


class Entry(Struct, eq=False):
    """One token in the ledger."""

    id: str
    pool: Pool
    slot: int = -1
    held: dict[str, Holding] = {}
    """By bucket, of those that were touched."""
    inflight: int = 0
    limit: int = 0
    """Calls in flight at most; always above 0."""
    bar: int = 0
    """0, or the reason why no bucket matters: COOLING, EXPIRED or DISABLED."""
    status: Status = "active"
    fence: int = 0
    used_at: float | None = None
    """When it was last leased; forgotten once that is too long ago to matter."""
    last_used_at_ms: int | None = None
    surveys: int = 0
    """Surveys of this token that are under way."""
    use_count: int = 0
    consumed: int = 0
    stored: Mapping[str, Bucket] = {}
    """Buckets as they were loaded."""
    loaded_at: Moment = Moment(0.0, 0)
    tags: frozenset[str] = frozenset()
    own_limit: int | None = None
    reason: str | None = None
    since_ms: int | None = None
    """When it took its status."""
    evidence: str | None = None
    """What made it take its status."""
    tier: Tier | None = None
    """Subscription level by the last survey that told."""
    cool_until: float | None = None
    cool_level: int = 0
    faults: int = 0
    """Timeouts and resets in a row."""
    fail_count: int = 0
    last_fail_at_ms: int | None = None
    last_fail_reason: str | None = None
    last_sync_at_ms: int | None = None
    sync_count: int = 0
    kept: Mapping[str, str] = {}
    planned_at: float = NEVER
    """When the ledger will look whether it has cooled down or refilled."""
    gone: bool = False
    """Deleted; forgotten when its last call has ended."""

    @classmethod
    def load(cls, state: TokenState, pool: Pool, at: Moment) -> "Entry":
        """Make one from its stored state; stored times are clamped to their caps (I9)."""
        entry = cls(
            state.id,
            pool,
            last_used_at_ms=state.last_used_at_ms,
            use_count=state.use_count,
            consumed=state.consumed,
            stored=_started_anew(state.buckets, at.ms),
            loaded_at=at,
            since_ms=state.state_since_at_ms,
            evidence=state.evidence,
            tier=state.tier,
            cool_level=state.cooldown_level,
            fail_count=state.fail_count,
            last_fail_at_ms=state.last_fail_at_ms,
            last_fail_reason=state.last_fail_reason,
            last_sync_at_ms=state.last_sync_at_ms,
            sync_count=state.sync_count,
            kept=state.kept,
        )
        if state.status != "active":
            entry._load_bar(state, at)
        return entry

    def state(self, at: Moment) -> TokenState:
        """Return the stored form."""
        cooling = self.status == "cooling"
        return TokenState(
            id=self.id,
            status=self.status,
            state_reason=self.reason if self.bar else ("quota" if cooling else None),
            state_since_at_ms=self.since_ms,
            evidence=self.evidence,
            tier=self.tier,
            buckets={name: self._bucket(name, at) for name in self._names()},
            cooldown_until_ms=wall_ms(self._active_at(), at) if cooling else None,
            cooldown_level=self.cool_level,
            use_count=self.use_count,
            consumed=self.consumed,
            fail_count=self.fail_count,
            last_used_at_ms=self.last_used_at_ms,
            last_fail_at_ms=self.last_fail_at_ms,
            last_fail_reason=self.last_fail_reason,
            last_sync_at_ms=self.last_sync_at_ms,
            sync_count=self.sync_count,
            kept=self.kept,
        )

    def holding(self, name: str) -> Holding:
        """Return the holding of bucket *name*, made when it is first asked for."""
        holding = self.held.get(name)
        if holding is None:
            holding = self.held[name] = self._untouched(name)
        return holding

    def holdings(self) -> Iterator[Holding]:
        """Yield all holdings, made where that had to wait until now."""
        for name in self._names():
            yield self.holding(name)

    def look(self) -> dict[str, Holding]:
        """Return all holdings by bucket; those that have to wait still do, these are copies."""
        return {name: self.held.get(name) or self._untouched(name) for name in self._names()}

    def left(self, name: str) -> int:
        """Return the units available in bucket *name*; at least 1 while unknown."""
        holding = self.held.get(name)
        if holding is not None:
            return holding.left()
        bucket = self.stored.get(name)
        if bucket is None:
            return self.pool.fresh_left(name)
        remaining = bucket.remaining
        return max(0, remaining) if remaining != UNKNOWN else max(1, self.assumed(name))

    def known(self, name: str) -> bool:
        """Tell whether the units in bucket *name* are known."""
        if name in self.held:
            return self.held[name].known
        if name in self.stored:
            return self.stored[name].remaining != UNKNOWN
        return self.assumed(name) != UNKNOWN

    def capacity(self, name: str) -> int | None:
        """Return the units that bucket *name* holds when it is full, as far as known."""
        return self._total(name) or max(0, self.assumed(name)) or None

    def closed(self, buckets: Iterable[str]) -> bool:
        """Tell whether the account's plan does not have one of *buckets*."""
        return any(self._total(name) == 0 and not self.left(name) for name in buckets)

    def assumed(self, name: str) -> int:
        """Return what the pool assumes of bucket *name*."""
        return self.pool.assumed.get(name, UNKNOWN)

    def assumptions(self) -> set[str]:
        """Name the buckets of which only an assumption is known."""
        told = {name: self.held.get(name) or self.stored.get(name) for name in self._names()}
        return {name for name, one in told.items() if one is None or one.source == "default"}

    def exhausted(self) -> bool:
        """Tell whether no bucket has a unit left, and there are buckets."""
        empty = False
        for name in self._names():
            if self.left(name):
                return False
            empty = True
        return empty

    def due_at(self) -> float:
        """Tell when it cools down or refills next; `NEVER` if nothing is known to come."""
        due_at = NEVER if self.cool_until is None else self.cool_until
        for holding in self.held.values():
            if holding.refill_at is not None and holding.refill_at < due_at:
                due_at = holding.refill_at
        for name, bucket in self.stored.items():
            refill_at = stored_reset(bucket, self.loaded_at)
            if refill_at is not None and refill_at < due_at and name not in self.held:
                due_at = refill_at
        return due_at

    def due(self, at: Moment) -> list[str]:
        """Name the buckets whose window is over."""
        times = ((name, self._refill_at(name)) for name in self._timed())
        return [name for name, when in times if when is not None and when <= at.s]

    def returns_at(self, buckets: Iterable[str]) -> float | None:
        """Tell when a waiting token can serve *buckets* again; None: nobody knows."""
        back_at = 0.0 if self.cool_until is None else self.cool_until
        for name in buckets:
            if self.left(name):
                continue
            named_at = self._named_at(name)
            if named_at is None:
                return None
            back_at = max(back_at, named_at)
        return back_at

    def waits(self, buckets: Iterable[str], at: Moment) -> tuple[float, bool]:
        """Tell when the token can serve *buckets* again, and whether that is known."""
        back_at = self.returns_at(buckets)
        return (at.s, False) if back_at is None else (max(at.s, back_at), True)

    def _total(self, name: str) -> int | None:
        source = self.held.get(name) or self.stored.get(name)
        return None if source is None else source.total

    def _names(self) -> Iterable[str]:
        """Return the names of all buckets."""
        if not self.held and self.pool.assumed.keys() <= self.stored.keys():
            return self.stored
        return {**self.stored, **self.pool.assumed, **self.held}

    def _untouched(self, name: str) -> Holding:
        bucket = self.stored.get(name)
        if bucket is None:
            return self.pool.fresh(name)
        return Holding.load(bucket, self.assumed(name), self.loaded_at)

    def _bucket(self, name: str, at: Moment) -> Bucket:
        """Return the stored form of a bucket; one never touched is stored as it was."""
        if name not in self.held and name in self.stored:
            return self.stored[name]
        return self.holding(name).bucket(at)

    def _timed(self) -> Iterable[str]:
        """Return the names of the buckets that may refill."""
        return {**self.stored, **self.held} if self.held else self.stored

    def _refill_at(self, name: str) -> float | None:
        """Tell when a bucket refills, be it by our own patience."""
        held = self.held.get(name)
        if held is not None:
            return held.refill_at
        bucket = self.stored.get(name)
        return None if bucket is None else stored_reset(bucket, self.loaded_at)

    def _named_at(self, name: str) -> float | None:
        """Tell when a bucket refills, if the upstream has named that."""
        held = self.held.get(name)
        return None if held is not None and held.blind else self._refill_at(name)

    def _active_at(self) -> float | None:
        """Tell when a cooling token is active again: one bucket that refills is enough."""
        if self.cool_until is not None:
            return self.cool_until
        resets = map(self._named_at, self._timed())
        return min((reset for reset in resets if reset is not None), default=None)

    def _load_bar(self, state: TokenState, at: Moment) -> None:
        until_ms = state.cooldown_until_ms
        if state.status == "cooling" and state.state_reason != "quota" and until_ms is not None:
            self.bar = COOLING
            self.cool_until = at.s + min(max(0.0, (until_ms - at.ms) / 1000), COOL_CAP_S)
        else:
            self.bar = BARS.get(state.status, 0)
        self.reason = state.state_reason if self.bar else None


class Grant(Struct, eq=False, gc=False):
    """An open lease as the ledger sees it."""

    id: int
    """The ledger's sequence when it was granted: id and fence in one."""
    entry: Entry
    parts: dict[str, int]
    """Units reserved by bucket."""
    cost: int
    since: float
    """Monotonic seconds."""
    sent: bool = False


def _started_anew(buckets: Mapping[str, Bucket], now_ms: int) -> Mapping[str, Bucket]:
    """Refill the buckets whose window ended while the program did not run."""
    for bucket in buckets.values():
        if bucket.reset_at_ms is not None and bucket.reset_at_ms <= now_ms:
            return {
                name: refilled(one)
                if one.reset_at_ms is not None and one.reset_at_ms <= now_ms
                else one
                for name, one in buckets.items()
            }
    return buckets
