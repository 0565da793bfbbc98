"""Whether the ledger agrees with the `Books`, on every count and every account (I1 to I5, P2).

The books follow the ledger in two things alone, and only within bounds that are checked: *when* it
brings back what is due, since it does so when it next looks, and what it has guessed of a bucket
nobody has asked for.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Lease, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.simulate.books import Books
from grokgate.scheduler.simulate.health import ROUNDING_S, Health, bar_of
from grokgate.scheduler.simulate.page import UNKNOWN, Line, Page
from grokgate.scheduler.simulate.truth import TrueAccount
from grokgate.tokens.record import Bucket, TokenState


class Agreement:
    """Compares in one run of the program; every method yields what is wrong.

    Args:
        ledger: Of the program.
        books: What must be.
        health: What the health of accounts must be.
        accounts: What is true.
    """

    def __init__(
        self, ledger: Ledger, books: Books, health: Health, accounts: Mapping[str, TrueAccount]
    ) -> None:
        self._ledger = ledger
        self._books = books
        self._health = health
        self._accounts = accounts

    def state(self, token: str, at: Moment) -> TokenState | None:
        """Return what the ledger would store of an account; None: it is not there."""
        entry = self._ledger.entries.get(token)
        return None if entry is None else entry.state(at)

    def catch_up(self, at: Moment) -> None:
        """Bring back in the books what is due and the ledger has brought back."""
        now_s = at.s + ROUNDING_S
        for page in self._books.pages.values():
            if page.bar == "cooling" and page.until <= now_s:
                state = self.state(page.token, at)
                if state is not None and bar_of(state) is None:
                    page.bar = None
            for name, line in page.lines.items():
                if line.refill_at is not None and line.refill_at <= now_s:
                    state = self.state(page.token, at)
                    if state is not None and _is_refilled(line, state.buckets[name]):
                        line.refill(page.assumed.get(name, UNKNOWN))

    def grant(self, page: Page, lease: Lease, want: Want, at: Moment) -> Iterator[str]:
        """Judge a lease before it is in the books (I4)."""
        state = self.state(page.token, at) if page.moved else None
        for name in want.buckets:
            bucket = None if state is None else state.buckets.get(name)
            _guess(page, name, bucket, used=lease.units.get(name, 0))
            _refill_if_due(page, name, at)
        if page.bar == "cooling" and page.until <= at.s + ROUNDING_S:
            page.bar = None
        wrong = page.unfit(want)
        if wrong is not None:
            yield f"{page.token} was leased for {want.request_id}: {wrong}"
        if lease.id in self._books.open or lease.fence <= page.fence:
            yield f"lease {lease.id} is not new"
        for name, units in lease.units.items():
            line = page.line(name)
            if units != (min(want.units, line.left()) if line.known else want.units):
                yield f"{units} units of {page.token}/{name} were leased, {line.left()} are left"
        if at.s > want.deadline + ROUNDING_S:
            yield f"{want.request_id} was served past its deadline"

    def account(self, token: str, at: Moment, *, drained_at: float) -> Iterator[str]:
        """Compare one account.

        Args:
            token: Its id.
            at: Now.
            drained_at: When the ledger last had cause to bring back what was due.
        """
        page, state = self._books.pages.get(token), self.state(token, at)
        if page is not None and state is not None:
            return chain(
                self._health.passing(page, state, at),
                _units(page, state),
                self._oversold(page, at),
                _overdue(page, drained_at - ROUNDING_S),
            )
        return iter([f"{token} is not where it must be"] * (page is not None or state is not None))

    def counts(self) -> Iterator[str]:
        """Compare what was counted, and which leases are open (I1, I3)."""
        counts, books = self._ledger.counts, self._books
        have = (counts.granted, counts.settled, counts.refunded, counts.expired, counts.rejected)
        must = (books.granted, books.settled, books.refunded, books.expired, books.rejected)
        if have != must:
            yield f"granted, settled, refunded, expired, rejected: {have}, must be {must}"
        if self._ledger.open.keys() != books.open.keys():
            yield "other leases are open than must be"

    def _oversold(self, page: Page, at: Moment) -> Iterator[str]:
        """Compare with the truth, where the program can know it (P2)."""
        account = self._accounts[page.token]
        for name, line in page.lines.items():
            if name not in account.vouched or not line.known or line.guessed:
                continue
            left, most = line.left(), account.left(name, at.s) + account.early[name]
            if left and left + line.open > most:
                yield f"{page.token}/{name} is oversold: {left} + {line.open} of {most}"


def _units(page: Page, state: TokenState) -> Iterator[str]:
    if page.buckets() != state.buckets.keys():
        yield f"{page.token} has other buckets than it must"
        return
    for name, bucket in sorted(state.buckets.items()):
        _guess(page, name, bucket, used=0)
        if page.shown(name) != bucket.remaining:
            yield f"{page.token}/{name}: {bucket.remaining} left, must be {page.shown(name)}"
    if state.status != page.status():
        yield f"{page.token} is {state.status}, must be {page.status()}"


def _overdue(page: Page, before: float) -> Iterator[str]:
    if page.bar == "cooling" and page.until < before:
        yield f"{page.token} should have cooled down"
    for name, line in page.lines.items():
        if line.refill_at is not None and line.refill_at < before:
            yield f"{page.token}/{name} should have been refilled"


def _refill_if_due(page: Page, name: str, at: Moment) -> None:
    line = page.line(name)
    if line.refill_at is not None and line.refill_at <= at.s + ROUNDING_S:
        line.refill(page.assumed.get(name, UNKNOWN))


def _guess(page: Page, name: str, bucket: Bucket | None, *, used: int) -> None:
    """Adopt the guess about a bucket nobody has asked for: any pool it was in may have made it.

    Args:
        page: Whose bucket.
        name: The bucket.
        bucket: What the ledger says of it.
        used: Units that were reserved since, in this event.
    """
    if page.moved and name not in page.lines and bucket is not None:
        known = bucket.remaining != UNKNOWN
        page.assume(name, bucket.remaining + used if known else UNKNOWN)


def _is_refilled(line: Line, bucket: Bucket) -> bool:
    """Tell whether the ledger has refilled a bucket that is due."""
    return bucket.reset_at_ms is None and not (line.blind and bucket.remaining == 0)
