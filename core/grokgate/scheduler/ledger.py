"""The ledger: which token has how many units left, which leases are open, who is out of service.

1. `reserve` takes the units of a call from every bucket it draws from and counts it in flight.
2. `sent` notes that the outcome may be unknown from now on.
3. `settle` charges what is due and gives the rest back; `expire` ends what nobody settled.
4. `learn` takes over surveyed numbers without forgetting younger reservations (I2).
5. `drain` brings back what has cooled down or refilled; callers do so before they pick.

Pure: no clock, no lock, no randomness. A lease ends once; a second end changes nothing and is
counted. `audit` states the invariants.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from grokgate.scheduler.entry import COOL_CAP_S, Entry, Grant
from grokgate.scheduler.holding import BLIND_WAIT_S, Moment, bounded_wait
from grokgate.scheduler.roster import Roster
from grokgate.scheduler.shelf import COOLING, DISABLED, EXPIRED
from grokgate.upstream import Window

_FIRST_COOL_S = 30.0
_NOTHING_LEFT = Window(remaining=0)


class Counts(Struct):
    """What happened since the start, for metrics."""

    granted: int = 0
    """Units reserved, over all buckets."""
    settled: int = 0
    refunded: int = 0
    expired: int = 0
    rejected: int = 0
    """Ends of leases that had ended before (I3)."""
    overruns: int = 0
    """Calls that cost more than was reserved for them."""
    drift: int = 0
    """Units by which surveys disagreed with the ledger."""


class Ledger(Roster):
    """Units and leases of all tokens of one home. Not for use from several threads."""

    def __init__(self, *, max_inflight: int) -> None:
        super().__init__(max_inflight=max_inflight)
        self.open: dict[int, Grant] = {}
        self.counts = Counts()

    def reserve(self, entry: Entry, buckets: tuple[str, ...], units: int, at: Moment) -> Grant:
        """Lease *entry* for a call that takes *units* from each of *buckets*.

        The entry must be a candidate on the shelf of *buckets* (I4).
        """
        assert not entry.bar
        assert entry.inflight < entry.limit
        self.sequence += 1
        entry.fence = self.sequence
        entry.inflight += 1
        entry.last_used_at_ms = at.ms
        parts = {name: self._holding(entry, name).reserve(units) for name in buckets}
        grant = self.open[self.sequence] = Grant(self.sequence, entry, parts, units, at.s)
        self.counts.granted += sum(parts.values())
        self._shift(entry, parts, turned=entry.inflight == entry.limit)
        return grant

    def sent(self, lease: int) -> None:
        """Note that the body of the call is going out."""
        grant = self.open.get(lease)
        if grant is not None and not grant.sent:
            grant.sent = True
            grant.entry.use_count += 1

    def settle(self, lease: int, *, units: int, unsure: bool = False) -> Grant | None:
        """End a lease: charge *units*, give the rest back.

        Args:
            lease: Number of the grant.
            units: What the call cost; 0 refunds all, more than was reserved is counted.
            unsure: The outcome is not known: its buckets are unknown until the next survey.

        Returns:
            The grant, or None if it had ended before: then nothing changed.
        """
        grant = self.open.pop(lease, None)
        if grant is None:
            self.counts.rejected += 1
            return None
        self.counts.overruns += units > grant.cost
        entry = self._land(grant)
        watched = entry.inflight > 0 or entry.surveys > 0
        most = refunded = settled = 0
        for name, reserved in grant.parts.items():
            charged = min(units, reserved)
            holding = entry.held[name]
            holding.settle(reserved, charged)
            settled += charged
            refunded += reserved - charged
            most = max(most, charged)
            if unsure:
                holding.known = False
            if not watched:
                holding.recent.clear()
            elif charged:
                holding.note(self.sequence, charged)
        self.counts.settled += settled
        self.counts.refunded += refunded
        entry.consumed += most
        self._shift(entry, grant.parts, turned=entry.inflight + 1 == entry.limit)
        if entry.gone:
            self._forget(entry)
        return grant

    def expire(self, lease: int) -> Grant | None:
        """End a lease that nobody settled: refunded if not sent, else charged and unknown."""
        grant = self.open.pop(lease, None)
        if grant is None:
            return None
        entry = self._land(grant)
        for name, reserved in grant.parts.items():
            holding = entry.held[name]
            holding.expire(reserved, sent=grant.sent)
            holding.known = holding.known and not grant.sent
            self.counts.expired += reserved
        self._place_all(entry)
        self.restate(entry)
        self._forget(entry)
        return grant

    def survey(self, entry: Entry) -> int:
        """Note that a survey begins; return the sequence to give to `learn`."""
        entry.surveys += 1
        return self.sequence

    def end_survey(self, entry: Entry) -> None:
        """Note that a survey has ended; `learn` does so itself."""
        entry.surveys = max(0, entry.surveys - 1)

    def learn(
        self,
        entry: Entry,
        windows: Mapping[str, Window],
        at: Moment,
        *,
        since: int,
        asked: frozenset[str] | None = None,
    ) -> None:
        """Take over quota numbers.

        Args:
            entry: The token they are about.
            windows: By bucket.
            at: Now.
            since: Sequence when the numbers were asked for; what was settled later is deducted.
            asked: A survey of these buckets: those it did not return are empty (F-TOK-05). None:
                numbers seen in passing.
        """
        missing = {} if asked is None else dict.fromkeys(asked - windows.keys(), _NOTHING_LEFT)
        for name, window in (*windows.items(), *missing.items()):
            holding = self._holding(entry, name)
            self.counts.drift += holding.learn(window, at, since=since)
        if asked is not None:
            self.end_survey(entry)
            entry.last_sync_at_ms = at.ms
            entry.sync_count += 1
            if entry.bar == COOLING and any(window.remaining for window in windows.values()):
                self._bar(entry, 0)
        self._plan_all(entry)
        self.restate(entry)

    def empty(
        self, entry: Entry, buckets: Iterable[str], at: Moment, *, reset_in_s: float | None
    ) -> None:
        """Set *buckets* to 0 for *reset_in_s*; None: until a survey, or an hour without one."""
        for name in buckets:
            wait_s = BLIND_WAIT_S if reset_in_s is None else bounded_wait(reset_in_s)
            self._holding(entry, name).empty(at.s + wait_s, blind=reset_in_s is None)
        self._plan_all(entry)
        self.restate(entry)

    def close(self, entry: Entry, buckets: Iterable[str]) -> None:
        """Set *buckets* to 0 until the next survey: the account's plan does not have them."""
        for name in buckets:
            self._holding(entry, name).empty(None)
        self.restate(entry)

    def doubt(self, entry: Entry) -> None:
        """Make all buckets of *entry* unknown: the program stopped while it was in use."""
        for holding in entry.held.values():
            holding.known = False
        self.restate(entry)

    def heal(self, entry: Entry) -> None:
        """Forget the faults of a token that has just answered (F-TOK-12)."""
        entry.fail_count = entry.faults = entry.cool_level = 0
        entry.last_fail_reason = None

    def fail(self, entry: Entry, reason: str, at: Moment) -> None:
        """Note a failure for display."""
        entry.last_fail_reason = reason
        entry.last_fail_at_ms = at.ms

    def cool(self, entry: Entry, reason: str, at: Moment, *, jitter: float) -> bool:
        """Take *entry* out for 30 s, doubled with every time in a row up to 10 min.

        Args:
            entry: An entry that is not out already, else nothing happens.
            reason: Machine word.
            at: Now.
            jitter: 0 to 1; lengthens the pause by up to a quarter.

        Returns:
            False if half of the pool cools already: faults that hit so many are not the accounts'.
        """
        pool = entry.pool
        if entry.bar or (pool.cooled + 1) * 2 > pool.census["active"] + pool.census["cooling"]:
            return False
        pause_s = _FIRST_COOL_S * 2 ** min(entry.cool_level, 10) * (1 + jitter / 4)
        self._bar(entry, COOLING)
        entry.cool_level += 1
        entry.reason = reason
        entry.cool_until = at.s + min(COOL_CAP_S, pause_s)
        self._plan(entry.cool_until, entry)
        self.restate(entry)
        return True

    def retire(self, entry: Entry, reason: str) -> None:
        """Mark *entry* expired; only an operator brings it back. A disabled one stays disabled."""
        if entry.bar != DISABLED:
            self._bar(entry, EXPIRED)
            entry.reason = reason
            self.restate(entry)

    def _land(self, grant: Grant) -> Entry:
        self.sequence += 1
        grant.entry.inflight -= 1
        return grant.entry
