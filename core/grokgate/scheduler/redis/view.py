"""A process's copy of the shared ledger.

What happens in this process is applied to the copy at once, and told to the journal, which takes it
to the server. What comes back, and what other processes do, replaces whole tokens of the copy
(`adopt`). So the copy is never far off, and never asked where exactness matters: a reservation
counts only after the server has confirmed it. Until then its number is negative.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from grokgate.scheduler.entry import BARS, Entry, Grant
from grokgate.scheduler.holding import Holding, Moment
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.redis import operations as shared
from grokgate.scheduler.redis.rows import (
    LeaseRow,
    Row,
    holding_row,
    take_over,
    to_row,
    to_s,
    unpack,
)
from grokgate.scheduler.shelf import DISABLED
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import Tier, Window


class View(Ledger):
    """A `Ledger` that tells what it does.

    Args:
        max_inflight: Calls in flight per token; 0: no cap.
        journal: Told of every operation that the shared ledger is to repeat.
    """

    def __init__(self, *, max_inflight: int, journal: Callable[[shared.Operation], None]) -> None:
        super().__init__(max_inflight=max_inflight)
        self._journal = journal
        self._quiet = False
        self._provisional = 0
        self._leases: dict[str, dict[str, LeaseRow]] = {}
        """By token and fence: open leases of all processes."""
        self._revisions: dict[str, int] = {}
        self._records: dict[str, int] = {}
        """By token: revision of the record that was told last, by us or by the ledger."""

    # -- what the server says ----------------------------------------------------------------

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Tell the journal nothing inside."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def adopt(self, token: str, packed: bytes, at: Moment) -> bool:
        """Take over a row, unless it is older than what is known; then return False.

        Args:
            token: Short id; one that this process has no record of is passed over.
            packed: The row; empty: the token is gone.
            at: Now, by the server's clock.
        """
        entry = self.entries.get(token)
        if entry is None:
            return True
        if not packed:
            self._vanish(entry)
            return True
        row = unpack(packed)
        known = self._revisions.get(token, 0)
        if row.revision < known:
            return False
        known_as_stored = not (entry.held or entry.inflight) and entry.bar == row.bar
        if row.revision or not known_as_stored:  # else it is as it was stored, and so is ours
            self._replace(entry, row, at)
        return True

    def advance(self, sequence: int) -> None:
        """Note how far the shared ledger's sequence is, at least."""
        self.sequence = max(self.sequence, sequence)

    def confirm(self, lease: int, fence: int) -> Grant | None:
        """Make a provisional lease one of the shared ledger; None: it has ended meanwhile."""
        grant = self.open.pop(lease, None)
        if grant is None:
            return None
        grant.id = fence
        self.open[fence] = grant
        known = self._leases.get(grant.entry.id, {}).get(str(fence))
        if known is not None:
            more = sum(known.parts.values()) - sum(grant.parts.values())
            self.counts.granted += more
            grant.parts = dict(known.parts)
        return grant

    def drop(self, lease: int) -> Grant | None:
        """Forget a lease that the shared ledger does not have, or has no more."""
        grant = self.open.pop(lease, None)
        if grant is not None:
            self.counts.refunded += sum(grant.parts.values())
        return grant

    def row(self, entry: Entry, at: Moment) -> Row:
        """Return the row of *entry*, with the leases of all processes."""
        row = to_row(entry, self._leases.get(entry.id, {}), at)
        row.revision = self._revisions.get(entry.id, 0)
        row.record = self._records.get(entry.id, 0)
        return row

    def tell_of(self, record: TokenRecord) -> None:
        """Note that what comes next is told of this state of a record."""
        self._records[record.id] = record.revision

    # -- what this process does --------------------------------------------------------------

    def put(self, record: TokenRecord, at: Moment) -> Entry:
        """Add a token as it is stored; of one that is there already only revise the record."""
        self.tell_of(record)
        entry = super().put(record, at)
        if not self._quiet:
            self._journal(shared.Put(token=entry.id, row=self.row(entry, at)))
        return entry

    def override(
        self,
        entry: Entry,
        before: TokenState,
        after: TokenState,
        at: Moment,
        *,
        late: int | None = None,
    ) -> None:
        """Apply what an operator changed in a stored state; what he left alone stays ours.

        Args:
            entry: Whose.
            before: What was stored.
            after: What is.
            at: Now.
            late: Revision of a record that another process edited, which may have told the ledger;
                None: it was edited here.
        """
        super().override(entry, before, after, at)
        changed = {
            name: holding_row(Holding.load(bucket, entry.assumed(name), at), at)
            for name, bucket in after.buckets.items()
            if bucket != before.buckets.get(name)
        }
        same_bar = (after.status, after.cooldown_until_ms) == (
            before.status,
            before.cooldown_until_ms,
        )
        bar = None if same_bar else BARS.get(after.status, 0)
        if changed or bar is not None:
            reason = after.state_reason if bar else None
            self._tell(
                shared.Override(
                    token=entry.id,
                    bar=bar,
                    reason=reason,
                    held=changed,
                    record=self._records.get(entry.id, 0) if late is None else late,
                    late=late is not None,
                )
            )

    def remove(self, token: str) -> None:
        """Stop leasing *token*; its open leases may still end."""
        super().remove(token)
        self._tell(shared.Remove(token=token, record=self._records.get(token, 0)))

    def reserve(self, entry: Entry, buckets: tuple[str, ...], units: int, at: Moment) -> Grant:
        """Lease *entry* provisionally: its number is negative until `confirm`."""
        known = self.sequence
        grant = super().reserve(entry, buckets, units, at)
        self.sequence = known
        del self.open[grant.id]
        self._provisional -= 1
        grant.id = self._provisional
        self.open[grant.id] = grant
        return grant

    def sent(self, lease: int) -> None:
        """Note that the body of the call is going out."""
        grant = self.open.get(lease)
        if grant is not None and not grant.sent:
            super().sent(lease)
            self._tell(shared.Sent(token=grant.entry.id, fence=lease))

    def settle(
        self, lease: int, *, units: int, unsure: bool = False, at: Moment | None = None
    ) -> Grant | None:
        """End a lease: charge *units*, give the rest back."""
        if lease < 0 and lease not in self.open:
            return None  # the token it was meant for has gone before the server was asked
        grant = super().settle(lease, units=units, unsure=unsure, at=at)
        if grant is not None and lease > 0:
            self._ended(grant)
            self._tell(shared.Settle(token=grant.entry.id, fence=lease, units=units, unsure=unsure))
        return grant

    def expire(self, lease: int, at: Moment | None = None) -> Grant | None:
        """End a lease that nobody settled: refunded if not sent, else charged and unknown."""
        grant = super().expire(lease, at)
        if grant is not None and lease > 0:
            self._ended(grant)
            self._tell(shared.Expire(token=grant.entry.id, fence=lease))
        return grant

    def survey(self, entry: Entry) -> int:
        """Note that a survey begins; return the sequence to give to `learn`.

        It may be a little behind, which deducts rather too much.
        """
        self._tell(shared.Survey(token=entry.id, by=1))
        return super().survey(entry)

    def end_survey(self, entry: Entry) -> None:
        """Note that a survey has ended."""
        super().end_survey(entry)
        self._tell(shared.Survey(token=entry.id, by=-1))

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
        """Take over quota numbers."""
        with self.quiet():
            super().learn(entry, windows, at, since=since, asked=asked, unknown=unknown)
        if windows or asked is not None:
            self._tell(
                shared.Learn(
                    token=entry.id,
                    windows=windows,
                    since=since,
                    asked=None if asked is None else tuple(asked),
                    unknown=tuple(unknown),
                )
            )

    def remember(self, entry: Entry, *, tier: Tier | None, kept: Mapping[str, str]) -> None:
        """Take over what else a survey told."""
        super().remember(entry, tier=tier, kept=kept)
        self._tell(shared.Remember(token=entry.id, tier=tier, kept=kept))

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
        names = tuple(buckets)
        super().empty(entry, names, at, reset_in_s=reset_in_s, evidence=evidence)
        self._tell(
            shared.Empty(token=entry.id, buckets=names, reset_in_s=reset_in_s, evidence=evidence)
        )

    def close(
        self, entry: Entry, buckets: Iterable[str], at: Moment | None = None, *, evidence: str = ""
    ) -> None:
        """Set *buckets* to 0 until the next survey: the account's plan does not have them."""
        names = tuple(buckets)
        super().close(entry, names, at, evidence=evidence)
        self._tell(shared.Empty(token=entry.id, buckets=names, closed=True, evidence=evidence))

    def doubt(self, entry: Entry) -> None:
        """Make all buckets of *entry* unknown."""
        super().doubt(entry)
        self._tell(shared.Doubt(token=entry.id))

    def heal(self, entry: Entry) -> None:
        """Forget the faults of a token that has just answered."""
        if entry.last_fail_reason or entry.fail_count or entry.faults or entry.cool_level:
            super().heal(entry)
            self._tell(shared.Heal(token=entry.id))

    def blame(self, entry: Entry, *, faults: int = 0, refusals: int = 0) -> None:
        """Count timeouts and resets (*faults*), or plain 401 (*refusals*), in a row."""
        super().blame(entry, faults=faults, refusals=refusals)
        self._tell(shared.Blame(token=entry.id, faults=faults, refusals=refusals))

    def fail(self, entry: Entry, reason: str, at: Moment) -> None:
        """Note a failure for display."""
        super().fail(entry, reason, at)
        self._tell(shared.Fail(token=entry.id, reason=reason))

    def cool(
        self, entry: Entry, reason: str, at: Moment, *, jitter: float, evidence: str = ""
    ) -> bool:
        """Take *entry* out for a while, unless half of the pool is out already."""
        cooled = super().cool(entry, reason, at, jitter=jitter, evidence=evidence)
        if cooled:
            self._tell(shared.Cool(token=entry.id, reason=reason, jitter=jitter, evidence=evidence))
        return cooled

    def retire(
        self, entry: Entry, reason: str, at: Moment | None = None, *, evidence: str = ""
    ) -> None:
        """Mark *entry* expired; only an operator brings it back."""
        super().retire(entry, reason, at, evidence=evidence)
        self._tell(shared.Retire(token=entry.id, reason=reason, evidence=evidence))

    # -- inside ------------------------------------------------------------------------------

    def _tell(self, operation: shared.Operation) -> None:
        if not self._quiet:
            self._journal(operation)

    def _land(self, grant: Grant) -> Entry:
        grant.entry.inflight -= 1
        return grant.entry

    def _ended(self, grant: Grant) -> None:
        self._leases.get(grant.entry.id, {}).pop(str(grant.id), None)

    def _replace(self, entry: Entry, row: Row, at: Moment) -> None:
        if row.last_used_at_ms not in {None, entry.last_used_at_ms}:
            self._note_use(entry, row, at)
        take_over(entry, row, at)
        # A row from before our removal, of which the server has not been told yet, ends nothing.
        entry.gone = entry.gone or row.gone
        self._bar(entry, DISABLED if entry.gone else row.bar)
        entry.reason = row.reason
        entry.cool_until = to_s(row.cool_until_ms, at)
        self._leases[entry.id], self._revisions[entry.id] = row.leases, row.revision
        self._records[entry.id] = max(row.record, self._records.get(entry.id, 0))
        self._times.plan(entry)
        self.restate(entry)

    def _note_use(self, entry: Entry, row: Row, at: Moment) -> None:
        used_at = to_s(row.last_used_at_ms, at)
        if used_at is not None and used_at > (entry.used_at or 0.0):
            entry.used_at = used_at
            if self._scored:
                self._used.append((used_at, entry))

    def _vanish(self, entry: Entry) -> None:
        """Forget a token that has been removed, and whose last call has ended."""
        for lease in [number for number, grant in self.open.items() if grant.entry is entry]:
            self.drop(lease)
        entry.inflight = 0
        entry.gone = True
        self._forget(entry)
        self._leases.pop(entry.id, None)
        self._revisions.pop(entry.id, None)
        self._records.pop(entry.id, None)
