"""The invariants I1, I4 and I5 of `reliability-security.md` 2, as a check of a whole ledger."""

from collections import Counter
from collections.abc import Iterator

from grokgate.scheduler.entry import Entry, Pool
from grokgate.scheduler.holding import Holding
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.shelf import ABSENT, COOLING


def violations(ledger: Ledger) -> Iterator[str]:
    """Yield every invariant that does not hold as a sentence; nothing when all do."""
    flying: Counter[str] = Counter()
    open_units: Counter[tuple[str, str]] = Counter()
    for grant in ledger.open.values():
        flying[grant.entry.id] += 1
        for name, units in grant.parts.items():
            open_units[grant.entry.id, name] += units
    for pool in ledger.pools.values():
        yield from _miscounted(pool)
    for entry in ledger.entries.values():
        yield from _misplaced(ledger, entry, flying[entry.id])
        for name, holding in entry.held.items():
            wrong = _unbalanced(holding, open_units[entry.id, name])
            if wrong:
                yield f"{entry.id}/{name}: {wrong}"


def imbalance(ledger: Ledger) -> int:
    """Return the units of which the ledger lost track; 0 unless it has a defect."""
    counts = ledger.counts
    open_units = sum(sum(grant.parts.values()) for grant in ledger.open.values())
    return counts.granted - counts.settled - counts.refunded - counts.expired - open_units


def _miscounted(pool: Pool) -> Iterator[str]:
    members = [member for member in pool.members if member is not None]
    if pool.cooled != sum(member.bar == COOLING for member in members):
        yield f"{pool.name}: {pool.cooled} count as cooling, but others do"
    statuses = Counter(member.status for member in members)
    if any(count != statuses[status] for status, count in pool.census.items()):
        yield f"{pool.name}: the census is wrong"
    free = [slot for slot, member in enumerate(pool.members) if member is None]
    for shelf in pool.shelves.values():
        if any(shelf.rank(slot) != ABSENT for slot in free):
            yield f"{pool.name}: somebody who left is still on {shelf.buckets}"


def _misplaced(ledger: Ledger, entry: Entry, flying: int) -> Iterator[str]:
    if entry.inflight != flying:
        yield f"{entry.id}: {entry.inflight} in flight, but {flying} leases are open"
    if entry.inflight > entry.limit:
        yield f"{entry.id}: more in flight than allowed"
    if entry.status != ledger.status(entry):
        yield f"{entry.id}: {entry.status}, but should be {ledger.status(entry)}"
    for shelf in entry.pool.filled.values():
        if shelf.rank(entry.slot) != ledger.rank(entry, shelf):
            yield f"{entry.id}: rank on {shelf.buckets} is out of date"


def _unbalanced(holding: Holding, open_units: int) -> str | None:
    ended = holding.settled + holding.refunded + holding.expired
    if holding.granted != ended + holding.open:
        return "granted units are not settled, refunded, expired or open"
    if holding.open != open_units:
        return "open units do not belong to open leases"
    if min(holding.spent, holding.open, holding.refunded, holding.left()) < 0:
        return "a count is negative"
    if holding.known and holding.left() > max(0, holding.base):
        return "more is left than there was"
    return None
