"""What a token has left in one quota window, and the two clocks it is told by.

Times inside the ledger are monotonic seconds, so that a jump of the wall clock changes nothing;
`Holding.load` and `Holding.bucket` translate from and to the Unix milliseconds that are stored.
"""

from typing import Literal, NamedTuple

from msgspec import Struct

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


class Holding(Struct, eq=False, gc=False):
    """What a token has left in one bucket: ``left = base - spent - open``, but never below 0.

    An unknown bucket keeps its last or assumed number as *base*, for ranking alone: it never
    counts as empty, and reservations take from it what they want.
    """

    base: int
    known: bool
    spent: int = 0
    open: int = 0
    recent: tuple[tuple[int, int], ...] = ()
    """Sequence and units of settlements that a survey under way may not have seen."""
    counted: int = 0
    """The open lease that *base* includes: the upstream's numbers came with its answer."""
    granted: int = 0
    settled: int = 0
    refunded: int = 0
    expired: int = 0
    total: int | None = None
    """Units in a full window; None: nobody knows, 0: the account's plan does not have it."""
    window_s: int | None = None
    refill_at: float | None = None
    blind: bool = False
    """True: *refill_at* is our own patience, not a reset that the upstream named."""
    synced_at_ms: int | None = None
    source: Literal["default", "real", "estimated"] = "default"

    def left(self) -> int:
        """Return the units available; at least 1 while unknown."""
        left = self.base - self.spent - self.open
        if left > 0:
            return left
        return 0 if self.known else 1

    def reserve(self, units: int) -> int:
        """Take up to *units*; return what was taken."""
        if self.known:
            left = self.base - self.spent - self.open
            if left < units:
                units = max(0, left)
        self.open += units
        self.granted += units
        return units

    def settle(self, lease: int, reserved: int, units: int) -> int:
        """End a reservation: up to *units* of *reserved* are spent, the rest is given back.

        Returns:
            The units spent.
        """
        charged = units if units < reserved else reserved  # noqa: FURB136 - min() costs as much as the rest
        self.open -= reserved
        self.spent += charged
        self.settled += charged
        if charged != reserved:
            self.refunded += reserved - charged
            self._given_back(lease, reserved - charged)
        return charged

    def expire(self, lease: int, reserved: int, *, sent: bool) -> None:
        """End a reservation nobody settled; what was *sent* counts as spent."""
        self.open -= reserved
        self.expired += reserved
        if sent:
            self.spent += reserved
        else:
            self._given_back(lease, reserved)

    def note(self, sequence: int, units: int) -> None:
        """Remember a settlement; the oldest are merged, which deducts rather too much."""
        if not units:
            return
        kept = self.recent
        if len(kept) == _RECENT:
            (_, first), (later, second), *others = kept
            kept = ((later, first + second), *others)
        self.recent = (*kept, (sequence, units))

    def learn(
        self,
        window: Window,
        at: Moment,
        *,
        since: int,
        own: tuple[int, int] = (0, 0),
        assumed: int = 0,
    ) -> int:
        """Take over surveyed numbers; return by how many units they differ from ours.

        Reservations still open, and settlements after the ledger's sequence *since*, may be missing
        in them and are deducted (I2).

        Args:
            window: The numbers.
            at: Now.
            since: Sequence when they were asked for.
            own: The open lease of the call that was told them, and its units: they count as used
                already.
            assumed: Ranks the bucket where the upstream does not know its number.
        """
        before = self.left() if self.known else None
        late = sum(units for sequence, units in self.recent if sequence > since)
        self.known = window.remaining != UNKNOWN
        self.spent = late
        self.counted, told = own
        self.base = max(0, window.remaining if self.known else assumed) + told
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
        self.base = self.spent = self.counted = 0
        self.refill_at = until
        self.blind = blind

    def close(self) -> None:
        """Set what is left to 0 until a survey: the account's plan does not have this bucket."""
        self.empty(None)
        self.total = 0

    def refill(self, assumed: int) -> None:
        """The window is over: as much as it holds, where that is known; else unknown.

        After a wait that nobody named (*blind*) it is unknown whether the window is over.
        """
        self.known = self.total is not None and not self.blind
        self.base = max(0, self.total if self.total is not None else assumed)
        self.spent = self.counted = 0
        self.refill_at = None
        self.blind = False
        self.source = "estimated"

    def replace(self, loaded: "Holding") -> None:
        """Take over an operator's numbers; what is open stays reserved."""
        self.known, self.total, self.window_s = loaded.known, loaded.total, loaded.window_s
        self.base, self.spent, self.counted = loaded.base + self.open, 0, 0
        self.refill_at, self.blind, self.source = loaded.refill_at, False, loaded.source
        self.synced_at_ms = loaded.synced_at_ms

    def bucket(self, at: Moment) -> Bucket:
        """Return the stored form."""
        named_at = None if self.blind else self.refill_at
        return Bucket(
            remaining=self.left() if self.known else UNKNOWN,
            total=self.total,
            window_s=self.window_s,
            reset_at_ms=wall_ms(named_at, at),
            synced_at_ms=self.synced_at_ms,
            source=self.source,
        )

    def _given_back(self, lease: int, units: int) -> None:
        """Take *units* out of numbers that had counted them as used, though they were not."""
        if self.counted == lease:
            self.base -= units

    @classmethod
    def load(cls, bucket: Bucket, assumed: int, at: Moment) -> "Holding":
        """Make one from its stored form; *assumed* ranks it while it is unknown."""
        known = bucket.remaining != UNKNOWN
        return cls(
            max(0, bucket.remaining if known else assumed),
            known,
            total=bucket.total,
            window_s=bucket.window_s,
            refill_at=stored_reset(bucket, at),
            synced_at_ms=bucket.synced_at_ms,
            source=bucket.source,
        )


def stored_reset(bucket: Bucket, at: Moment) -> float | None:
    """Return the monotonic second of a stored reset; no later than a window from now (I9)."""
    if bucket.reset_at_ms is None:
        return None
    wait_s = (bucket.reset_at_ms - at.ms) / 1000
    longest_s = bucket.window_s or RESET_CAP_S
    return at.s + (0.0 if wait_s < 0 else min(longest_s, wait_s))


def refilled(bucket: Bucket) -> Bucket:
    """Return what a bucket is stored as once its window is over."""
    return Bucket(
        remaining=UNKNOWN if bucket.total is None else bucket.total,
        total=bucket.total,
        window_s=bucket.window_s,
        synced_at_ms=bucket.synced_at_ms,
        source="estimated",
    )


def bounded_wait(wait_s: float) -> float:
    """Return *wait_s* as something to count with, whatever an upstream may have said."""
    return max(0.0, min(LONGEST_RESET_S, wait_s))


def wall_ms(at_s: float | None, now: Moment) -> int | None:
    """Return a monotonic second as Unix milliseconds; None stays None."""
    return None if at_s is None else round(now.ms + (at_s - now.s) * 1000)
