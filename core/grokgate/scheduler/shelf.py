"""Tokens of one pool in groups of equal rank, so that a pick touches groups and not tokens.

A shelf serves one combination of buckets, required tags and ranking. Every token of the pool has
one rank on it: the higher the better, or one of the numbers below that say why it is out. Groups
are indexed sets (an array, and the place of each member in it), and an integer keeps one bit per
group that is not empty: its highest bit is the best group. All changes and picks are O(1).

A `WideShelf` takes ranks of any size and keeps its groups in a heap instead.
"""

from array import array
from collections.abc import Collection, MutableSequence
from heapq import heapify, heappop, heappush
from random import Random
from typing import TypeAlias

EMPTY = 0
"""A bucket of the shelf has no unit left."""
BUSY = -1
"""As many calls in flight as the token may have."""
COOLING = -2
EXPIRED = -3
DISABLED = -4
CLOSED = -5
"""The account's plan does not have a bucket of the shelf."""
ABSENT = -6
"""Not on this shelf: it lacks a required tag, or its slot is free."""

MAX_RANK = 4095
"""Better ranks count as this one: it bounds the bit mask to 512 bytes."""

_FEW = 64
_ONE_ABSENT = array("i", (ABSENT,))
_Slots: TypeAlias = MutableSequence[int]
WAITING = frozenset({EMPTY, COOLING})
"""Reasons to be out that pass by themselves."""


class Shelf:
    """Ranks of a pool's tokens for one combination of buckets, tags and ranking.

    Tokens are known by their slot, a small integer that the pool assigns.
    """

    __slots__ = (
        "_flat",
        "_flat_spots",
        "_groups",
        "_mask",
        "_ranks",
        "_spots",
        "buckets",
        "filled",
        "outside",
        "plain",
        "ranking",
        "returns",
        "tags",
    )

    def __init__(
        self, buckets: tuple[str, ...], tags: frozenset[str], ranking: str = "max_quota"
    ) -> None:
        self.buckets = buckets
        self.tags = tags
        self.ranking = ranking
        self.plain = ranking == "max_quota" and len(buckets) == 1
        """A candidate's rank is what is left in the one bucket, and nothing else."""
        self.outside = [0] * (1 - ABSENT)
        """How many tokens are out; the index is the negated reason."""
        self.filled = 0
        """Slots, from the first on, that have been given their rank; a shelf is filled in steps."""
        self.returns = Returns() if ranking == "max_quota" else None
        """Once per combination of buckets and tags is enough."""
        self._groups: dict[int, _Slots] = {}
        self._mask = 0
        self._ranks = array("i")
        self._spots = array("i")
        self._flat: _Slots = array("i")
        self._flat_spots = array("i")

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self._flat)

    def rank(self, slot: int) -> int:
        """Return the rank last given to *slot*."""
        return self._ranks[slot] if slot < len(self._ranks) else ABSENT

    def place(self, slot: int, rank: int) -> None:
        """Give *slot* the rank *rank*: at least 1, or a reason to be out."""
        if slot >= len(self._ranks):
            self.grow(slot + 1)
        old = self._ranks[slot]
        if rank == old:
            return
        self._ranks[slot] = rank
        if old > 0:
            self._take(slot, old)
            if rank <= 0:
                self._leave(slot)
        else:
            self.outside[-old] -= 1
            if self.returns is not None and old in WAITING:
                self.returns.forget(slot)
        if rank > 0:
            group = self._groups.get(rank) or self._open(rank)
            self._spots[slot] = len(group)
            group.append(slot)
            if old <= 0:
                self._enter(slot)
        else:
            self.outside[-rank] += 1

    def best(self, rng: Random, skip: Collection[int] = ()) -> int | None:
        """Pick at random among those of the highest rank that are not in *skip*."""
        mask = self._mask
        while mask:
            rank = mask.bit_length() - 1
            slot = _any(self._groups[rank], rng, skip)
            if slot is not None:
                return slot
            mask ^= 1 << rank
        return None

    def anyone(self, rng: Random, skip: Collection[int] = ()) -> int | None:
        """Pick at random among all candidates that are not in *skip*."""
        return _any(self._flat, rng, skip)

    def grow(self, size: int) -> None:
        """Make room for *size* slots; new ones are absent."""
        missing = max(0, size - len(self._ranks))
        self._ranks.extend(_ONE_ABSENT * missing)
        self._spots.extend(_ONE_ABSENT * missing)
        self._flat_spots.extend(_ONE_ABSENT * missing)
        self.outside[-ABSENT] += missing

    def _take(self, slot: int, rank: int) -> None:
        """Take *slot* out of the group of *rank*."""
        group = self._groups[rank]
        last = group.pop()
        if last != slot:
            spot = self._spots[slot]
            group[spot] = last
            self._spots[last] = spot
        elif not group:
            self._close(rank)

    def _open(self, rank: int) -> _Slots:
        """Return the group of *rank*, which is about to have a member."""
        self._mask |= 1 << rank
        return self._groups.setdefault(rank, array("i"))

    def _close(self, rank: int) -> None:
        """Note that the group of *rank* has no member any more."""
        self._mask ^= 1 << rank

    def _enter(self, slot: int) -> None:
        self._flat_spots[slot] = len(self._flat)
        self._flat.append(slot)

    def _leave(self, slot: int) -> None:
        last = self._flat.pop()
        if last != slot:
            spot = self._flat_spots[slot]
            self._flat[spot] = last
            self._flat_spots[last] = spot


class WideShelf(Shelf):
    """A shelf whose ranks may be anything up to 2 147 483 647; changes and picks are O(log n)."""

    __slots__ = ("_heap",)

    def __init__(
        self, buckets: tuple[str, ...], tags: frozenset[str], ranking: str = "max_quota"
    ) -> None:
        super().__init__(buckets, tags, ranking)
        self._heap: list[int] = []
        """The negated rank of each group there is; empty groups go when they come up."""

    def best(self, rng: Random, skip: Collection[int] = ()) -> int | None:
        """Pick at random among those of the highest rank that are not in *skip*."""
        passed: list[int] = []
        slot = None
        while slot is None and self._heap:
            group = self._groups[-self._heap[0]]
            if not group:
                del self._groups[-heappop(self._heap)]
                continue
            slot = _any(group, rng, skip)
            if slot is None:
                passed.append(heappop(self._heap))
        for rank in passed:
            heappush(self._heap, rank)
        return slot

    def _open(self, rank: int) -> _Slots:
        group = self._groups.get(rank)
        if group is None:
            group = self._groups[rank] = array("i")
            heappush(self._heap, -rank)
        return group

    def _close(self, rank: int) -> None:
        """Leave the group where it is; `best` clears it away."""


class Returns:
    """When the waiting tokens of a shelf return, the first of them at hand."""

    __slots__ = ("_at", "_heap", "unknown")

    def __init__(self) -> None:
        self.unknown: dict[int, None] = {}
        """Slots of those of which nobody knows it."""
        self._at: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []
        """Holds every slot of `_at` with its time, and others that are no longer true."""

    def note(self, slot: int, returns_at: float | None) -> None:
        """Take over when the token at *slot* returns; None: nobody knows."""
        if returns_at is None:
            self._at.pop(slot, None)
            self.unknown[slot] = None
            return
        self.unknown.pop(slot, None)
        if self._at.get(slot) == returns_at:
            return
        self._at[slot] = returns_at
        heappush(self._heap, (returns_at, slot))
        if len(self._heap) > _FEW + 2 * len(self._at):
            self._heap = [(when, slot) for slot, when in self._at.items()]
            heapify(self._heap)

    def forget(self, slot: int) -> None:
        """Note that the token at *slot* does not wait."""
        self._at.pop(slot, None)
        self.unknown.pop(slot, None)

    def earliest(self) -> float | None:
        """Return the first known time; None if none is known."""
        heap = self._heap
        while heap and self._at.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None


def _any(slots: _Slots, rng: Random, skip: Collection[int]) -> int | None:
    """Pick at random; *skip* is short, so that the next ones suffice where one is to be skipped."""
    size = len(slots)
    if not size:
        return None
    start = int(rng.random() * size)
    if not skip:
        return slots[start]
    for step in range(size):
        slot = slots[(start + step) % size]
        if slot not in skip:
            return slot
    return None
