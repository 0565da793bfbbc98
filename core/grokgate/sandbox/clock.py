"""Time of the simulated upstream: the real clock, which the control plane can put forward."""

import time
from datetime import UTC, datetime, timedelta

from grokgate.upstream import Clock


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()


class VirtualClock:
    """A clock whose wall time can be put forward; quota windows and time stamps use it.

    Its monotonic time stays real, so that durations in the journal are what really passed.
    """

    def __init__(self, base: Clock | None = None) -> None:
        self._base: Clock = base or SystemClock()
        self._ahead_s = 0.0

    def now(self) -> datetime:
        """Return the virtual wall time in UTC."""
        return self._base.now() + timedelta(seconds=self._ahead_s)

    def epoch_s(self) -> float:
        """Return the virtual wall time in Unix seconds."""
        return self.now().timestamp()

    def monotonic(self) -> float:
        """Return real seconds for durations."""
        return self._base.monotonic()

    def advance(self, seconds: float) -> None:
        """Put the wall time forward; it cannot go back.

        Raises:
            ValueError: *seconds* is negative or no number.
        """
        if not 0 <= seconds <= _LONGEST_STEP_S:
            raise ValueError(f"seconds must lie between 0 and {_LONGEST_STEP_S}")
        self._ahead_s += seconds

    def reset(self) -> None:
        """Return to the time of the base clock."""
        self._ahead_s = 0.0


_LONGEST_STEP_S = 366 * 86_400
