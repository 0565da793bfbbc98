"""What happened in a simulation: a digest of all of it, and the last of it in words."""

from collections import deque
from hashlib import blake2b

_TAIL = 60


class Trace:
    """Counts, digests and remembers events."""

    def __init__(self) -> None:
        self.count = 0
        self._digest = blake2b(digest_size=16)
        self._tail: deque[str] = deque(maxlen=_TAIL)

    def add(self, at_s: float, event: str, fields: tuple[object, ...]) -> None:
        """Note an event and what was decided in it."""
        self.count += 1
        line = f"{at_s:.3f} {event} {' '.join(map(str, fields))}"
        self._digest.update(line.encode())
        self._tail.append(line)

    def digest(self) -> str:
        """Return a number that is the same for the same events in the same order."""
        return self._digest.hexdigest()

    def tail(self) -> list[str]:
        """Return the last events, oldest first."""
        return list(self._tail)
