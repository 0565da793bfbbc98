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
from grokgate.scheduler.shelf import COOLING, DISABLED, EXPIRED, MAX_RANK
from grokgate.upstream import Tier, Window

_FIRST_COOL_S = 30.0
_NOT_OFFERED = Window(remaining=0, total=0)


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
        self.sequence = number = self.sequence + 1
        entry.fence = number
        entry.inflight += 1
        entry.used_at = at.s
        entry.last_used_at_ms = at.ms
        parts: dict[str, int] = {}
        for name in buckets:
            holding = entry.held.get(name) or entry.holding(name)
            parts[name] = taken = holding.reserve(units)
            self.counts.granted += taken
        grant = self.open[number] = Grant(number, entry, parts, units, at.s)
        if entry.inflight == entry.limit:
            self.restate(entry, at)
        else:
            self._shift(entry, parts, at)
        if self._scored:
            self._used.append((at.s, entry))
            self.rest(at)
        return grant

    def sent(self, lease: int) -> None:
        """Note that the body of the call is going out."""
        grant = self.open.get(lease)
        if grant is not None and not grant.sent:
            grant.sent = True
            grant.entry.use_count += 1

    def settle(
        self, lease: int, *, units: int, unsure: bool = False, at: Moment | None = None
    ) -> Grant | None:
        """End a lease: charge *units*, give the rest back.

        Args:
            lease: Number of the grant.
            units: What the call cost; 0 refunds all, more than was reserved is counted.
            unsure: The outcome is not known: its buckets are unknown until the next survey.
            at: Now, for the time of a change of status.

        Returns:
            The grant, or None if it had ended before: then nothing changed.
        """
        grant = self.open.pop(lease, None)
        if grant is None:
            self.counts.rejected += 1
            return None
        if units > grant.cost:
            self.counts.overruns += 1
        entry = self._land(grant)
        charged, moved = self._charge(grant, units)
        entry.consumed += charged
        if unsure:
            for name in grant.parts:
                entry.held[name].known = False
        if entry.inflight + 1 >= entry.limit:
            self.restate(entry, at)
        elif moved or unsure:
            self._shift(entry, grant.parts, at)
        elif entry.pool.lively:
            self._place_lively(entry)
        if entry.gone:
            self._forget(entry)
        return grant

    def expire(self, lease: int, at: Moment | None = None) -> Grant | None:
        """End a lease that nobody settled: refunded if not sent, else charged and unknown."""
        grant = self.open.pop(lease, None)
        if grant is None:
            return None
        entry = self._land(grant)
        if grant.sent:
            entry.consumed += max(grant.parts.values(), default=0)
        for name, reserved in grant.parts.items():
            holding = entry.held[name]
            holding.expire(grant.id, reserved, sent=grant.sent)
            self.counts.expired += reserved
            if grant.sent:
                holding.known = False
                holding.note(self.sequence, reserved)
        self.restate(entry, at)
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
        unknown: frozenset[str] = frozenset(),
    ) -> None:
        """Take over quota numbers.

        Args:
            entry: The token they are about.
            windows: By bucket.
            at: Now.
            since: Sequence when the numbers were asked for; what was settled later is deducted.
            asked: A survey of these buckets: those it did not return are not in the account's
                plan (F-TOK-05), and those merely assumed that no model draws from now are empty.
                None: numbers seen in passing. If *since* is then the lease of the call that was
                told them, they count that call already, and its reservation is not deducted.
            unknown: Buckets that the survey could not ask for: nothing is changed about them.
        """
        heard = windows.keys() | unknown
        told = self.open.get(since) if asked is None else None
        parts = told.parts if told is not None and told.entry is entry else {}
        missing = {} if asked is None else dict.fromkeys(asked - heard, _NOT_OFFERED)
        for name, window in (*windows.items(), *missing.items()):
            self.counts.drift += entry.holding(name).learn(
                window,
                at,
                since=since,
                own=(since, parts[name]) if name in parts else (0, 0),
                assumed=entry.assumed(name),
            )
        if asked is not None:
            self.end_survey(entry)
            for name in entry.assumptions() - asked - heard:
                entry.holding(name).empty(None)
            entry.last_sync_at_ms = at.ms
            entry.sync_count += 1
            if entry.bar == COOLING and any(window.remaining > 0 for window in windows.values()):
                self._bar(entry, 0)
        self._times.plan(entry)
        self.restate(entry, at, "survey")

    def remember(self, entry: Entry, *, tier: Tier | None, kept: Mapping[str, str]) -> None:
        """Take over what else a survey told: the tier, if it did, and notes of the driver."""
        entry.tier = tier or entry.tier
        entry.kept = {**entry.kept, **kept}

    def empty(
        self,
        entry: Entry,
        buckets: Iterable[str],
        at: Moment,
        *,
        reset_in_s: float | None,
        evidence: str = "",
    ) -> None:
        """Set *buckets* to 0 for *reset_in_s*; None: until a survey, or an hour without one."""
        for name in buckets:
            wait_s = BLIND_WAIT_S if reset_in_s is None else bounded_wait(reset_in_s)
            entry.holding(name).empty(at.s + wait_s, blind=reset_in_s is None)
        self._times.plan(entry)
        self.restate(entry, at, evidence)

    def close(
        self, entry: Entry, buckets: Iterable[str], at: Moment | None = None, *, evidence: str = ""
    ) -> None:
        """Set *buckets* to 0 until the next survey: the account's plan does not have them."""
        for name in buckets:
            entry.holding(name).close()
        self.restate(entry, at, evidence)

    def doubt(self, entry: Entry) -> None:
        """Make all buckets of *entry* unknown: the program stopped while it was in use."""
        for holding in entry.holdings():
            holding.known = False
        self.restate(entry)

    def heal(self, entry: Entry) -> None:
        """Forget the faults of a token that has just answered (F-TOK-12)."""
        entry.last_fail_reason = None
        if entry.fail_count or entry.faults or entry.cool_level:
            entry.fail_count = entry.faults = entry.cool_level = 0
            self._place_lively(entry)

    def blame(self, entry: Entry, *, faults: int = 0, refusals: int = 0) -> None:
        """Count timeouts and resets (*faults*), or plain 401 (*refusals*), in a row."""
        entry.faults += faults
        entry.fail_count += refusals
        self._place_lively(entry)

    def fail(self, entry: Entry, reason: str, at: Moment) -> None:
        """Note a failure for display."""
        entry.last_fail_reason = reason
        entry.last_fail_at_ms = at.ms

    def cool(
        self, entry: Entry, reason: str, at: Moment, *, jitter: float, evidence: str = ""
    ) -> bool:
        """Take *entry* out for 30 s, doubled with every time in a row up to 10 min.

        Args:
            entry: An entry that is not out already, else nothing happens.
            reason: Machine word.
            at: Now.
            jitter: 0 to 1; lengthens the pause by up to a quarter.
            evidence: What was observed, for the operator.

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
        self._times.plan(entry)
        self.restate(entry, at, evidence)
        return True

    def retire(
        self, entry: Entry, reason: str, at: Moment | None = None, *, evidence: str = ""
    ) -> None:
        """Mark *entry* expired; only an operator brings it back. A disabled one stays disabled."""
        if entry.bar != DISABLED:
            self._bar(entry, EXPIRED)
            entry.reason = reason
            self.restate(entry, at, evidence)

    def _land(self, grant: Grant) -> Entry:
        self.sequence += 1
        grant.entry.inflight -= 1
        return grant.entry

    def _charge(self, grant: Grant, units: int) -> tuple[int, bool]:
        """Settle every part of *grant*; return what it cost, and whether something was given back.

        A survey under way, or one that a call in flight brings along, must learn of the charge.
        """
        entry, counts = grant.entry, self.counts
        watched = entry.inflight or entry.surveys
        most = back = 0
        for name, reserved in grant.parts.items():
            holding = entry.held[name]
            charged = holding.settle(grant.id, reserved, units)
            counts.settled += charged
            back += reserved - charged
            if charged > most:  # noqa: PLR1730 - max() takes longer than the line above
                most = charged
            if watched:
                holding.note(self.sequence, charged)
            elif holding.recent:
                holding.recent = ()
        counts.refunded += back
        return most, back > 0

    def _shift(self, entry: Entry, parts: Mapping[str, int], at: Moment | None) -> None:
        """Place *entry* anew after a reservation began or ended, most often on one shelf only.

        Where more than a rank changes, all that is known of it is derived anew. It is not busy.
        """
        if entry.status != "active":
            self.restate(entry, at)
            return
        pool = entry.pool
        for name in parts:
            left = entry.held[name].left()
            if not 0 < left < MAX_RANK:
                self.restate(entry, at)
                return
            for shelf in pool.shelves_of.get(name, ()):
                if not shelf.plain:
                    self._place(entry, shelf)
                elif not shelf.tags or shelf.tags <= entry.tags:
                    shelf.place(entry.slot, left)
        if pool.lively:
            self._place_lively(entry)
