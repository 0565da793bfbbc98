"""Looks at every token: which could serve a want, the best first, and why the others are out.

Pure functions over a `Ledger`. A look goes in steps, so that a large pool holds nothing else up;
what changes between them is told as it was or as it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from heapq import nlargest
from typing import Final

from grokgate.scheduler.entry import Entry, Pool
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Decision, Reason, RuledOut, Scored, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.outlook import in_order, outlook, refusal
from grokgate.scheduler.select import NO_TAGS, shelf_of, why_not
from grokgate.scheduler.shelf import Shelf
from grokgate.scheduler.strategy import ranking, terms

_SHOWN: Final = 3
_STEP: Final = 1000
"""Tokens looked at in one go, which takes some 2 ms."""
_WAITING: Final = frozenset({"cooling", "empty"})


class Walk:
    """One look at all tokens of the upstream; ask it when `steps` has ended.

    Args:
        ledger: Drained to now.
        want: What is wanted.
        at: Now.
        most: How many candidates to name.
        examples: How many tokens of the wanted pools to name for each reason to be out.
    """

    def __init__(
        self, ledger: Ledger, want: Want, at: Moment, *, most: int = _SHOWN, examples: int = 0
    ) -> None:
        self._ledger = ledger
        self._want = want
        self._at = at
        self._most = most
        self._examples = examples
        self._worth = _worth(ledger, want)
        self._best: list[Entry] = []
        self._out: Counter[Reason] = Counter()
        self._named: list[RuledOut] = []

    def steps(self) -> Iterator[None]:
        """Look at all tokens; between two steps the ledger may change."""
        want = self._want
        for pool in tuple(self._ledger.pools.values()):
            if pool.upstream != want.upstream:
                continue
            if want.only is None and pool.name not in want.pools:
                self._out["pool"] += sum(pool.census.values())
                continue
            shelf = self._ledger.shelf(pool, want.buckets, NO_TAGS)
            for start in range(0, len(pool.members), _STEP):
                self._look(pool.members[start : start + _STEP], shelf)
                yield

    def decision(self) -> Decision:
        """Tell which token would be chosen, and why not the others."""
        want, at = self._want, self._at
        best = tuple(self._scored(entry) for entry in self._best if self._is_candidate(entry))
        view = None if best else outlook(self._ledger, want, at)
        return Decision(
            request_id=want.request_id,
            model=want.model,
            upstream=want.upstream,
            policy=want.policy,
            chosen=best[0].token if best else None,
            best=best,
            out=in_order(self._out),
            next_reset_s=None if view is None else view.next_reset_s,
            at_ms=at.ms,
            pools=want.pools,
            told=None if view is None else refusal(view).message,
            walked=True,
            wire=want.wire,
        )

    def ruled_out(self) -> list[RuledOut]:
        """Name tokens that are out, in the order in which reasons apply."""
        order = list(in_order(self._out))
        return sorted(self._named, key=lambda one: order.index(one.reason))

    def _look(self, members: Iterable[Entry | None], shelf: Shelf) -> None:
        candidates: list[Entry] = []
        for entry in filter(None, members):
            reason = why_not(entry, shelf, self._want)
            if reason is None:
                candidates.append(entry)
            else:
                self._rule_out(entry, reason)
        self._best = nlargest(self._most, [*self._best, *candidates], key=self._worth)

    def _rule_out(self, entry: Entry, reason: Reason) -> None:
        self._out[reason] += 1
        if reason != "pool" and self._out[reason] <= self._examples:
            back_in_s = self._back_in(entry) if reason in _WAITING else None
            pool = entry.pool.name
            named = RuledOut(token=entry.id, pool=pool, reason=reason, back_in_s=back_in_s)
            self._named.append(named)

    def _back_in(self, entry: Entry) -> float | None:
        back_at, known = entry.waits(self._want.buckets, self._at)
        return max(0.0, back_at - self._at.s) if known else None

    def _is_candidate(self, entry: Entry) -> bool:
        """Tell whether *entry* still is what it was when it was looked at."""
        is_there = self._ledger.entries.get(entry.id) is entry
        shelf = shelf_of(self._ledger, entry, self._want)
        return is_there and why_not(entry, shelf, self._want) is None

    def _scored(self, entry: Entry) -> Scored:
        want = self._want
        named = terms(want.policy, entry, want.buckets, self._at, unknown_first=want.unknown_first)
        preferred = _is_preferred(entry, want)
        return Scored(entry.id, sum(named.values()), named, entry.pool.name, preferred)


def explain(ledger: Ledger, want: Want, at: Moment) -> Decision:
    """Look at all tokens in one go: the best three, and why the others are out."""
    walk = Walk(ledger, want, at)
    for _ in walk.steps():
        pass
    return walk.decision()


def _worth(ledger: Ledger, want: Want) -> Callable[[Entry], tuple[bool, int, int]]:
    """Return the key by which candidates are ordered: tags, then pools, then rank."""
    order = ranking(want.policy, unknown_first=want.unknown_first)
    places = {name: -place for place, name in enumerate(want.pools)}
    ranks: dict[str, Callable[[int], int]] = {}

    def rank_on(pool: Pool) -> Callable[[int], int]:
        if pool.name not in ranks:
            ranks[pool.name] = ledger.shelf(pool, want.buckets, NO_TAGS, order).rank
        return ranks[pool.name]

    def worth(entry: Entry) -> tuple[bool, int, int]:
        pool = entry.pool
        return _is_preferred(entry, want), places.get(pool.name, 0), rank_on(pool)(entry.slot)

    return worth


def _is_preferred(entry: Entry, want: Want) -> bool:
    return bool(want.prefer_tags) and entry.tags.issuperset(want.prefer_tags)
