"""Keeps the leases of this process alive, and ends those of processes that are no more."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import anyio

from grokgate.errors import StoreUnavailable
from grokgate.scheduler.redis.operations import LeaseName, Operation, Reap, Renew, Restore
from grokgate.scheduler.redis.outbox import Outbox
from grokgate.scheduler.redis.view import View

_AT_ONCE = 100
_BEATS = 3
"""Heartbeats in the life of a lease."""
_MARGIN = 0.25
"""Of the time between two: for a body that is about to go out, and for an answer that was slow."""


class Leases:
    """Heartbeat and reaper.

    Args:
        view: Knows the leases of this process.
        outbox: Takes operations to the server.
        up_s: Tells for how long the server has been there.
        ended: Told of leases that expired there, of whatever process.
        now_s: Returns the time of this process, monotonic seconds.
        renew_s: Between two heartbeats; a lease lasts three of them.
        reap_s: Between two looks for what is overdue.
    """

    def __init__(
        self,
        view: View,
        outbox: Outbox,
        *,
        up_s: Callable[[], float],
        ended: Callable[[Sequence[LeaseName]], None],
        now_s: Callable[[], float],
        renew_s: float,
        reap_s: float,
    ) -> None:
        self._view = view
        self._outbox = outbox
        self._up_s = up_s
        self._ended = ended
        self._now_s = now_s
        self._renewed_s = 0.0
        """When the last heartbeat began that has reached the server."""
        self._renew_s = renew_s
        self._reap_s = reap_s

    def restored(self) -> list[Operation]:
        """List what has a ledger that was begun anew take in the leases of this process."""
        return [
            Restore(
                token=grant.entry.id,
                fence=fence,
                parts=grant.parts,
                cost=grant.cost,
                sent=grant.sent,
            )
            for fence, grant in self._view.open.items()
            if fence > 0
        ]

    def is_alive(self, lease: int) -> bool:
        """Tell whether a lease of ours cannot have ended, even if we have stood still.

        One whose body went out already counts as alive: it is charged however it ends.
        """
        grant = self._view.open.get(lease)
        if grant is None:
            return False
        held_s = self._now_s() - max(grant.since, self._renewed_s)
        return grant.sent or held_s < (_BEATS - _MARGIN) * self._renew_s

    async def run(self) -> None:
        """Renew and reap until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(_every, self._renew_s, self._renew)
            group.start_soon(_every, self._reap_s, self._reap)

    async def _renew(self) -> None:
        """Lengthen our leases; those that have ended are ours no more."""
        mine = [
            LeaseName(grant.entry.id, fence)
            for fence, grant in self._view.open.items()
            if fence > 0
        ]
        began_s = self._now_s()
        for start in range(0, len(mine), _AT_ONCE):
            answer = await self._outbox.ask(Renew(leases=mine[start : start + _AT_ONCE]))
            for lease in answer.leases:
                self._view.drop(lease.fence)
        self._renewed_s = began_s

    async def _reap(self) -> None:
        """End what is overdue; after an outage only when all had time for a heartbeat."""
        if self._up_s() < self._renew_s + self._reap_s:
            return
        while True:
            answer = await self._outbox.ask(Reap(most=_AT_ONCE))
            self._ended(answer.leases)
            if len(answer.leases) < _AT_ONCE:
                return


async def _every(pause_s: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do *work* again and again; while the server is gone there is nothing to do."""
    while True:
        await anyio.sleep(pause_s)
        with suppress(StoreUnavailable):
            await work()
