"""Which token a call gets, and why not another: pure functions over a `Ledger`.

Pools are tried in order. On the shelf of a pool `max_quota` takes one of those with the most units
left and `random` any candidate, ties at random, both O(1). `explain` walks over all tokens.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from heapq import nlargest
from random import Random
from typing import TypeAlias

from msgspec import Struct

from grokgate.errors import GatewayError, NoTokenAvailable, NoTokensConfigured, Overloaded
from grokgate.scheduler.entry import Entry, Pool
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Decision, Reason, Scored, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.shelf import BUSY, COOLING, DISABLED, EMPTY, EXPIRED, Shelf

_Pick: TypeAlias = Callable[[Shelf, Random, Collection[int]], int | None]
_POLICIES: Mapping[str, _Pick] = {"max_quota": Shelf.fullest, "random": Shelf.anyone}
POLICIES = frozenset(_POLICIES)
"""What `Want.policy` may be."""

_WHY: Mapping[int, Reason] = {
    EMPTY: "empty",
    BUSY: "busy",
    COOLING: "cooling",
    EXPIRED: "expired",
    DISABLED: "disabled",
}
_NO_TAGS: frozenset[str] = frozenset()
_ANY_TAGS = (_NO_TAGS,)
_SHOWN = 3
_LONGEST_WAIT_S = 3600.0


class Outlook(Struct, frozen=True, kw_only=True):
    """Why nothing can be leased now, and when that changes."""

    out: Mapping[Reason, int]
    """Tokens ruled out. Busy ones are free again when a call ends."""
    next_reset_s: float | None
    """Seconds until the first waiting token returns, as far as known."""
    resets_known: bool
    """False: of some waiting token nobody knows when it returns."""


def pick(ledger: Ledger, want: Want, rng: Random, *, last: str | None = None) -> Entry | None:
    """Choose a candidate for *want*; None if there is none.

    Args:
        ledger: Drained to now.
        want: What is wanted.
        rng: Breaks ties.
        last: The token of the same affinity, chosen again if it is a candidate.
    """
    if want.only is not None:
        return _candidate(ledger, want, want.only)
    if last is not None and (entry := _candidate(ledger, want, last)) is not None:
        return entry
    choose = _POLICIES[want.policy]
    for tags in _tag_sets(want):
        for name in want.pools:
            pool = ledger.pools.get(name)
            if pool is None:
                continue
            shelf = ledger.shelf(pool, want.buckets, tags)
            slot = choose(shelf, rng, _tried_slots(ledger, want, pool) if want.tried else ())
            if slot is not None:
                return pool.members[slot]
    return None


def busy(ledger: Ledger, want: Want) -> bool:
    """Tell whether some token could serve *want* but for its calls in flight."""
    if want.only is not None:
        entry = ledger.entries.get(want.only)
        return entry is not None and _shelf_of(ledger, entry, want).rank(entry.slot) == BUSY
    return any(shelf.outside[-BUSY] for _, shelf in _shelves(ledger, want))


def outlook(ledger: Ledger, want: Want, at: Moment) -> Outlook:
    """Tell why `pick` found nothing."""
    if want.only is not None:
        return _outlook_of_one(ledger, want, at)
    out: Counter[Reason] = Counter()
    returns: list[float] = []
    all_known = True
    for pool, shelf in _shelves(ledger, want):
        out.update({reason: shelf.outside[-rank] for rank, reason in _WHY.items()})
        out["tried"] += len(shelf)
        if shelf.outside[-EMPTY] or shelf.outside[-COOLING]:
            earliest, known = ledger.outlook(pool, shelf, at)
            all_known = all_known and known
            returns += [] if earliest is None else [earliest]
    everybody = (ledger.pools[name] for name in want.pools if name in ledger.pools)
    out["untagged"] = sum(sum(pool.census.values()) for pool in everybody) - out.total()
    out["pool"] = sum(_usable(pool) for pool in _other_pools(ledger, want))
    return Outlook(
        out={reason: count for reason, count in out.items() if count},
        next_reset_s=max(0.0, min(returns) - at.s) if returns else None,
        resets_known=all_known,
    )


def refusal(view: Outlook) -> GatewayError:
    """Say in words why nothing can be leased (F-TOK-27)."""
    out = view.out
    if out.get("busy"):
        return Overloaded("All accounts that could serve this model are busy.")
    empty, cooling = out.get("empty", 0), out.get("cooling", 0)
    if empty or cooling:
        cause = " or ".join(
            word
            for word, count in (("out of quota", empty), ("cooling down after failures", cooling))
            if count
        )
        return NoTokenAvailable(
            f"All accounts that could serve this model are {cause}.",
            retry_after_s=_bounded(view.next_reset_s),
            resets_known=view.resets_known,
        )
    if out.get("tried"):
        return NoTokenAvailable("No further account could serve this model.", retry_after_s=1.0)
    if out.get("untagged"):
        return NoTokensConfigured("No account with the needed tag is configured.")
    if out.get("expired") or out.get("disabled"):
        return NoTokensConfigured("All accounts for this model are expired or disabled.")
    if out.get("pool"):
        return NoTokensConfigured("No account of the tier this model needs is configured.")
    return NoTokensConfigured("No account is configured.")


def unsure(ledger: Ledger, want: Want, at: Moment) -> list[Entry]:
    """List waiting tokens of which nobody knows when they return, longest not synced first."""
    found = [
        entry
        for pool, shelf in _shelves(ledger, want)
        for entry in ledger.waiting(pool, shelf)
        if want.only in (None, entry.id) and not entry.waits(want.buckets, at)[1]
    ]
    return sorted(found, key=lambda entry: entry.last_sync_at_ms or 0)


def explain(ledger: Ledger, want: Want, at: Moment) -> Decision:
    """Walk over all tokens of the upstream: the best three, and why the others are out."""
    out: Counter[Reason] = Counter()
    scored: list[Scored] = []
    for pool in ledger.pools.values():
        if pool.upstream != want.upstream:
            continue
        shelf = ledger.shelf(pool, want.buckets, _NO_TAGS)
        for entry in filter(None, pool.members):
            reason = _why_not(entry, shelf, want)
            if reason is not None:
                out[reason] += 1
                continue
            units = float(shelf.rank(entry.slot))
            order = -float(want.pools.index(pool.name)) * 1e6
            preferred = 1e8 * set(want.prefer_tags).issubset(entry.tags)
            terms = {"units": units, "pool": order, "tags": preferred}
            scored.append(Scored(entry.id, sum(terms.values()), terms))
    best = tuple(nlargest(_SHOWN, scored, key=lambda item: item.score))
    return Decision(
        request_id=want.request_id,
        model=want.model,
        upstream=want.upstream,
        policy=want.policy,
        chosen=best[0].token if best else None,
        best=best,
        out=dict(out),
        next_reset_s=outlook(ledger, want, at).next_reset_s,
    )


def _tag_sets(want: Want) -> Sequence[frozenset[str]]:
    """Return what tags to look for, in order: with the preferred ones first, then without."""
    if not want.prefer_tags and not want.require_tags:
        return _ANY_TAGS
    required = frozenset(want.require_tags)
    return (required.union(want.prefer_tags), required) if want.prefer_tags else (required,)


def _shelves(ledger: Ledger, want: Want) -> Iterator[tuple[Pool, Shelf]]:
    """Yield the shelves on which every token that could serve *want* has its rank."""
    tags = _tag_sets(want)[-1]
    for name in want.pools:
        pool = ledger.pools.get(name)
        if pool is not None:
            yield pool, ledger.shelf(pool, want.buckets, tags)


def _tried_slots(ledger: Ledger, want: Want, pool: Pool) -> set[int]:
    entries = (ledger.entries.get(token) for token in want.tried)
    return {entry.slot for entry in entries if entry is not None and entry.pool is pool}


def _candidate(ledger: Ledger, want: Want, token: str) -> Entry | None:
    """Return the entry of *token* if it may be leased for *want*."""
    entry = ledger.entries.get(token)
    if entry is None or entry.pool.upstream != want.upstream:
        return None
    return entry if _why_not(entry, _shelf_of(ledger, entry, want), want) is None else None


def _shelf_of(ledger: Ledger, entry: Entry, want: Want) -> Shelf:
    """Return the shelf without tags on which every token of the pool has its rank."""
    return ledger.shelf(entry.pool, want.buckets, _NO_TAGS)


def _why_not(entry: Entry, shelf: Shelf, want: Want) -> Reason | None:
    """Return the first reason that rules *entry* out; *shelf* is the one without tags.

    The owner of an asset serves it from whatever pool it is in.
    """
    if want.only is None and entry.pool.name not in want.pools:
        return "pool"
    rank = shelf.rank(entry.slot)
    if rank <= 0:
        return _WHY[rank]
    if entry.id in want.tried:
        return "tried"
    if not entry.tags.issuperset(want.require_tags):
        return "untagged"
    return None if want.only in (None, entry.id) else "other_account"


def _outlook_of_one(ledger: Ledger, want: Want, at: Moment) -> Outlook:
    entry = ledger.entries.get(want.only or "")
    if entry is None or entry.pool.upstream != want.upstream:
        return Outlook(out={}, next_reset_s=None, resets_known=True)
    reason = _why_not(entry, _shelf_of(ledger, entry, want), want)
    back_at, known = entry.waits(want.buckets, at)
    return Outlook(
        out={} if reason is None else {reason: 1},
        next_reset_s=max(0.0, back_at - at.s) if known else None,
        resets_known=known,
    )


def _other_pools(ledger: Ledger, want: Want) -> Iterator[Pool]:
    for pool in ledger.pools.values():
        if pool.upstream == want.upstream and pool.name not in want.pools:
            yield pool


def _usable(pool: Pool) -> int:
    return pool.census["active"] + pool.census["cooling"]


def _bounded(wait_s: float | None) -> float | None:
    return None if wait_s is None else min(_LONGEST_WAIT_S, max(1.0, wait_s))
