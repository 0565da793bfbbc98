"""The system's time, as handed to everything that needs a clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Real time; tests hand in one they can move."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()
