"""Which token a call gets: pure functions over a `Ledger`.

Pools are tried in order. On the shelf of a pool the best token by the policy (`strategy`) is taken,
ties at random; under `random` any candidate. `outlook` says why there is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from grokgate.scheduler.entry import Entry, Pool
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Reason, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.shelf import BUSY, CLOSED, COOLING, DISABLED, EMPTY, EXPIRED, Shelf
from grokgate.scheduler.strategy import ranking

WHY: Mapping[int, Reason] = {
    EMPTY: "empty",
    CLOSED: "plan",
    BUSY: "busy",
    COOLING: "cooling",
    EXPIRED: "expired",
    DISABLED: "disabled",
}
"""Rank on a shelf → why a token is out."""
NO_TAGS: frozenset[str] = frozenset()
_ANY_TAGS = (NO_TAGS,)


def pick(
    ledger: Ledger, want: Want, rng: Random, at: Moment, *, last: str | None = None
) -> Entry | None:
    """Choose a candidate for *want*; None if there is none.

    Args:
        ledger: Drained to now.
        want: What is wanted.
        rng: Breaks ties.
        at: Now.
        last: The token of the same affinity, chosen again if it is a candidate.
    """
    if want.only is not None:
        return _candidate(ledger, want, want.only)
    if last is not None and (entry := _candidate(ledger, want, last)) is not None:
        return entry
    order = ranking(want.policy, unknown_first=want.unknown_first)
    if order == "score":
        ledger.rest(at)
    for tags in tag_sets(want):
        for name in want.pools:
            pool = ledger.pools.get(name)
            if pool is None:
                continue
            shelf = ledger.shelf(pool, want.buckets, tags, order)
            skip = _tried_slots(ledger, want, pool) if want.tried else ()
            slot = shelf.anyone(rng, skip) if want.policy == "random" else shelf.best(rng, skip)
            if slot is not None:
                return pool.members[slot]
    return None


def prepare(ledger: Ledger, want: Want) -> Iterator[None]:
    """Build what calls like *want* are served from, in steps of some 10 ms."""
    orders = {ranking(want.policy, unknown_first=want.unknown_first), "max_quota"}
    for name in want.pools:
        pool = ledger.pools.get(name)
        if pool is None:
            continue
        for tags in {NO_TAGS, *tag_sets(want)}:
            for order in orders:
                yield from ledger.prepare(pool, want.buckets, tags, order)


def shelves(ledger: Ledger, want: Want) -> Iterator[tuple[Pool, Shelf]]:
    """Yield the shelves on which every token that could serve *want* has its rank."""
    tags = tag_sets(want)[-1]
    for name in want.pools:
        pool = ledger.pools.get(name)
        if pool is not None:
            yield pool, ledger.shelf(pool, want.buckets, tags)


def shelf_of(ledger: Ledger, entry: Entry, want: Want) -> Shelf:
    """Return the shelf without tags on which every token of the pool has its rank."""
    return ledger.shelf(entry.pool, want.buckets, NO_TAGS)


def why_not(entry: Entry, shelf: Shelf, want: Want) -> Reason | None:
    """Return the first reason that rules *entry* out; *shelf* is the one without tags.

    The owner of an asset serves it from whatever pool it is in.
    """
    if want.only is None and entry.pool.name not in want.pools:
        return "pool"
    rank = shelf.rank(entry.slot)
    if rank <= 0:
        return WHY[rank]
    if entry.id in want.tried:
        return "tried"
    if not entry.tags.issuperset(want.require_tags):
        return "untagged"
    return None if want.only in (None, entry.id) else "other_account"


def tag_sets(want: Want) -> Sequence[frozenset[str]]:
    """Return what tags to look for, in order: with the preferred ones first, then without."""
    if not want.prefer_tags and not want.require_tags:
        return _ANY_TAGS
    required = frozenset(want.require_tags)
    return (required.union(want.prefer_tags), required) if want.prefer_tags else (required,)


def _tried_slots(ledger: Ledger, want: Want, pool: Pool) -> set[int]:
    entries = (ledger.entries.get(token) for token in want.tried)
    return {entry.slot for entry in entries if entry is not None and entry.pool is pool}


def _candidate(ledger: Ledger, want: Want, token: str) -> Entry | None:
    """Return the entry of *token* if it may be leased for *want*."""
    entry = ledger.entries.get(token)
    if entry is None or entry.pool.upstream != want.upstream:
        return None
    return entry if why_not(entry, shelf_of(ledger, entry, want), want) is None else None
