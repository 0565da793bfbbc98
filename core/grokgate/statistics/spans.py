"""When hours and days begin, by the operator's time zone (F-CFG-127)."""

from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


def begin_of_hour(at_ms: int, *, offset_minutes: int) -> int:
    """Return the Unix milliseconds at which the hour of *at_ms* began."""
    return _begin(at_ms, HOUR_MS, offset_minutes * MINUTE_MS)


def begin_of_day(at_ms: int, *, offset_minutes: int) -> int:
    """Return the Unix milliseconds at which the day of *at_ms* began."""
    return _begin(at_ms, DAY_MS, offset_minutes * MINUTE_MS)


def _begin(at_ms: int, length_ms: int, offset_ms: int) -> int:
    local_ms = at_ms + offset_ms
    return local_ms - local_ms % length_ms - offset_ms
