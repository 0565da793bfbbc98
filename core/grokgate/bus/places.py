"""Places that requests hold while they run, and how many came within a minute (F-KEY-08, I6).

A *room* is what a limit is about: a key, or work that is to be done once. Whoever is let in holds a
place until it leaves. One process counts with `LocalPlaces`; what counts for several lets go of the
places of a process that died, after a while.
"""

from collections import deque
from typing import Final, Protocol

import anyio
from msgspec import Struct

from grokgate.upstream import Clock

MINUTE_S: Final = 60.0


class Entry(Struct, frozen=True, kw_only=True):
    """What became of who wanted to enter a room."""

    is_in: bool
    holder: str = ""
    """Who has a place, where there was none left."""
    came: int = 0
    """How many were let in within the last minute, where there is a limit."""
    reset_s: float = 0.0
    """Seconds until none of them counts."""
    wait_s: float = 0.0
    """Seconds until one more fits, where the minute was full; else 0."""


class Places(Protocol):
    """Lets in as many as there may be, over all processes of an installation."""

    async def enter(
        self, room: str, place: str, /, *, most: int | None = None, per_minute: int | None = None
    ) -> Entry:
        """Let one in, in one step with the look whether it may; who is refused counts nowhere.

        The minute slides: in no 60 seconds more are let in than *per_minute*.

        Args:
            room: No secret.
            place: Of this one alone, among all there ever were; no secret.
            most: That may be inside at once; None: it is let in without holding a place.
            per_minute: None: any number.

        Raises:
            StoreUnavailable: Nobody can tell; it was not let in.
        """
        ...

    def leave(self, room: str, place: str, /) -> None:
        """Give a place back; one that is not held is passed over. Never waits and never fails."""
        ...

    async def run(self) -> None:
        """Keep the places of this process until cancelled."""
        ...


class _Room:
    __slots__ = ("came_at", "inside")

    def __init__(self) -> None:
        self.came_at: deque[float] = deque()
        """Of the last minute, oldest first; monotonic seconds."""
        self.inside: dict[str, None] = {}


class LocalPlaces:
    """The `Places` of the only process.

    Args:
        clock: Its monotonic time decides.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rooms: dict[str, _Room] = {}

    async def enter(
        self, name: str, place: str, /, *, most: int | None = None, per_minute: int | None = None
    ) -> Entry:
        """Let one in; there is nothing to wait for."""
        room, now = self._rooms.setdefault(name, _Room()), self._clock.monotonic()
        _slide(room.came_at, now)
        if most is not None and len(room.inside) >= most:
            return _told(room, now, is_in=False, holder=next(iter(room.inside)))
        if per_minute is not None and len(room.came_at) >= per_minute:
            # The limit may have been lowered: so many must be gone that one more fits.
            first = room.came_at[len(room.came_at) - per_minute]
            return _told(room, now, is_in=False, wait_s=first + MINUTE_S - now)
        if per_minute is not None:
            room.came_at.append(now)
        if most is not None:
            room.inside[place] = None
        return _told(room, now, is_in=True)

    def leave(self, name: str, place: str, /) -> None:
        """Give a place back."""
        room = self._rooms.get(name)
        if room is None:
            return
        room.inside.pop(place, None)
        if not room.inside and not room.came_at:
            del self._rooms[name]

    async def run(self) -> None:
        """Wait to be cancelled."""
        await anyio.sleep_forever()


def _told(room: _Room, now: float, *, is_in: bool, holder: str = "", wait_s: float = 0.0) -> Entry:
    came_at = room.came_at
    return Entry(
        is_in=is_in,
        holder=holder,
        came=len(came_at),
        reset_s=came_at[-1] + MINUTE_S - now if came_at else 0.0,
        wait_s=wait_s,
    )


def _slide(came_at: deque[float], now: float) -> None:
    while came_at and came_at[0] + MINUTE_S <= now:
        came_at.popleft()
