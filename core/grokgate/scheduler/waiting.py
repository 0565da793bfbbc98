"""Requests that wait for a token which is merely busy, each until its own deadline.

Whoever changes the ledger calls `serve`; what comes back by itself, a token that has cooled down or
refilled, is served by a timer. Nobody who waits is left without one.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from grokgate.errors import Overloaded
from grokgate.scheduler import select
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Lease, Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.queue import FairQueue, Place


class Lend(Protocol):
    """Picks and reserves in one step; None: nothing is free."""

    def __call__(self, want: Want, at: Moment, /, *, queued_s: float) -> Lease | None:
        """Lease a token for *want*."""
        ...


class _Waiter:
    """A request in the waiting list."""

    __slots__ = ("future", "since", "want")

    def __init__(self, want: Want, future: asyncio.Future[Lease], since: float) -> None:
        self.want = want
        self.future = future
        self.since = since


class WaitingList:
    """The waiting requests of one home; used from one event loop.

    Args:
        ledger: Asked for who is busy, and for when the next token returns.
        now: Returns the time.
        lend: Leases a token.
        take_back: Called with a lease that its request was cancelled too late to refuse.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        now: Callable[[], Moment],
        lend: Lend,
        take_back: Callable[[Lease], None],
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._lend = lend
        self._take_back = take_back
        self._queue: FairQueue[_Waiter] = FairQueue()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        """Monotonic seconds for which the timer is set."""

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._queue)

    def holds(self, want: Want) -> bool:
        """Tell whether somebody waits for what *want* is for: a newcomer has to queue too."""
        return self._queue.waits(_kind(want))

    async def wait(self, want: Want, at: Moment, *, size: int) -> Lease:
        """Wait in turn for a lease.

        Args:
            want: Its deadline lies after *at*.
            at: Now.
            size: How many may wait.

        Raises:
            Overloaded: The list is full, or the deadline passed.
            NoTokenAvailable: There is nothing to wait for any more (D30).
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(want, loop.create_future(), at.s)
        place = self._queue.join(want.key_id, _kind(want), waiter, size=size)
        if place is None:
            raise Overloaded("Too many requests are waiting for an account.")
        timer = loop.call_later(want.deadline - at.s, self._overdue, place)
        self._arm(at)
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._abandon(waiter)
            raise
        finally:
            timer.cancel()
            self._queue.leave(place)

    def serve(self) -> None:
        """Grant what is free to those who wait."""
        if len(self._queue):
            at = self._now()
            self._ledger.drain(at)
            self._queue.serve(lambda waiter: self._answer(waiter, at))
            self._arm(at)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._armed_for = None, math.inf

    def _answer(self, waiter: _Waiter, at: Moment) -> bool:
        """Give a waiter a lease, or a refusal once there is nothing to wait for (D30)."""
        if waiter.future.done():
            return True
        lease = self._lend(waiter.want, at, queued_s=at.s - waiter.since)
        if lease is not None:
            waiter.future.set_result(lease)
            return True
        if select.busy(self._ledger, waiter.want):
            return False
        waiter.future.set_exception(select.refusal(select.outlook(self._ledger, waiter.want, at)))
        return True

    def _abandon(self, waiter: _Waiter) -> None:
        """Give a lease back that was granted to a request while it was being cancelled."""
        future = waiter.future
        if future.done() and not future.cancelled() and future.exception() is None:
            self._take_back(future.result())

    def _overdue(self, place: Place[_Waiter]) -> None:
        self._queue.leave(place)
        future = place.item.future
        if not future.done():
            future.set_exception(Overloaded("All accounts that could serve this model are busy."))

    def _arm(self, at: Moment) -> None:
        """Set the timer for the next token that cools down or refills, if it is set for later."""
        due_at = self._ledger.due_at()
        if due_at is None or not len(self._queue) or due_at >= self._armed_for:
            return
        self.close()
        self._armed_for = due_at
        delay_s = max(0.0, due_at - at.s)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_due)

    def _on_due(self) -> None:
        self.close()
        self.serve()


def _kind(want: Want) -> object:
    """Return what a want waits for; wants that are alike cannot overtake each other."""
    tags, only, tried = want.require_tags, want.only, want.tried
    return want.upstream, want.pools, want.buckets, tags, only, tried
