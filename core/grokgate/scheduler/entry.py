"""What the ledger knows of one token: a `Holding` per bucket, its health, its calls in flight.

Times inside the ledger are monotonic seconds, so that a jump of the wall clock changes nothing;
`Entry.load` and `Entry.state` translate from and to the Unix milliseconds that are stored.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from grokgate.scheduler.shelf import COOLING, DISABLED, EXPIRED, Shelf
from grokgate.tokens.record import Bucket, Status, TokenState
from grokgate.upstream import Window

COOL_CAP_S = 600.0
"""Longest cool-down after ambiguous faults."""
RESET_CAP_S = 86_400.0
"""Longest wait for a stored reset whose window length is not known."""
BLIND_WAIT_S = 3600.0
"""How long a bucket found empty without a reset time stays so, if no survey says otherwise."""
UNKNOWN = -1
NO_LIMIT = 1 << 30

_RECENT = 64
_BARS: Mapping[Status, int] = {"disabled": DISABLED, "expired": EXPIRED}


class Moment(NamedTuple):
    """One instant on both clocks."""

    s: float
    """Monotonic seconds."""
    ms: int
    """Unix milliseconds."""


class Holding:
    """What a token has left in one bucket: ``left = base - spent - open``, but never below 0.

    An unknown bucket keeps its last or assumed number as *base*, for ranking alone: it never
    counts as empty, and reservations take from it what they want.
    """

    __slots__ = (
        "base",
        "blind",
        "expired",
        "granted",
        "known",
        "open",
        "recent",
        "refill_at",
        "refunded",
        "settled",
        "source",
        "spent",
        "synced_at_ms",
        "total",
        "window_s",
    )

    def __init__(self, base: int, *, known: bool) -> None:
        self.base = base
        self.known = known
        self.spent = 0
        self.open = 0
        self.granted = 0
        self.settled = 0
        self.refunded = 0
        self.expired = 0
        self.total: int | None = None
        self.window_s: int | None = None
        self.refill_at: float | None = None
        self.blind = False
        """True: *refill_at* is our own patience, not a reset that the upstream named."""
        self.synced_at_ms: int | None = None
        self.source: Literal["default", "real", "estimated"] = "default"
        self.recent: list[tuple[int, int]] = []
        """Sequence and units of settlements that a survey under way may not have seen."""

    def left(self) -> int:
        """Return the units available; at least 1 while unknown."""
        left = self.base - self.spent - self.open
        if left > 0:
            return left
        return 0 if self.known else 1

    def reserve(self, units: int) -> int:
        """Take up to *units*; return what was taken."""
        taken = min(units, self.left()) if self.known else units
        self.open += taken
        self.granted += taken
        return taken

    def settle(self, reserved: int, charged: int) -> None:
        """End a reservation: *charged* of *reserved* is spent, the rest is given back."""
        self.open -= reserved
        self.spent += charged
        self.settled += charged
        self.refunded += reserved - charged

    def expire(self, reserved: int, *, sent: bool) -> None:
        """End a reservation nobody settled; what was *sent* counts as spent."""
        self.open -= reserved
        self.expired += reserved
        self.spent += reserved if sent else 0

    def note(self, sequence: int, units: int) -> None:
        """Remember a settlement; the oldest are merged, which deducts rather too much."""
        self.recent.append((sequence, units))
        if len(self.recent) > _RECENT:
            (_, first), (later, second) = self.recent[:2]
            self.recent[:2] = [(later, first + second)]

    def learn(self, window: Window, at: Moment, *, since: int) -> int:
        """Take over surveyed numbers; return by how many units they differ from ours.

        Reservations still open, and settlements after the ledger's sequence *since*, may be missing
        in them and are deducted (I2).
        """
        before = self.left() if self.known else None
        late = sum(units for sequence, units in self.recent if sequence > since)
        self.known = window.remaining != UNKNOWN
        self.spent = late
        self.base = max(0, window.remaining)
        self.total = window.total if window.total is None else max(window.total, window.remaining)
        self.window_s = window.window_s
        wait_s = window.reset_in_s if window.reset_in_s is not None else window.window_s
        self.refill_at = None if wait_s is None else at.s + max(0.0, wait_s)
        self.blind = False
        self.synced_at_ms = at.ms
        self.source = "real"
        return 0 if before is None else abs(before - self.left())

    def empty(self, until: float | None, *, blind: bool = False) -> None:
        """Set what is left to 0 until the monotonic second *until*; None: until a survey."""
        self.known = True
        self.base = self.spent = 0
        self.refill_at = until
        self.blind = blind

    def refill(self, assumed: int) -> None:
        """The window is over: as much as it holds, where that is known; else unknown."""
        self.known = self.total is not None
        self.base = max(0, self.total if self.total is not None else assumed)
        self.spent = 0
        self.refill_at = None
        self.blind = False
        self.source = "estimated"

    def bucket(self, at: Moment) -> Bucket:
        """Return the stored form."""
        known_reset = self.refill_at is not None and not self.blind
        return Bucket(
            remaining=self.left() if self.known else UNKNOWN,
            total=self.total,
            window_s=self.window_s,
            reset_at_ms=_wall_ms(self.refill_at, at) if known_reset else None,
            synced_at_ms=self.synced_at_ms,
            source=self.source,
        )

    @classmethod
    def load(cls, bucket: Bucket, assumed: int, at: Moment) -> "Holding":
        """Make one from its stored form; *assumed* ranks it while it is unknown."""
        known = bucket.remaining != UNKNOWN
        holding = cls(max(0, bucket.remaining if known else assumed), known=known)
        holding.total = bucket.total
        holding.window_s = bucket.window_s
        holding.synced_at_ms = bucket.synced_at_ms
        holding.source = bucket.source
        if bucket.reset_at_ms is not None:
            wait_s = (bucket.reset_at_ms - at.ms) / 1000
            holding.refill_at = at.s + min(max(0.0, wait_s), bucket.window_s or RESET_CAP_S)
        return holding


class Pool:
    """The tokens of one pool, by slot, and its shelves."""

    __slots__ = (
        "assumed",
        "census",
        "cooled",
        "free",
        "members",
        "name",
        "outlooks",
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
        self.shelves: dict[tuple[tuple[str, ...], frozenset[str]], Shelf] = {}
        self.shelves_of: dict[str, list[Shelf]] = {}
        """By bucket: the shelves that look at it."""
        self.outlooks: dict[Shelf, tuple[int, float | None, bool]] = {}
        """By shelf: its version, the earliest known return, whether some return is not known."""

    def fresh(self, bucket: str) -> Holding:
        """Make the holding of a token of which nothing is stored for *bucket* (F-TOK-05)."""
        assumed = self.assumed.get(bucket, UNKNOWN)
        return Holding(max(0, assumed), known=assumed != UNKNOWN)

    def fresh_left(self, bucket: str) -> int:
        """Return what `fresh` would have left."""
        assumed = self.assumed.get(bucket, UNKNOWN)
        return 1 if assumed == UNKNOWN else assumed


class Entry:
    """One token in the ledger."""

    __slots__ = (
        "bar",
        "consumed",
        "cool_level",
        "cool_until",
        "fail_count",
        "faults",
        "fence",
        "gone",
        "held",
        "id",
        "inflight",
        "kept",
        "last_fail_at_ms",
        "last_fail_reason",
        "last_sync_at_ms",
        "last_used_at_ms",
        "limit",
        "own_limit",
        "pool",
        "reason",
        "slot",
        "status",
        "surveys",
        "sync_count",
        "tags",
        "use_count",
    )

    def __init__(self, token: str, pool: Pool) -> None:
        self.id = token
        self.pool = pool
        self.slot = -1
        self.tags: frozenset[str] = frozenset()
        self.own_limit: int | None = None
        self.limit = 0
        """Calls in flight at most; always above 0."""
        self.held: dict[str, Holding] = {}
        self.inflight = 0
        self.fence = 0
        self.bar = 0
        """0, or the reason why no bucket matters: COOLING, EXPIRED or DISABLED."""
        self.status: Status = "active"
        self.reason: str | None = None
        self.cool_until: float | None = None
        self.cool_level = 0
        self.faults = 0
        """Timeouts and resets in a row."""
        self.fail_count = 0
        self.use_count = 0
        self.consumed = 0
        self.last_used_at_ms: int | None = None
        self.last_fail_at_ms: int | None = None
        self.last_fail_reason: str | None = None
        self.last_sync_at_ms: int | None = None
        self.sync_count = 0
        self.kept: Mapping[str, str] = {}
        self.surveys = 0
        """Surveys of this token that are under way."""
        self.gone = False
        """Deleted; forgotten when its last call has ended."""

    def load(self, state: TokenState, at: Moment) -> None:
        """Take over a stored state; stored times are clamped to their caps (I9)."""
        assumed = self.pool.assumed
        self.held = {
            name: Holding.load(bucket, assumed.get(name, UNKNOWN), at)
            for name, bucket in state.buckets.items()
        }
        for name in assumed.keys() - self.held.keys():
            self.held[name] = self.pool.fresh(name)
        self.bar = _BARS.get(state.status, 0)
        self.reason = state.state_reason if self.bar else None
        self.cool_level = state.cooldown_level
        until_ms = state.cooldown_until_ms
        if state.status == "cooling" and state.state_reason != "quota" and until_ms is not None:
            self.bar = COOLING
            self.reason = state.state_reason
            self.cool_until = at.s + min(max(0.0, (until_ms - at.ms) / 1000), COOL_CAP_S)
        self.use_count = state.use_count
        self.consumed = state.consumed
        self.fail_count = state.fail_count
        self.last_used_at_ms = state.last_used_at_ms
        self.last_fail_at_ms = state.last_fail_at_ms
        self.last_fail_reason = state.last_fail_reason
        self.last_sync_at_ms = state.last_sync_at_ms
        self.sync_count = state.sync_count
        self.kept = state.kept

    def state(self, at: Moment) -> TokenState:
        """Return the stored form."""
        cooling = self.status == "cooling"
        return TokenState(
            id=self.id,
            status=self.status,
            state_reason=self.reason if self.bar else ("quota" if cooling else None),
            buckets={name: holding.bucket(at) for name, holding in self.held.items()},
            cooldown_until_ms=_wall_ms(self._back_at(), at) if cooling else None,
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

    def waits(self, buckets: Iterable[str], at: Moment) -> tuple[float, bool]:
        """Tell when the token can serve *buckets* again, and whether that is known."""
        back_at = self.cool_until if self.cool_until is not None else at.s
        known = True
        for name in buckets:
            holding = self.held.get(name)
            if holding is None or holding.left() > 0:
                continue
            known = known and holding.refill_at is not None and not holding.blind
            back_at = max(back_at, holding.refill_at or at.s)
        return back_at, known

    def _back_at(self) -> float | None:
        """Tell when a cooling token is active again: one bucket that refills is enough."""
        if self.cool_until is not None:
            return self.cool_until
        resets = (held.refill_at for held in self.held.values() if not held.blind)
        return min((reset for reset in resets if reset is not None), default=None)


class Grant:
    """An open lease as the ledger sees it."""

    __slots__ = ("cost", "entry", "id", "parts", "sent", "since")

    def __init__(
        self, number: int, entry: Entry, parts: dict[str, int], cost: int, since: float
    ) -> None:
        self.id = number
        """The ledger's sequence when it was granted: id and fence in one."""
        self.entry = entry
        self.parts = parts
        """Units reserved by bucket."""
        self.cost = cost
        self.sent = False
        self.since = since
        """Monotonic seconds."""


def _wall_ms(at_s: float | None, now: Moment) -> int | None:
    return None if at_s is None else round(now.ms + (at_s - now.s) * 1000)
