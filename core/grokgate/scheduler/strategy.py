"""How candidates are ordered: one score function per policy, each a sum of named terms.

==================  ==============================================================================
`max_quota`         units left, calls in flight deducted; with ``token.unknown_first`` those whose
                    number nobody knows precede all others (F-TOK-21)
`score`             health × 100 + quota share × 25 - in flight × 20 - recent failures × 4
                    - 15 if used within 15 s (F-TOK-22)
`least_consumed`    the least that this program has charged (F-TOK-23)
`random`            no order (F-TOK-24)
==================  ==============================================================================

`terms` tells the score of one token. A shelf keeps all tokens in the same order by `rank`, an
integer that grows with the score, so that a pick need not look at every token. To make that exact,
the terms of `score` are multiples of 1/8 and bounded. Pure.
"""

from collections.abc import Mapping
from typing import TypeAlias

from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.shelf import MAX_RANK, Shelf, WideShelf

POLICIES = frozenset({"max_quota", "random", "score", "least_consumed"})
"""What `Want.policy` may be."""
LIVELY = frozenset({"score", "least_consumed"})
"""Rankings that change with every call, not only with what is left in a bucket."""
LATELY_S = 15.0
"""For how long a token counts as just used."""

_SHELVES: Mapping[str, type[Shelf]] = {"least_consumed": WideShelf}
_UNKNOWN_FIRST = "unknown_first"
_UNKNOWN_BONUS = float(MAX_RANK)

_HEALTH = 100.0
_HEALTH_PER_COOL_DOWN = 25.0
_SHARE_STEPS = 200
"""25 points in steps of 1/8."""
_STEPS_PER_POINT = 8
_IN_FLIGHT = 20.0
_MOST_IN_FLIGHT = 15
_FAILURE = 4.0
_MOST_FAILURES = 10
_USED_LATELY = 15.0
_LOWEST = _IN_FLIGHT * _MOST_IN_FLIGHT + _FAILURE * _MOST_FAILURES + _USED_LATELY
_WIDEST = (1 << 31) - 1

_Terms: TypeAlias = dict[str, float]


def terms(
    policy: str,
    entry: Entry,
    buckets: tuple[str, ...],
    at: Moment,
    *,
    unknown_first: bool = False,
) -> dict[str, float]:
    """Return the named parts of a candidate's score, which is their sum; highest wins.

    Args:
        policy: One of `POLICIES`; candidates are equal under ``random``, which has no terms.
        entry: A candidate.
        buckets: What the call draws from.
        at: Now.
        unknown_first: ``token.unknown_first``; concerns ``max_quota`` alone.
    """
    match policy:
        case "score":
            lately = entry.used_at is not None and at.s - entry.used_at < LATELY_S
            return _score(entry, buckets, lately=lately)
        case "least_consumed":
            return {"consumed": -float(entry.consumed), "in_flight": -float(entry.inflight)}
        case "max_quota":
            return _quota(entry, buckets, unknown_first=unknown_first)
        case _:
            return {}


def ranking(policy: str, *, unknown_first: bool) -> str:
    """Return the name of the order that *policy* picks from."""
    if policy in LIVELY:
        return policy
    return _UNKNOWN_FIRST if unknown_first and policy == "max_quota" else "max_quota"


def new_shelf(buckets: tuple[str, ...], tags: frozenset[str], order: str) -> Shelf:
    """Make a bare shelf that can hold the ranks of the ranking *order*."""
    return _SHELVES.get(order, Shelf)(buckets, tags, order)


def rank(order: str, entry: Entry, buckets: tuple[str, ...], left: int) -> int:
    """Return the rank of a candidate under the ranking *order*, at least 1.

    Args:
        order: By `ranking`.
        entry: A candidate; forgets by itself when it was used, so no time is needed.
        buckets: What the call draws from.
        left: The units left in the emptiest of them.
    """
    match order:
        case "score":
            score = sum(_score(entry, buckets, lately=entry.used_at is not None).values())
            return 1 + round((score + _LOWEST) * _STEPS_PER_POINT)
        case "least_consumed":
            return max(1, _WIDEST - entry.consumed - entry.inflight)
        case "unknown_first" if not all(map(entry.known, buckets)):
            return MAX_RANK
        case "unknown_first":
            return min(MAX_RANK - 1, left)
        case _:
            return min(MAX_RANK, left)


def _quota(entry: Entry, buckets: tuple[str, ...], *, unknown_first: bool) -> _Terms:
    name = min(buckets, key=entry.left)
    unknown = not all(map(entry.known, buckets))
    if unknown_first and unknown:
        return {"unknown": _UNKNOWN_BONUS}
    left = min(MAX_RANK - 1 if unknown_first else MAX_RANK, entry.left(name))
    held = entry.held.get(name)
    reserved = 0 if held is None else held.open
    return {"units": float(left + reserved), "in_flight": -float(reserved)}


def _score(entry: Entry, buckets: tuple[str, ...], *, lately: bool) -> _Terms:
    failures = min(_MOST_FAILURES, entry.fail_count + entry.faults)
    return {
        "health": max(0.0, _HEALTH - _HEALTH_PER_COOL_DOWN * entry.cool_level),
        "quota": _share(entry, buckets) / _STEPS_PER_POINT,
        "in_flight": -_IN_FLIGHT * min(_MOST_IN_FLIGHT, entry.inflight),
        "failures": -_FAILURE * failures,
        "used_lately": -_USED_LATELY if lately else 0.0,
    }


def _share(entry: Entry, buckets: tuple[str, ...]) -> int:
    """Return how full the emptiest bucket is, in steps of half a percent."""
    steps = _SHARE_STEPS
    for name in buckets:
        capacity = entry.capacity(name)
        if capacity is not None:
            steps = min(steps, _SHARE_STEPS * entry.left(name) // capacity)
    return steps
