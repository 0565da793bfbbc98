"""Tokens of one pool in groups of equal rank, so that a pick touches groups and not tokens.

A shelf serves one combination of buckets and required tags. Every token of the pool has one rank
on it: the units it has left, or one of the numbers below that say why it is out. Groups are
indexed sets (a list, and the place of each member in it), and an integer keeps one bit per group
that is not empty: its highest bit is the fullest group. All changes and picks are O(1).
"""

from array import array
from collections.abc import Collection
from random import Random

EMPTY = 0
"""A bucket of the shelf has no unit left."""
BUSY = -1
"""As many calls in flight as the token may have."""
COOLING = -2
EXPIRED = -3
DISABLED = -4
ABSENT = -5
"""Not on this shelf: it lacks a required tag, or its slot is free."""

MAX_RANK = 4095
"""More units than this count as this many: it bounds the bit mask to 512 bytes."""


class Shelf:
    """Ranks of a pool's tokens for one combination of buckets and tags.

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
        "outside",
        "tags",
        "version",
    )

    def __init__(self, buckets: tuple[str, ...], tags: frozenset[str]) -> None:
        self.buckets = buckets
        self.tags = tags
        self.outside = [0] * (1 - ABSENT)
        """How many tokens are out; the index is the negated reason."""
        self.version = 0
        """Grows with every `place`, so that what was computed from a shelf can be kept."""
        self._groups: dict[int, list[int]] = {}
        self._mask = 0
        self._ranks = array("i")
        self._spots = array("i")
        self._flat: list[int] = []
        self._flat_spots = array("i")

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self._flat)

    def rank(self, slot: int) -> int:
        """Return the rank last given to *slot*."""
        return self._ranks[slot] if slot < len(self._ranks) else ABSENT

    def place(self, slot: int, rank: int) -> None:
        """Give *slot* the rank *rank*: units left, at least 1, or a reason to be out."""
        self.version += 1
        if slot >= len(self._ranks):
            self._grow(slot)
        old = self._ranks[slot]
        if rank == old:
            return
        self._ranks[slot] = rank
        if old > 0:
            self._drop(slot, old)
        else:
            self.outside[-old] -= 1
        if rank > 0:
            self._add(slot, rank)
        else:
            self.outside[-rank] += 1
        if (old > 0) is not (rank > 0):
            self._enter(slot) if rank > 0 else self._leave(slot)

    def fullest(self, rng: Random, skip: Collection[int] = ()) -> int | None:
        """Pick at random among those with the most units that are not in *skip*."""
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

    def _grow(self, slot: int) -> None:
        missing = slot + 1 - len(self._ranks)
        self._ranks.extend([ABSENT] * missing)
        self._spots.extend([0] * missing)
        self._flat_spots.extend([0] * missing)
        self.outside[-ABSENT] += missing

    def _add(self, slot: int, rank: int) -> None:
        group = self._groups.get(rank)
        if group is None:
            group = self._groups[rank] = []
        if not group:
            self._mask |= 1 << rank
        self._spots[slot] = len(group)
        group.append(slot)

    def _drop(self, slot: int, rank: int) -> None:
        group = self._groups[rank]
        last = group.pop()
        if last != slot:
            spot = self._spots[slot]
            group[spot] = last
            self._spots[last] = spot
        if not group:
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


def _any(slots: list[int], rng: Random, skip: Collection[int]) -> int | None:
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
