"""How often accounts took calls of a sort today, for `Call.daily` (F-NSFW-06).

The counts are notes of the tokens, so they last as long and are written as soon as their quota: a
restart forgets none. Those of other days mean nothing, and the next count takes their place.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from grokgate.errors import NoTokenAvailable
from grokgate.plugin.records import Daily
from grokgate.scheduler.home import Home
from grokgate.upstream import AccountFacts, Clock

_DAY = timedelta(days=1)
_LONGEST_WAIT_S = 3600.0
_FULL = 1 << 30


class Days:
    """Counts calls by sort and token, from midnight to midnight.

    Args:
        home: Keeps the notes.
        clock: Its wall time decides what day it is.
        offset_minutes: When a day begins, minutes east of UTC.
    """

    def __init__(self, home: Home, clock: Clock, offset_minutes: Callable[[], int]) -> None:
        self._home = home
        self._clock = clock
        self._offset_minutes = offset_minutes
        self._counts: dict[str, Counter[str]] = {}
        """By sort, those that were read or counted today."""
        self._day = 0

    def full(self, daily: Daily | None) -> frozenset[str]:
        """Return the tokens that have taken all they may take today."""
        if daily is None or not daily.limit:
            return frozenset()
        counts = self._of(daily.name)
        return frozenset(token for token, count in counts.items() if count >= daily.limit)

    def count(self, daily: Daily | None, token: str, *, blocked: bool) -> None:
        """Count a call that was charged; one that moderation *blocked* uses up the day."""
        if daily is None or not daily.limit:
            return
        counts = self._of(daily.name)
        counts[token] += _FULL if blocked else 1
        note = f"{self._day}:{counts[token]}"
        self._home.learned(token, AccountFacts(keep={_key(daily.name): note}), since=0)

    def refusal(self) -> NoTokenAvailable:
        """Say that all wait for the next day."""
        now = self._local()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
        left_s = (midnight - now).total_seconds()
        return NoTokenAvailable(
            "All accounts that could serve this wait for quota, or have had their share of today.",
            retry_after_s=min(_LONGEST_WAIT_S, max(1.0, left_s)),
        )

    def _of(self, name: str) -> Counter[str]:
        """Return the counts of today, read from the notes when they are first asked for."""
        today = self._local().toordinal()
        if today != self._day:
            self._day = today
            self._counts.clear()
        if name not in self._counts:
            key = _key(name)
            noted = {state.id: state.kept.get(key, "") for state in self._home.states()}
            self._counts[name] = Counter(
                {token: count for token, note in noted.items() if (count := _read(note, today))}
            )
        return self._counts[name]

    def _local(self) -> datetime:
        return self._clock.now() + timedelta(minutes=self._offset_minutes())


def _key(name: str) -> str:
    """Return the name of a note; no driver's own has a colon."""
    return f"day:{name}"


def _read(note: str, today: int) -> int:
    """Return the count in a note of *today*; 0: of another day, or no such note."""
    day, _, count = note.partition(":")
    return int(count) if day == str(today) and count.isdecimal() else 0
