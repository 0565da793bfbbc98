"""The ledger's home in this process."""

import anyio

from grokgate.scheduler.home import Lease, Want
from grokgate.scheduler.shell import Shell


class MemoryHome(Shell):
    """A `Home` whose ledger lives in this process; used from one event loop."""

    # -- leases ------------------------------------------------------------------------------

    async def acquire(self, want: Want, /) -> Lease:
        """Lease a token now, or wait in turn while all fitting ones are busy."""
        at = self._now()
        settings = self._settings()
        self._ledger.limit(settings.token.max_inflight)
        lease = self._core.acquire(want, at)
        if lease is not None:
            return lease
        try:
            return await self._waiting.wait(want, at, size=settings.limits.queue_size)
        finally:
            self._waited(self._clock.monotonic() - at.s)

    # -- durability --------------------------------------------------------------------------

    async def run(self) -> None:
        """Write changed states until cancelled; those too that time changes while nobody calls."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._follow_time)
            await self._behind.run()

    async def aclose(self) -> None:
        """End leases that nobody settled, then flush. Drivers are closed before, `run` ended."""
        self._waiting.close()
        at = self._now()
        for lease in tuple(self._ledger.open):
            self._core.expire(lease, at)
        await self.flush()
