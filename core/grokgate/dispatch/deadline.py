"""The total limit of one call: a single timer that cancels whoever waits when it fires.

`asyncio.timeout` would be a scope per wait; here a wait costs two attribute writes, so that an
event that is ready is passed on without suspending, and the waiting task may change on the way.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class TimeIsUp(Exception):
    """The total limit of the call has passed."""


class Deadline:
    """Cancels the task between `begin` and `end` when time is up, or when told to.

    Args:
        seconds: From now; None: no limit.
    """

    __slots__ = ("_before", "_hit", "_loop", "_reader", "_timer", "passed")

    def __init__(self, seconds: float | None) -> None:
        self.passed = False
        """Time is up."""
        self._reader: asyncio.Task[object] | None = None
        self._before = 0
        self._hit = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        if seconds is not None:
            self._timer = self._loop.call_later(max(0.0, seconds), self._fire)

    def begin(self) -> None:
        """The current task is about to wait."""
        task = self._reader = asyncio.current_task(self._loop)
        assert task is not None
        self._before = task.cancelling()

    def end(self) -> bool:
        """The wait is over; tell whether we, and nobody else, cancelled it."""
        reader, self._reader = self._reader, None
        if not self._hit or reader is None:
            return False
        self._hit = False
        return reader.uncancel() <= self._before

    def interrupt(self) -> bool:
        """Cancel the wait that is going on; return whether there is one."""
        if self._reader is None:
            return False
        if not self._hit:
            self._hit = True
            self._reader.cancel()
        return True

    async def limit(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await *work*.

        Raises:
            TimeIsUp: The limit has passed.
        """
        if self.passed:
            raise TimeIsUp
        self.begin()
        try:
            result = await work()
        except asyncio.CancelledError:
            if self.end():
                raise TimeIsUp from None
            raise
        except BaseException:
            self.end()
            raise
        self.end()
        return result

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _fire(self) -> None:
        self.passed = True
        self.interrupt()
