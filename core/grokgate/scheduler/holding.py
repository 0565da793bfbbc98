"""What a token has left in one quota window, and the two clocks it is told by.

Times inside the ledger are monotonic seconds, so that a jump of the wall clock changes nothing;
`Holding.load` and `Holding.bucket` translate from and to the Unix milliseconds that are stored.
"""

from typing import Literal, NamedTuple

from grokgate.tokens.record import Bucket
from grokgate.upstream import Window

RESET_CAP_S = 86_400.0
"""Longest wait for a stored reset whose window length is not known."""
LONGEST_RESET_S = 31 * 86_400.0
"""Longest wait that is believed when the upstream names it."""
BLIND_WAIT_S = 3600.0
"""How long a bucket found empty without a reset time stays so, if no survey says otherwise."""
UNKNOWN = -1

_RECENT = 64


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
        self.refill_at = None if wait_s is None else at.s + bounded_wait(wait_s)
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
            reset_at_ms=wall_ms(self.refill_at, at) if known_reset else None,
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


def bounded_wait(wait_s: float) -> float:
    """Return *wait_s* as something to count with, whatever an upstream may have said."""
    return max(0.0, min(LONGEST_RESET_S, wait_s))


def wall_ms(at_s: float | None, now: Moment) -> int | None:
    """Return a monotonic second as Unix milliseconds; None stays None."""
    return None if at_s is None else round(now.ms + (at_s - now.s) * 1000)
