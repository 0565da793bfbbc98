"""What all processes have to know of who comes to the door: what was used, shown, or failed.

One process has `LocalNotes`. What notes for several falls back to that while its server is away.
"""

from collections import OrderedDict
from typing import Final, Protocol

import anyio
from msgspec import Struct

from grokgate.upstream import Clock

FORGET_S: Final = 900.0
"""Seconds after which failures count no more."""
MOST: Final = 10_000
"""Sources that are remembered; beyond, the one that failed longest ago is forgotten."""


class Failures(Struct, frozen=True):
    """How often a source has failed."""

    count: int = 0
    age_s: float = 0.0
    """Seconds since the last one."""


class Notes(Protocol):
    """Remembers for a while; never fails."""

    async def note(self, name: str, /, *, for_s: float) -> bool:
        """Remember *name* from now on for so long; tell whether it was not remembered before."""
        ...

    async def noted(self, name: str, /) -> bool:
        """Tell whether *name* is remembered."""
        ...

    async def failed(self, source: str, /) -> int:
        """Count a failure of *source*; return its number."""
        ...

    async def failures(self, source: str, /) -> Failures:
        """Return how often *source* has failed."""
        ...

    async def forgive(self, source: str, /) -> None:
        """Forget the failures of *source*."""
        ...

    async def run(self) -> None:
        """Tell the other processes until cancelled."""
        ...


class LocalNotes:
    """The `Notes` of the only process.

    Args:
        clock: Its monotonic time decides.
        most: Sources that are remembered.
    """

    def __init__(self, clock: Clock, *, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._until: dict[str, float] = {}
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """How often, and when last; the longest ago first."""

    async def note(self, name: str, /, *, for_s: float) -> bool:
        """Remember *name*."""
        now = self._clock.monotonic()
        self._until = {one: until for one, until in self._until.items() if until >= now}
        is_new = name not in self._until
        self._until[name] = now + for_s
        return is_new

    async def noted(self, name: str, /) -> bool:
        """Tell whether *name* is remembered."""
        return self._until.get(name, 0.0) >= self._clock.monotonic()

    async def failed(self, source: str, /) -> int:
        """Count a failure."""
        count, last = self._failed.pop(source, (0, 0.0))
        now = self._clock.monotonic()
        count = count + 1 if now - last <= FORGET_S else 1
        self._failed[source] = count, now
        if len(self._failed) > self._most:
            self._failed.popitem(last=False)
        return count

    async def failures(self, source: str, /) -> Failures:
        """Return how often a source has failed."""
        if source not in self._failed:
            return Failures()
        count, last = self._failed[source]
        return Failures(count, self._clock.monotonic() - last)

    async def forgive(self, source: str, /) -> None:
        """Forget failures."""
        self._failed.pop(source, None)

    async def run(self) -> None:
        """Wait to be cancelled."""
        await anyio.sleep_forever()
