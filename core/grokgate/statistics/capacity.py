"""What accounts have left for each kind of call: adds up their states, one by one."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from grokgate.forecast import Stock
from grokgate.tokens.record import Bucket, TokenState

_BIN_MS: Final = 600_000
"""Windows that end within the same ten minutes count as one."""
_HOUR_MS: Final = 3_600_000
_HOUR_S: Final = 3600

_End: TypeAlias = tuple[int | None, int | None]
"""Unix milliseconds of a window's end, rounded; length of the window, seconds."""


class Kind(Struct, frozen=True):
    """Calls that are served by the same accounts from the same quota."""

    upstream: str
    pools: tuple[str, ...]
    buckets: tuple[str, ...]


class Room(Struct, frozen=True, kw_only=True):
    """What is left for one kind of call."""

    accounts: int
    """Usable ones: neither expired nor disabled."""
    candidates: int
    """Those that could serve a call now, but for calls in flight."""
    unknown: int
    """Candidates of which nobody knows what they have left."""
    units: int
    """Left in the others."""
    total: int
    """What those of known size have when all windows have ended."""
    next_reset_ms: int | None
    """Unix milliseconds at which the first of those that wait returns, as far as known."""
    stocks: tuple[Stock, ...]
    """For `grokgate.forecast`."""


class Capacity:
    """Adds up what accounts have left.

    Args:
        kinds: What to add up for.
        now_ms: Unix milliseconds.
    """

    def __init__(self, kinds: Iterable[Kind], *, now_ms: int) -> None:
        self._now_ms = now_ms
        self._sums = {kind: _Sum() for kind in kinds}
        self._by_pool: dict[tuple[str, str], list[tuple[Kind, _Sum]]] = {}
        for kind, added in self._sums.items():
            for pool in kind.pools:
                self._by_pool.setdefault((kind.upstream, pool), []).append((kind, added))

    def add(self, upstream: str, pool: str, state: TokenState) -> None:
        """Add one account; *pool* is the one its calls are routed by."""
        if state.status in {"expired", "disabled"}:
            return
        for kind, added in self._by_pool.get((upstream, pool), ()):
            added.add(_scarcest(kind.buckets, state.buckets, self._now_ms), state, self._now_ms)

    def rooms(self) -> Mapping[Kind, Room]:
        """Return what was added up so far."""
        return {kind: added.room(self._now_ms) for kind, added in self._sums.items()}


class _Sum:
    """The sums of one kind."""

    def __init__(self) -> None:
        self._accounts = self._candidates = self._unknown = self._units = self._total = 0
        self._next_ms: int | None = None
        self._ends: dict[_End, list[int]] = {}

    def add(self, bucket: Bucket | None, state: TokenState, now_ms: int) -> None:
        self._accounts += 1
        if bucket is None:
            self._candidates += state.status == "active"
            self._unknown += state.status == "active"
            return
        left, total = bucket.remaining, bucket.total or bucket.remaining
        cooled = state.status == "cooling" and left > 0
        back_ms = state.cooldown_until_ms if cooled else bucket.reset_at_ms
        self._total += total
        if left > 0 and not cooled:
            self._candidates += 1
            self._units += left
        elif back_ms is not None:
            self._next_ms = back_ms if self._next_ms is None else min(self._next_ms, back_ms)
        if cooled:
            self._stock((_binned(back_ms, now_ms), None), 0, left)
        else:
            self._stock((_binned(back_ms, now_ms), bucket.window_s), max(0, left), total)

    def room(self, now_ms: int) -> Room:
        return Room(
            accounts=self._accounts,
            candidates=self._candidates,
            unknown=self._unknown,
            units=self._units,
            total=self._total,
            next_reset_ms=self._next_ms,
            stocks=tuple(
                Stock(
                    left=left,
                    total=total,
                    resets_in_h=None if end is None else (end - now_ms) / _HOUR_MS,
                    every_h=window_s / _HOUR_S if window_s else None,
                )
                for (end, window_s), (left, total) in self._ends.items()
            ),
        )

    def _stock(self, end: _End, left: int, total: int) -> None:
        sums = self._ends.setdefault(end, [0, 0])
        sums[0] += left
        sums[1] += total


def _scarcest(buckets: Iterable[str], held: Mapping[str, Bucket], now_ms: int) -> Bucket | None:
    """Return the bucket that ends first; None: nobody knows what there is."""
    found: Bucket | None = None
    known = True
    for name in buckets:
        bucket = held.get(name)
        if bucket is None or bucket.remaining < 0 or _is_over(bucket, now_ms):
            known = False
        elif found is None or bucket.remaining < found.remaining:
            found = bucket
    return found if known or (found is not None and not found.remaining) else None


def _is_over(bucket: Bucket, now_ms: int) -> bool:
    """Tell whether the window of an empty bucket has ended: what it holds now is unknown."""
    return not bucket.remaining and bucket.reset_at_ms is not None and bucket.reset_at_ms <= now_ms


def _binned(at_ms: int | None, now_ms: int) -> int | None:
    """Round up, and to the future."""
    return None if at_ms is None else max(-(-at_ms // _BIN_MS) * _BIN_MS, now_ms)
