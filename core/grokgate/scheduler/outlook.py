"""Why there is no token for a call, in counts and in words, and when that changes.

Pure functions over a `Ledger`; counts come from the shelves. `explain` and `unsure` walk over all
tokens.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from heapq import nlargest

from msgspec import Struct

from grokgate.errors import GatewayError, NoTokenAvailable, NoTokensConfigured, Overloaded
from grokgate.scheduler.entry import Entry, Pool
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Decision, Reason, Scored, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.select import NO_TAGS, WHY, shelf_of, shelves, why_not
from grokgate.scheduler.shelf import BUSY, COOLING, EMPTY

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


def busy(ledger: Ledger, want: Want) -> bool:
    """Tell whether some token could serve *want* but for its calls in flight."""
    if want.only is not None:
        entry = ledger.entries.get(want.only)
        return entry is not None and shelf_of(ledger, entry, want).rank(entry.slot) == BUSY
    return any(shelf.outside[-BUSY] for _, shelf in shelves(ledger, want))


def outlook(ledger: Ledger, want: Want, at: Moment) -> Outlook:
    """Tell why `pick` found nothing."""
    if want.only is not None:
        return _outlook_of_one(ledger, want, at)
    out: Counter[Reason] = Counter()
    returns: list[float] = []
    all_known = True
    for pool, shelf in shelves(ledger, want):
        out.update({reason: shelf.outside[-rank] for rank, reason in WHY.items()})
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
        for pool, shelf in shelves(ledger, want)
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
        shelf = ledger.shelf(pool, want.buckets, NO_TAGS)
        for entry in filter(None, pool.members):
            reason = why_not(entry, shelf, want)
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


def _outlook_of_one(ledger: Ledger, want: Want, at: Moment) -> Outlook:
    entry = ledger.entries.get(want.only or "")
    if entry is None or entry.pool.upstream != want.upstream:
        return Outlook(out={}, next_reset_s=None, resets_known=True)
    reason = why_not(entry, shelf_of(ledger, entry, want), want)
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
