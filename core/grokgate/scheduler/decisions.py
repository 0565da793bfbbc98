"""What was decided lately and why, kept so cheaply that every decision can be.

A note is a plain tuple with a copy of the ledger's counters; it becomes a `Decision` when somebody
asks. Looking at every token takes time, so it is done only for a refusal and for one lease in a
hundred, in pools of moderate size, and once a second for each kind of want. Pure: time is an
argument.
"""

from collections import deque
from collections.abc import Mapping
from typing import TypeAlias

from msgspec import structs

from grokgate.scheduler.entry import Pool
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Decision, Reason, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.outlook import in_order
from grokgate.scheduler.select import NO_TAGS, WHY, shelf_of
from grokgate.scheduler.shelf import Shelf
from grokgate.scheduler.strategy import ranking
from grokgate.scheduler.walk import explain

KEPT = 2000
SAMPLE = 100
"""One lease of so many is looked at closely."""
MOST_WALKED = 5_000
"""Tokens; looking at so many takes about 5 ms, during which nothing else runs."""
_WALK_EVERY_S = 1.0
_KINDS = 1000
_Tally: TypeAlias = tuple[int, int, int, list[list[int]]]
"""Tokens of other pools, tried ones, untagged ones; per pool the counters of its shelf."""
_Note: TypeAlias = tuple[
    int,
    Want,
    int,
    str | None,
    float,
    bool,
    _Tally | None,
    str | None,
    float | None,
    Decision | None,
]


class Decisions:
    """The last decisions about one ledger.

    Args:
        ledger: Whose counters are copied.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.count = 0
        """Decisions since the start."""
        self._ledger = ledger
        self._notes: deque[_Note] = deque(maxlen=KEPT)
        self._walked: dict[object, float] = {}
        self._shelves: dict[object, tuple[list[Shelf], list[Pool], int]] = {}
        """By kind of want: shelves of its pools, other pools of its upstream, all pools then."""

    def leased(self, want: Want, token: str, at: Moment, queued_s: float, *, moved: bool) -> int:
        """Note that *token* was chosen, before its units are reserved; return the number."""
        number = self.count = self.count + 1
        walk = None if number % SAMPLE else self._walk(want, at)
        self._notes.append(
            (number, want, at[1], token, queued_s, moved, self._tally(want), None, None, walk)
        )
        return number

    def refused(
        self, want: Want, at: Moment, *, queued_s: float, told: str, next_reset_s: float | None
    ) -> None:
        """Note that there was no token, and what was said about it."""
        self.count += 1
        walk = self._walk(want, at)
        copied = self._tally(want)
        self._notes.append(
            (self.count, want, at.ms, None, queued_s, False, copied, told, next_reset_s, walk)
        )

    def of(self, request_id: str) -> list[Decision]:
        """Return what is remembered about a request, oldest first."""
        return [_decision(note) for note in self._notes if note[1].request_id == request_id]

    def _tally(self, want: Want) -> _Tally | None:
        """Copy the counters that say why tokens are out; None: one certain token is wanted."""
        if want.only is not None:
            return None
        kind = want.upstream, want.pools, want.buckets, want.policy, want.unknown_first
        known = self._shelves.get(kind)
        if known is None or known[2] != len(self._ledger.pools):
            known = self._look_up(kind, want)
        shelves, others, _ = known
        return (
            sum([len(pool.members) - len(pool.free) for pool in others]) if others else 0,
            self._tried(want) if want.tried else 0,
            self._untagged(want) if want.require_tags else 0,
            [shelf.outside.copy() for shelf in shelves],
        )

    def _look_up(self, kind: object, want: Want) -> tuple[list[Shelf], list[Pool], int]:
        pools = [pool for pool in self._ledger.pools.values() if pool.upstream == want.upstream]
        known = (
            [self._shelf(pool, want) for pool in pools if pool.name in want.pools],
            [pool for pool in pools if pool.name not in want.pools],
            len(self._ledger.pools),
        )
        if len(self._shelves) >= _KINDS:
            self._shelves.clear()
        self._shelves[kind] = known
        return known

    def _shelf(self, pool: Pool, want: Want) -> Shelf:
        order = ranking(want.policy, unknown_first=want.unknown_first)
        return self._ledger.shelf(pool, want.buckets, NO_TAGS, order)

    def _tried(self, want: Want) -> int:
        """Count the tokens tried before that could serve *want* otherwise."""
        entries = (self._ledger.entries.get(token) for token in want.tried)
        return sum(
            entry.pool.name in want.pools
            and shelf_of(self._ledger, entry, want).rank(entry.slot) > 0
            for entry in entries
            if entry is not None
        )

    def _untagged(self, want: Want) -> int:
        """Count the candidates that lack a required tag."""
        tags = frozenset(want.require_tags)
        pools = [self._ledger.pools[name] for name in want.pools if name in self._ledger.pools]
        return sum(
            len(self._ledger.shelf(pool, want.buckets, NO_TAGS))
            - len(self._ledger.shelf(pool, want.buckets, tags))
            for pool in pools
        )

    def _walk(self, want: Want, at: Moment) -> Decision | None:
        """Look at every token, where that is not too much."""
        kind = want.upstream, want.pools, want.buckets, want.policy
        if at.s < self._walked.get(kind, at.s):
            return None
        if sum(len(pool.members) for pool in self._ledger.pools.values()) > MOST_WALKED:
            return None
        if len(self._walked) >= _KINDS:
            self._walked.clear()
        self._walked[kind] = at.s + _WALK_EVERY_S
        return explain(self._ledger, want, at)


def _decision(note: _Note) -> Decision:
    number, want, at_ms, chosen, queued_s, moved, copied, told, next_reset_s, walk = note
    decided = Decision(
        request_id=want.request_id,
        model=want.model,
        upstream=want.upstream,
        policy=want.policy,
        chosen=chosen,
        out={} if copied is None else _counted(copied),
        queued_s=queued_s,
        next_reset_s=next_reset_s,
        moved=moved,
        number=number,
        at_ms=at_ms,
        pools=want.pools,
        told=told,
        wire=want.wire,
    )
    if walk is None:
        return decided
    return structs.replace(decided, best=walk.best, out=walk.out, walked=True)


def _counted(copied: _Tally) -> Mapping[Reason, int]:
    """Return how many tokens were ruled out, by the first reason that applied."""
    others, tried, untagged, outside = copied
    out: dict[Reason, int] = {"pool": others, "tried": tried, "untagged": untagged}
    for rank, reason in WHY.items():
        out[reason] = sum(counters[-rank] for counters in outside)
    return in_order(out)
