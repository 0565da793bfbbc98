"""How often a key may ask, and how much at once (F-KEY-08).

A request counts from its admission until its reply has ended. The minute slides: in no 60 seconds
there are more requests than allowed. Both are exact over all processes that share `Places`.
"""

from collections import defaultdict
from collections.abc import Callable
from itertools import count

from msgspec import Struct

from grokgate.bus import Entry, Places
from grokgate.errors import LimitExceeded
from grokgate.openai.ids import new_id
from grokgate.plugin import Caller


class Rate(Struct, frozen=True):
    """How much of its requests per minute a key has left."""

    limit: int
    remaining: int
    reset_s: float
    """Seconds until all of them are back."""


class Rates:
    """Admits requests of keys that have such limits; belongs to one event loop.

    Args:
        places: Counts them; asked for at each request.
    """

    def __init__(self, places: Callable[[], Places]) -> None:
        self._places = places
        self._id = new_id("gw_")
        self._numbers = count()
        self._held: defaultdict[str, list[str]] = defaultdict(list)
        """Places of the requests that are under way here, by key; one is as good as another."""
        self._last: dict[str, Entry] = {}
        """By key: what was said last."""

    async def enter(self, caller: Caller) -> None:
        """Admit a request; what was admitted has to `leave` once.

        Raises:
            LimitExceeded: The key asks too often, or has too many requests under way.
            StoreUnavailable: Nobody can tell.
        """
        if caller.rpm is None and caller.max_inflight is None:
            return
        place = f"{self._id}-{next(self._numbers)}"
        self._last.pop(caller.key_id, None)
        entry = await self._places().enter(
            _room(caller), place, most=caller.max_inflight, per_minute=caller.rpm
        )
        self._last[caller.key_id] = entry
        if not entry.is_in:
            raise _refusal(entry)
        if caller.max_inflight is not None:
            self._held[caller.key_id].append(place)

    def leave(self, caller: Caller) -> None:
        """Count an admitted request out; *caller* is the one that entered."""
        if caller.max_inflight is not None:
            self._places().leave(_room(caller), self._held[caller.key_id].pop())

    def rate(self, caller: Caller) -> Rate | None:
        """Return what the last admission left of the caller's requests per minute.

        None: it has no such limit, or nobody could tell.
        """
        last = self._last.get(caller.key_id)
        if caller.rpm is None or last is None:
            return None
        return Rate(caller.rpm, max(0, caller.rpm - last.came), last.reset_s)


def _room(caller: Caller) -> str:
    return f"key:{caller.key_id}"


def _refusal(entry: Entry) -> LimitExceeded:
    if entry.wait_s > 0:
        return LimitExceeded(
            "This key has used up its requests per minute.", retry_after_s=entry.wait_s
        )
    return LimitExceeded("This key has too many requests in progress.")
