"""How many retries the process may have under way, so that they never make an outage worse (P3)."""

from random import Random

_SHARE = 0.2
_PER_S = 3.0
_SAVED = 10.0
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 8.0


class RetryBudget:
    """Allows retries for a fifth of the live calls, and 3 per second besides, saved up to 10."""

    def __init__(self) -> None:
        self.live = 0
        """Calls under way, from their opening to the end of their exchange."""
        self.exhausted = 0
        """Retries that were refused so far."""
        self._retrying = 0
        self._saved = _SAVED
        self._counted_at = 0.0

    def take(self, now: float) -> bool:
        """Ask for a retry; one that is allowed must be given back with `done`.

        Args:
            now: Monotonic seconds.
        """
        self._saved = min(_SAVED, self._saved + _PER_S * (now - self._counted_at))
        self._counted_at = now
        if self._retrying + 1 > _SHARE * self.live:
            if self._saved < 1:
                self.exhausted += 1
                return False
            self._saved -= 1
        self._retrying += 1
        return True

    def done(self) -> None:
        """Note that a retry has ended, or has its first output."""
        self._retrying -= 1


def pause_s(rng: Random, retry: int) -> float:
    """Return how long to wait before the *retry*-th retry, from 1: full jitter, at most 8 s."""
    longest_s: float = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(retry, 10))
    return rng.random() * longest_s
