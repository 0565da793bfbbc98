"""What the ledger knows of one token: its holdings, its health, its calls in flight; and of a pool.

Times are monotonic seconds; `Entry.load` and `Entry.state` translate from and to the Unix
milliseconds that are stored.
"""

from collections.abc import Iterable, Mapping

from grokgate.scheduler.holding import UNKNOWN, Holding, Moment, wall_ms
from grokgate.scheduler.shelf import COOLING, DISABLED, EXPIRED, Shelf
from grokgate.tokens.record import Status, TokenState

COOL_CAP_S = 600.0
"""Longest cool-down after ambiguous faults."""
NO_LIMIT = 1 << 30

_BARS: Mapping[Status, int] = {"disabled": DISABLED, "expired": EXPIRED}


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
            cooldown_until_ms=wall_ms(self._back_at(), at) if cooling else None,
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
