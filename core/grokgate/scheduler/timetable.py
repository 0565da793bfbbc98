"""When tokens cool down or refill next: one time for each, the first at hand.

Pure: time arrives as an argument.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush

from grokgate.scheduler.entry import NEVER, Entry

_FEW = 1024


class Timetable:
    """The times of all tokens of a roster.

    A token's time stands in `Entry.planned_at`; the heap also holds earlier plans that are no
    longer true, and looking at one of them does nothing. New times are sorted in when somebody
    asks, so that many at once, as at the start, cost little each.

    Args:
        entries: The tokens, by id; the roster's own.
    """

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._heap: list[tuple[float, str]] = []
        self._unsorted: list[tuple[float, str]] = []
        self._bound = _FEW

    def plan(self, entry: Entry) -> None:
        """Have *entry* come up when it cools down or refills next."""
        due_at = entry.due_at()
        if due_at < entry.planned_at:
            entry.planned_at = due_at
            self._unsorted.append((due_at, entry.id))

    def first(self) -> float | None:
        """Return the first time, in monotonic seconds; None if nothing is known to come."""
        self._sort()
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[Entry]:
        """Yield the tokens whose time has come; each is to be planned anew."""
        self._sort()
        while self._heap and self._heap[0][0] <= now:
            when, token = heappop(self._heap)
            entry = self._entries.get(token)
            if entry is not None and entry.planned_at == when:
                entry.planned_at = NEVER
                yield entry

    def _sort(self) -> None:
        if not self._unsorted:
            return
        few = len(self._unsorted) < max(_FEW, len(self._heap) // 8)
        if few and len(self._heap) < self._bound:
            _push_all(self._heap, self._unsorted)
        else:
            times = ((entry.planned_at, entry.id) for entry in self._entries.values())
            self._heap = [time for time in times if time[0] != NEVER]
            heapify(self._heap)
            self._bound = _FEW + 2 * len(self._heap)
        self._unsorted.clear()


def _push_all(heap: list[tuple[float, str]], times: Iterable[tuple[float, str]]) -> None:
    for time in times:
        heappush(heap, time)
