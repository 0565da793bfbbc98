"""A clock that moves only when told to."""

from datetime import UTC, datetime, timedelta

_START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """Stands still until `advance` is called; wall and monotonic time move together."""

    def __init__(self, start: datetime = _START) -> None:
        self._wall = start
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        return self._wall

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move time forward by *seconds*."""
        self._wall += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back; durations do not notice."""
        self._wall += timedelta(seconds=seconds)
