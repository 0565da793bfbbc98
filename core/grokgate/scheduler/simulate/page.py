"""One account in the second set of books, with a line for every bucket."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Want
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import Window

Bar: TypeAlias = Literal["cooling", "expired", "disabled"]

UNKNOWN = -1
LONGEST_S = 31 * 86_400.0
"""A reset later than this is not believed."""


class Line:
    """One bucket of one account."""

    __slots__ = (
        "base",
        "blind",
        "counted",
        "guessed",
        "known",
        "late",
        "open",
        "refill_at",
        "spent",
        "total",
    )

    def __init__(self, base: int, *, known: bool) -> None:
        self.base = base
        self.known = known
        self.spent = 0
        self.open = 0
        self.total: int | None = None
        self.refill_at: float | None = None
        self.counted = 0
        """The open lease that the base includes: its own answer brought the numbers along."""
        self.blind = False
        """*refill_at* is patience, not a reset that the upstream named; it is not stored."""
        self.guessed = False
        """The window has ended since the last survey: what is left of the new one is a guess."""
        self.late: list[tuple[int, int]] = []
        """Charges and their positions in the books."""

    def left(self) -> int:
        """Return what may still be reserved (I1); at least 1 while nobody knows."""
        return max(0, self.base - self.spent - self.open) or (0 if self.known else 1)

    def shown(self) -> int:
        """Return what is stored."""
        return self.left() if self.known else UNKNOWN

    def learn(self, window: Window, at: Moment, *, late: int) -> None:
        """Believe what was said, less what was charged since it was asked for (I2)."""
        self.known = window.remaining != UNKNOWN
        self.base = max(0, window.remaining)
        self.counted = 0
        self.guessed = False
        self.spent = late
        self.total = None if window.total is None else max(window.total, window.remaining)
        wait_s = window.window_s if window.reset_in_s is None else window.reset_in_s
        self.refill_at = None if wait_s is None else at.s + max(0.0, min(LONGEST_S, wait_s))
        self.blind = False

    def set_empty(self, until: float | None, *, blind: bool) -> None:
        """Nothing is left until then."""
        self.known, self.base, self.spent, self.counted = True, 0, 0, 0
        self.refill_at, self.blind = until, blind

    def refill(self, assumed: int) -> None:
        """The window is over."""
        self.guessed = True
        self.known = self.total is not None and not self.blind
        self.base = max(0, assumed if self.total is None else self.total)
        self.spent, self.refill_at, self.blind, self.counted = 0, None, False, 0


class Page:
    """One account."""

    __slots__ = (
        "assumed",
        "bar",
        "fails",
        "fence",
        "gone",
        "inflight",
        "level",
        "limit",
        "lines",
        "moved",
        "pool",
        "tags",
        "token",
        "until",
        "upstream",
    )

    def __init__(self, record: TokenRecord, assumed: Mapping[str, int]) -> None:
        self.token = record.id
        self.upstream = record.upstream
        self.assumed = assumed
        self.lines: dict[str, Line] = {}
        self.pool = record.pool
        self.tags: frozenset[str] = frozenset()
        self.limit = 0
        self.bar: Bar | None = None
        self.until = 0.0
        """Monotonic seconds; while cooling."""
        self.level = 0
        self.fails = 0
        self.inflight = 0
        self.fence = 0
        self.gone = False
        self.moved = False
        """It is in another pool than at first."""

    def line(self, bucket: str) -> Line:
        """Return a bucket; one of which nothing is known is as its pool assumes (F-TOK-05)."""
        if bucket not in self.lines:
            self.assume(bucket, self.assumed.get(bucket, UNKNOWN))
        return self.lines[bucket]

    def assume(self, bucket: str, units: int) -> None:
        """Begin a bucket with a guess."""
        self.lines[bucket] = Line(max(0, units), known=units != UNKNOWN)

    def left(self, bucket: str) -> int:
        """Return what may still be reserved of *bucket*."""
        line = self.lines.get(bucket)
        if line is None:
            assumed = self.assumed.get(bucket, UNKNOWN)
            return 1 if assumed == UNKNOWN else assumed
        return line.left()

    def status(self) -> str:
        """Return the status (F-TOK-11)."""
        if self.bar is not None:
            return self.bar
        names = self.buckets()
        return "cooling" if names and not any(map(self.left, names)) else "active"

    def buckets(self) -> set[str]:
        """Return the buckets it has, those included of which nothing is known yet."""
        return {*self.lines, *self.assumed}

    def shown(self, bucket: str) -> int:
        """Return what is stored of *bucket*."""
        line = self.lines.get(bucket)
        return self.assumed.get(bucket, UNKNOWN) if line is None else line.shown()

    def unfit(self, want: Want) -> str | None:
        """Return why the account may not serve a call (I4); busy comes last."""
        if self.upstream != want.upstream:
            return "another upstream"
        if want.only is not None and want.only != self.token:
            return "another account"
        if want.only is None and self.pool not in want.pools:
            return "another pool"
        if not self.tags.issuperset(want.require_tags):
            return "untagged"
        if self.token in want.tried:
            return "tried"
        if self.bar is not None:
            return self.bar
        if not all(self.left(name) for name in want.buckets):
            return "empty"
        return "busy" if self.inflight >= self.limit else None
