"""When a pool runs dry at the present rate, and how sure that is.

Pure. What is left is drained at the rate of the last hours, by all accounts alike, and filled up
again as their windows end. How much is drained in a time is uncertain twice: demand comes in lumps,
and its rate is only estimated; both are read off how the hours differ from each other, and the
bounds hold the true time in four of five cases as long as demand stays what it was.
"""

import math
from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace
from itertools import count
from statistics import fmean, variance
from typing import Final, Literal, TypeAlias

from msgspec import Struct

HORIZON_H: Final = 7 * 24.0
"""Hours that are looked ahead; nothing is said of what lies behind."""
HOURS: Final = 6
"""The last hours make the present rate."""
FEWEST_HOURS: Final = 2
COVERAGE: Final = 0.8
"""Share of cases in which the true time lies within the bounds."""
_STEPS: Final = 80
_HALVINGS: Final = 20
_SOONEST_H: Final = 0.01
_NINE_TENTHS: Final = (3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397)
"""Quantiles of Student's distribution with 1, 2, … degrees of freedom."""

State: TypeAlias = Literal["dry", "runs_dry", "may_run_dry", "lasts", "unknown"]


class Stock(Struct, frozen=True, kw_only=True):
    """Units of accounts whose windows end together."""

    left: float
    total: float = 0
    """What they have when the window has ended."""
    resets_in_h: float | None = None
    """None: never, or nobody knows."""
    every_h: float | None = None
    """Length of the window; None: it ends once."""


class Forecast(Struct, frozen=True, kw_only=True):
    """What to expect of one pool; times are seconds from now, None: not within a week."""

    state: State
    """``dry``: nothing is left. ``runs_dry``: expected within a week. ``may_run_dry``: possible.
    ``unknown``: there is too little to judge by."""
    units_per_hour: float | None = None
    """The present rate; None: unknown."""
    dry_in_s: float | None = None
    """When it is expected."""
    earliest_s: float | None = None
    """Sooner in one of ten cases."""
    latest_s: float | None = None
    """Later in one of ten cases."""


def forecast(stocks: Sequence[Stock], hours: Sequence[float]) -> Forecast:
    """Tell when *stocks* are used up.

    Args:
        stocks: What is left, and when it is filled up; unknown amounts left out.
        hours: Units used in each of the last whole hours, oldest first; only the last `HOURS`
            count.
    """
    recent = list(hours)[-HOURS:]
    known = len(recent) >= FEWEST_HOURS
    rate = fmean(recent) if known else 0.0
    if _left(stocks) <= 0:
        return Forecast(
            state="dry",
            units_per_hour=rate if known else None,
            dry_in_s=0,
            earliest_s=0,
            latest_s=0,
        )
    if not known:
        return Forecast(state="unknown")
    # Demand of whole units varies at least as much as calls that come by chance.
    spread = max(variance(recent), rate)
    bound = _NINE_TENTHS[len(recent) - 2]
    expected = _first_dry(stocks, lambda _: rate)
    earliest = _first_dry(stocks, _rate_at(rate, spread, len(recent), bound))
    latest = _first_dry(stocks, _rate_at(rate, spread, len(recent), -bound))
    return Forecast(
        state="runs_dry" if expected is not None else "may_run_dry" if earliest else "lasts",
        units_per_hour=rate,
        dry_in_s=_seconds(expected),
        earliest_s=_seconds(earliest),
        latest_s=_seconds(latest),
    )


def dry_after(stocks: Sequence[Stock], rate: float, *, within_h: float = HORIZON_H) -> float | None:
    """Return the hours after which a constant *rate* has used all up; None: later, or never.

    All accounts are drained alike, in proportion to what they have left.
    """
    if rate <= 0:
        return None
    left, at, share = _left(stocks), 0.0, 1.0
    ties = count()
    # (end of its window, tie-break, what it had while `share` was 1, the stock)
    ends = [
        (stock.resets_in_h, next(ties), stock.left, stock)
        for stock in stocks
        if stock.resets_in_h is not None and stock.resets_in_h <= within_h
    ]
    heapify(ends)
    while ends:
        end, _, whole, stock = ends[0]
        used = rate * max(0.0, end - at)
        if used >= left:
            break
        share *= 1 - used / left
        left, at = left - used + stock.total - whole * share, max(at, end)
        again = at + stock.every_h if stock.every_h else math.inf
        heapreplace(ends, (again, next(ties), stock.total / share, stock))
        if ends[0][0] > within_h:
            break
    dry = at + left / rate
    return dry if dry <= within_h else None


def _rate_at(rate: float, spread: float, hours: int, bound: float) -> Callable[[float], float]:
    """Return by how much, per hour, a time is drained that lies *bound* deviations off."""

    def drained(time_h: float) -> float:
        return max(0.0, rate + bound * math.sqrt(spread / time_h + spread / hours))

    return drained


def _first_dry(stocks: Sequence[Stock], rate: Callable[[float], float]) -> float | None:
    """Return the first time at which its own rate leaves nothing; hours."""
    before = _SOONEST_H
    growth = (HORIZON_H / _SOONEST_H) ** (1 / _STEPS)
    for step in range(_STEPS + 1):
        time_h = _SOONEST_H * growth**step
        if _is_dry(stocks, rate, time_h):
            return _narrowed(stocks, rate, before, time_h)
        before = time_h
    return None


def _narrowed(
    stocks: Sequence[Stock], rate: Callable[[float], float], low: float, high: float
) -> float:
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _is_dry(stocks, rate, middle):
            high = middle
        else:
            low = middle
    return high


def _is_dry(stocks: Sequence[Stock], rate: Callable[[float], float], time_h: float) -> bool:
    return dry_after(stocks, rate(time_h), within_h=time_h) is not None


def _left(stocks: Sequence[Stock]) -> float:
    return sum(stock.left for stock in stocks)


def _seconds(hours: float | None) -> float | None:
    return None if hours is None else round(hours * 3600, 1)
