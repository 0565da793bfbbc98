"""Requests that wait in an event loop for a token which is merely busy, each until its deadline.

What comes back by itself, a token that has cooled down or refilled, is served by a timer, so that
nobody who waits is left without one.
"""

import asyncio
import math
from collections.abc import Callable

from grokgate.errors import GatewayError
from grokgate.scheduler.core import Core, Waiter
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Lease, Want
from grokgate.scheduler.queue import Place


class _Future(Waiter):
    """A task that waits."""

    def __init__(self, want: Want, since: float) -> None:
        super().__init__(want, since)
        self.future: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()

    def left(self) -> bool:
        return self.future.done()

    def answer(self, reply: Lease | GatewayError) -> None:
        if isinstance(reply, GatewayError):
            self.future.set_exception(reply)
        else:
            self.future.set_result(reply)

    def late_lease(self) -> Lease | None:
        """Return what was granted to a task while it was being cancelled."""
        future = self.future
        granted = future.done() and not future.cancelled() and future.exception() is None
        return future.result() if granted else None


class WaitingList:
    """The waiting tasks of one home; used from one event loop.

    Args:
        core: Answers them.
        now: Returns the time.
    """

    def __init__(self, core: Core, *, now: Callable[[], Moment]) -> None:
        self._core = core
        self._now = now
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        """Monotonic seconds for which the timer is set."""

    async def wait(self, want: Want, at: Moment, *, size: int, again: bool = False) -> Lease:
        """Wait in turn for a lease.

        Args:
            want: Its deadline lies after *at*.
            at: Now.
            size: How many may wait.
            again: It had its turn, in vain: it is the next of its key, however many wait.

        Raises:
            Overloaded: The list is full, or the deadline passed.
            NoTokenAvailable: There is nothing to wait for any more (D30).
        """
        waiter = _Future(want, at.s)
        place = self._core.join(waiter, at, size=size, again=again)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(want.deadline - at.s, self._on_deadline, place)
        self.arm(at)
        try:
            return await waiter.future
        except asyncio.CancelledError:
            lease = waiter.late_lease()
            if lease is not None:
                self._core.take_back(lease, self._now())
            raise
        finally:
            timer.cancel()
            self._core.queue.leave(place)

    def arm(self, at: Moment) -> None:
        """Set the timer for the next token that cools down or refills, if it is set for later."""
        due_at = self._core.ledger.due_at()
        if due_at is None or not len(self._core.queue) or due_at >= self._armed_for:
            return
        self.close()
        self._armed_for = due_at
        delay_s = max(0.0, due_at - at.s)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_due)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._armed_for = None, math.inf

    def _on_deadline(self, place: Place[Waiter]) -> None:
        self._core.overdue(place, self._now())

    def _on_due(self) -> None:
        self.close()
        at = self._now()
        self._core.serve(at)
        self.arm(at)
