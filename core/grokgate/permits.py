"""How many pictures and videos are made at once in this process (F-CFG-97)."""

import asyncio
from collections import deque
from collections.abc import Callable

from grokgate.errors import Overloaded


class Permits:
    """A bounded number of permits, given in the order they were asked for; for one event loop.

    Args:
        limit: How many may be out; asked anew each time.
        wait_s: Seconds to wait for one.
    """

    def __init__(self, *, limit: Callable[[], int], wait_s: Callable[[], float]) -> None:
        self.taken = 0
        self._limit = limit
        self._wait_s = wait_s
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> "Permit":
        """Return a permit (`grokgate.plugin.context.Permits`)."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._serve()
        try:
            async with asyncio.timeout(self._wait_s()):
                await turn
        except BaseException as error:
            self._give_up(turn)
            if isinstance(error, TimeoutError):
                raise Overloaded("Too many pictures and videos are being made.") from None
            raise
        return Permit(self)

    def give_back(self) -> None:
        """Take a permit back."""
        self.taken -= 1
        self._serve()

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        """Leave the line; what was given at the very last moment goes back."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif not turn.cancelled():
            self.give_back()

    def _serve(self) -> None:
        while self._waiting and self.taken < self._limit():
            turn = self._waiting.popleft()
            if not turn.done():
                self.taken += 1
                turn.set_result(None)


class Permit:
    """Leave to make pictures or a video."""

    def __init__(self, permits: Permits) -> None:
        self._permits: Permits | None = permits

    def release(self) -> None:
        """Give it back; safe to call twice."""
        permits, self._permits = self._permits, None
        if permits is not None:
            permits.give_back()
