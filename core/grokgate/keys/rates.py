"""How often a key may ask, and how much at once (F-KEY-08).

A request counts from its admission until its reply has ended. The minute slides: in no 60 seconds
there are more requests than allowed. One process counts for itself; what counts for several has to
keep the promises of `Rates`.
"""

from collections import deque
from typing import Final

from msgspec import Struct

from grokgate.errors import LimitExceeded
from grokgate.plugin import Caller
from grokgate.upstream import Clock

_WINDOW_S: Final = 60.0


class Rate(Struct, frozen=True):
    """How much of its requests per minute a key has left."""

    limit: int
    remaining: int
    reset_s: float
    """Seconds until all of them are back."""


class _Visits:
    """The requests of one key."""

    __slots__ = ("admitted_at", "inflight")

    def __init__(self) -> None:
        self.admitted_at: deque[float] = deque()
        """Of the last minute, oldest first; monotonic seconds."""
        self.inflight = 0


class Rates:
    """Admits requests of keys that have such limits; never waits.

    Args:
        clock: Its monotonic time decides.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._visits: dict[str, _Visits] = {}

    def enter(self, caller: Caller) -> None:
        """Admit a request; what was admitted has to `leave` once.

        Raises:
            LimitExceeded: The key asks too often, or has too many requests under way.
        """
        if caller.rpm is None and caller.max_inflight is None:
            return
        visits = self._of(caller)
        if caller.max_inflight is not None and visits.inflight >= caller.max_inflight:
            raise LimitExceeded("This key has too many requests in progress.")
        if caller.rpm is not None:
            self._count(visits, caller.rpm)
        visits.inflight += 1

    def leave(self, caller: Caller) -> None:
        """Count an admitted request out; *caller* is the one that entered."""
        if caller.rpm is not None or caller.max_inflight is not None:
            self._of(caller).inflight -= 1

    def rate(self, caller: Caller) -> Rate | None:
        """Return what is left of the caller's requests per minute; None: it has no such limit."""
        if caller.rpm is None:
            return None
        visits, now = self._of(caller), self._clock.monotonic()
        admitted_at = visits.admitted_at
        _slide(admitted_at, now)
        left_s = admitted_at[-1] + _WINDOW_S - now if admitted_at else 0.0
        return Rate(caller.rpm, max(0, caller.rpm - len(admitted_at)), left_s)

    def _count(self, visits: _Visits, rpm: int) -> None:
        now = self._clock.monotonic()
        admitted_at = visits.admitted_at
        _slide(admitted_at, now)
        if len(admitted_at) >= rpm:
            # The limit may have been lowered: so many must be gone that one more fits.
            first = admitted_at[len(admitted_at) - rpm]
            raise LimitExceeded(
                "This key has used up its requests per minute.",
                retry_after_s=first + _WINDOW_S - now,
            )
        admitted_at.append(now)

    def _of(self, caller: Caller) -> _Visits:
        return self._visits.setdefault(caller.key_id, _Visits())


def _slide(admitted_at: deque[float], now: float) -> None:
    while admitted_at and admitted_at[0] + _WINDOW_S <= now:
        admitted_at.popleft()
