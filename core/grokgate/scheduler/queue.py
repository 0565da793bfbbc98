"""A bounded waiting list: first come first served within a key, the keys in turn (I10).

Places differ in what they wait for, their *kind*. Once the first place of a kind cannot be served,
no later one of that kind is tried in the same round, so a round costs little and nobody overtakes.
Pure: the owner keeps time and wakes those it serves.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Place(Generic[T]):
    """Somebody's place in the list."""

    __slots__ = ("item", "key", "kind", "variant")

    def __init__(self, key: str, kind: Hashable, item: T, variant: Hashable) -> None:
        self.key = key
        self.kind = kind
        self.item = item
        self.variant = variant


class FairQueue(Generic[T]):
    """Places of all keys."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[Place[T]]] = OrderedDict()
        """By key, the next key in turn first."""
        self._size = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return self._size

    def join(
        self,
        key: str,
        kind: Hashable,
        item: T,
        *,
        size: int,
        variant: Hashable = None,
        again: bool = False,
    ) -> Place[T] | None:
        """Take a place at the end; None if *size* places are taken.

        Args:
            key: Whose turn it is part of.
            kind: What it waits for.
            item: Who waits.
            size: How many may wait.
            variant: What it will not take of its kind; others of that kind may be served first.
            again: It was served in vain: the first place of its key, however many are taken.
        """
        if len(self) >= size and not again:
            return None
        place = Place(key, kind, item, variant)
        line = self._lines.setdefault(key, deque())
        if again:
            line.appendleft(place)
        else:
            line.append(place)
        self._size += 1
        return place

    def leave(self, place: Place[T]) -> None:
        """Give a place up; one that was served or given up before is left alone."""
        line = self._lines.get(place.key)
        if line is not None and place in line:
            line.remove(place)
            self._removed(place)

    def serve(self, accept: Callable[[T], bool]) -> None:
        """Offer what is free to those who wait, until nobody takes anything.

        Args:
            accept: Called with an item; True: it was served and leaves the list.
        """
        stuck: set[tuple[Hashable, Hashable]] = set()
        while self._lines and self._serve_one(accept, stuck):
            pass

    def _serve_one(
        self, accept: Callable[[T], bool], stuck: set[tuple[Hashable, Hashable]]
    ) -> bool:
        for key, line in self._lines.items():
            for place in line:
                if (place.kind, place.variant) in stuck:
                    continue
                if accept(place.item):
                    self._lines.move_to_end(key)
                    self.leave(place)
                    return True
                stuck.add((place.kind, place.variant))
        return False

    def _removed(self, place: Place[T]) -> None:
        self._size -= 1
        if not self._lines[place.key]:
            del self._lines[place.key]
