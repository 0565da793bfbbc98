"""Which of the pictures an upstream makes become which of those that were asked for.

An upstream may make more than were asked for, and withhold some. Slots go to the pictures that turn
up first, at their own place where that is free; one that is withheld gives its slot back, and one
that is finished takes a slot from one that is not, if all are taken.
"""

from collections.abc import Iterable

from grokgate.upstream import Event, ImageRefused, Progress

MAX_PICTURES = 16
"""Of one answer; more than any generation makes."""


class Slots:
    """The slots of one answer, from 0."""

    def __init__(self, most: int) -> None:
        self._most = max(1, min(most, MAX_PICTURES))
        self._held: dict[str, int] = {}
        """Slots by the names of unfinished pictures."""
        self._ready: dict[str, int] = {}
        self._percents: dict[int, int] = {}

    @property
    def ready(self) -> int:
        """How many are filled."""
        return len(self._ready)

    @property
    def full(self) -> bool:
        """Whether all are filled."""
        return len(self._ready) >= self._most

    def done(self, name: str) -> bool:
        """Tell whether the picture fills a slot."""
        return name in self._ready

    def of(self, name: str, place: object = None) -> int | None:
        """Return the slot of an unfinished picture; None: all are taken."""
        if name not in self._held and (free := self._free()):
            self._held[name] = place if type(place) is int and place in free else free[0]
        return self._held.get(name)

    def release(self, name: str) -> None:
        """Take the slot from a picture that will not come."""
        self._held.pop(name, None)

    def fill(self, name: str, place: object = None) -> int | None:
        """Give a finished picture its slot for good; None: all are filled."""
        slot = self.of(name, place)
        if slot is None and self._held:
            slot = self._held.pop(next(iter(self._held)))
        if slot is not None:
            self._held.pop(name, None)
            self._ready[name] = slot
        return slot

    def progress(self, slot: int, percent: int) -> list[Event]:
        """Tell how far a slot is, if it is further than before."""
        if percent <= self._percents.get(slot, 0):
            return []
        self._percents[slot] = percent
        return [Progress(slot=slot, percent=percent)]

    def refusals(self, blocked: Iterable[bool]) -> list[Event]:
        """Tell of slots that stay empty, of which there are at most as many as *blocked* has.

        Args:
            blocked: For each picture that did not come, whether it just never came.
        """
        filled = set(self._ready.values())
        empty = (slot for slot in range(self._most) if slot not in filled)
        return [ImageRefused(slot=slot, blocked=how) for slot, how in zip(empty, blocked)]  # noqa: B905 - the shorter one counts

    def _free(self) -> list[int]:
        taken = {*self._held.values(), *self._ready.values()}
        return [slot for slot in range(self._most) if slot not in taken]
