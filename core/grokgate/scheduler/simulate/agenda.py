"""Virtual time: what happens next, and when. Nothing waits, so an hour takes as long as its events.

Both clocks are kept: the monotonic one only ever moves on, the wall clock may be made to jump.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, TypeAlias

from grokgate.scheduler.holding import Moment

Event: TypeAlias = Callable[..., None]

START = Moment(1_000.0, 1_750_000_000_000)
"""When every simulation begins."""


class Life:
    """One run of the program: when it is over, nothing that it planned happens any more."""

    __slots__ = ("over",)

    def __init__(self) -> None:
        self.over = False


class Agenda:
    """Events in the order of their time; those of the same instant in the order of planning."""

    def __init__(self) -> None:
        self.now = START
        self._offset_ms = START.ms - START.s * 1000
        self._planned: list[tuple[float, int, Life | None, Event, tuple[Any, ...]]] = []
        self._count = 0

    def after(self, delay_s: float, event: Event, *args: Any, life: Life | None = None) -> None:
        """Plan *event*; it does not happen if *life* is over by then."""
        self._count += 1
        when = self.now.s + max(0.0, delay_s)
        heappush(self._planned, (when, self._count, life, event, args))

    def step(self) -> bool:
        """Let the next event happen; False: nothing is planned."""
        while self._planned:
            when, _, life, event, args = heappop(self._planned)
            if life is not None and life.over:
                continue
            if when > self.now.s:
                self.now = Moment(when, int(when * 1000 + self._offset_ms))
            event(*args)
            return True
        return False

    def jump(self, wall_s: float) -> None:
        """Move the wall clock alone."""
        self._offset_ms += wall_s * 1000
        self.now = Moment(self.now.s, int(self.now.s * 1000 + self._offset_ms))
