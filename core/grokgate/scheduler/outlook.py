"""Why there is no token for a call, in counts and in words, and when that changes.

Pure functions over a `Ledger`. They look at counters and, where all wait, at those who wait.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from heapq import nsmallest
from typing import get_args

from msgspec import Struct

from grokgate.errors import GatewayError, NoTokenAvailable, NoTokensConfigured, Overloaded
from grokgate.scheduler.entry import Entry, Pool
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Reason, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.select import WHY, shelf_of, shelves, why_not
from grokgate.scheduler.shelf import BUSY, COOLING, EMPTY, Shelf
from grokgate.scheduler.verdict import IN_NO_PLAN

_LONGEST_WAIT_S = 3600.0
_CAUSES: Mapping[Reason, str] = {
    "empty": "out of quota",
    "cooling": "cooling down after failures",
    "busy": "busy",
    "tried": "failing for this request",
}
"""Why a usable token cannot be had now, in words."""
_IN_NO_ACTIVE_PLAN = "No active account's plan includes this model; other accounts are {}."
_ALL = "All accounts that could serve this model are"


class Outlook(Struct, frozen=True, kw_only=True):
    """Why nothing can be leased now, and when that changes."""

    out: Mapping[Reason, int]
    """Tokens ruled out. Busy ones are free again when a call ends."""
    next_reset_s: float | None
    """Seconds until the first waiting token returns, as far as known."""
    resets_known: bool
    """False: of some waiting token nobody knows when it returns."""
    only: bool = False
    """One certain token is wanted."""


def busy(ledger: Ledger, want: Want) -> bool:
    """Tell whether some token could serve *want* but for its calls in flight."""
    if want.only is not None:
        entry = ledger.entries.get(want.only)
        return entry is not None and _merely_busy(ledger, entry, want)
    tried = [ledger.entries.get(token) for token in want.tried]
    return any(
        shelf.outside[-BUSY]
        > sum(e is not None and e.pool is pool and shelf.rank(e.slot) == BUSY for e in tried)
        for pool, shelf in shelves(ledger, want)
    )


def _merely_busy(ledger: Ledger, entry: Entry, want: Want) -> bool:
    return (
        entry.pool.upstream == want.upstream
        and entry.id not in want.tried
        and entry.tags.issuperset(want.require_tags)
        and shelf_of(ledger, entry, want).rank(entry.slot) == BUSY
    )


def outlook(ledger: Ledger, want: Want, at: Moment) -> Outlook:
    """Tell why `pick` found nothing; of returns only if no token is busy, which may end soon."""
    if want.only is not None:
        return _outlook_of_one(ledger, want, at)
    out: Counter[Reason] = Counter()
    waiting: list[Shelf] = []
    for _, shelf in shelves(ledger, want):
        out.update({reason: shelf.outside[-rank] for rank, reason in WHY.items()})
        out["tried"] += len(shelf)
        if shelf.outside[-EMPTY] or shelf.outside[-COOLING]:
            waiting.append(shelf)
    everybody = (ledger.pools[name] for name in want.pools if name in ledger.pools)
    out["untagged"] = sum(map(_size, everybody)) - out.total()
    answers = [] if out["busy"] else [ledger.outlook(shelf, at) for shelf in waiting]
    out["pool"] = sum(_usable(pool) for pool in _other_pools(ledger, want))
    earliest = min((back_at for back_at, _ in answers if back_at is not None), default=None)
    return Outlook(
        out={reason: count for reason, count in out.items() if count},
        next_reset_s=None if earliest is None else max(0.0, earliest - at.s),
        resets_known=all(known for _, known in answers),
    )


def refusal(view: Outlook, *, busy_s: float = 1.0) -> GatewayError:
    """Say in words why nothing can be leased (F-TOK-27).

    Args:
        view: By `outlook`.
        busy_s: Seconds after which a busy token may be free.
    """
    out = view.out
    causes = [text for reason, text in _CAUSES.items() if out.get(reason)]
    whose = "The account that made this is" if view.only else _ALL
    if out.get("busy"):
        return Overloaded(f"{whose} {_either(causes)}.", retry_after_s=_bounded(busy_s))
    if out.get("empty") or out.get("cooling"):
        wait_s = 0.0 if out.get("tried") else view.next_reset_s
        return NoTokenAvailable(
            f"{whose} {_either(causes)}.",
            retry_after_s=None if wait_s is None else _bounded(wait_s),
            resets_known=view.resets_known,
        )
    if out.get("tried"):
        return NoTokenAvailable("No further account could serve this model.", retry_after_s=1.0)
    return NoTokensConfigured(_unconfigured(view))


def unsure(ledger: Ledger, want: Want, *, most: int) -> list[Entry]:
    """List waiting tokens of which nobody knows when they return, longest not synced first."""
    found = (
        entry
        for pool, shelf in shelves(ledger, want)
        for entry in ledger.adrift(pool, shelf)
        if want.only in (None, entry.id)
    )
    return nsmallest(most, found, key=lambda entry: entry.last_sync_at_ms or 0)


def in_order(out: Mapping[Reason, int]) -> dict[Reason, int]:
    """Sort by the order in which reasons apply; leave out what is not there."""
    return {reason: out[reason] for reason in get_args(Reason) if out.get(reason)}


def _outlook_of_one(ledger: Ledger, want: Want, at: Moment) -> Outlook:
    entry = ledger.entries.get(want.only or "")
    if entry is None or entry.pool.upstream != want.upstream:
        return Outlook(out={}, next_reset_s=None, resets_known=True, only=True)
    reason = why_not(entry, shelf_of(ledger, entry, want), want)
    back_at, known = entry.waits(want.buckets, at)
    return Outlook(
        out={} if reason is None else {reason: 1},
        next_reset_s=max(0.0, back_at - at.s) if known else None,
        resets_known=known,
        only=True,
    )


def _unconfigured(view: Outlook) -> str:
    """Say why no account is usable at all."""
    out = view.out
    if view.only and out.get("plan"):
        return "The plan of the account that made this does not include the model."
    if view.only:
        state = "expired" if out.get("expired") else "disabled" if out.get("disabled") else "gone"
        return f"The account that made this is {state}."
    states = [state for state in ("expired", "disabled") if out.get(state)]
    if out.get("plan"):
        return _IN_NO_ACTIVE_PLAN.format(_either(states)) if states else IN_NO_PLAN
    if out.get("untagged"):
        return "No account with the needed tag is configured."
    if states:
        return f"All accounts for this model are {_either(states)}."
    if out.get("pool"):
        return "No account of the tier this model needs is configured."
    return "No account is configured."


def _either(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _other_pools(ledger: Ledger, want: Want) -> Iterator[Pool]:
    for pool in ledger.pools.values():
        if pool.upstream == want.upstream and pool.name not in want.pools:
            yield pool


def _size(pool: Pool) -> int:
    return sum(pool.census.values())


def _usable(pool: Pool) -> int:
    return pool.census["active"] + pool.census["cooling"]


def _bounded(wait_s: float) -> float:
    return min(_LONGEST_WAIT_S, max(1.0, wait_s))
