"""Ends the requests of this process in order when it is told to stop (P9).

```text
serving ──SIGTERM──> draining: no new work, /ready 503
                        ├─ idle ──────────────> done
                        └─ grace over ──> cut: open streams get an error frame ──≤ 4 s──> done
```
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

CUT_S = 4.0
"""Seconds that streams have for their error frames once the grace is over."""


class Drain:
    """Counts the requests in progress; one per process, used from its event loop only."""

    def __init__(self, *, grace_s: Callable[[], float]) -> None:
        self._grace_s = grace_s
        self._begun = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._cut = asyncio.Event()
        self.inflight = 0
        """Requests in progress, probes not counted."""

    @property
    def draining(self) -> bool:
        """Whether new work is refused."""
        return self._begun.is_set()

    @property
    def cut(self) -> asyncio.Event:
        """Set when the grace is over: whoever streams says so and ends."""
        return self._cut

    def enter(self) -> None:
        """Count a request in."""
        self.inflight += 1
        self._idle.clear()

    def leave(self) -> None:
        """Count a request out."""
        self.inflight -= 1
        if not self.inflight:
            self._idle.set()

    def begin(self) -> None:
        """Start draining; safe to call twice and from a signal handler of the loop."""
        self._begun.set()

    async def begun(self) -> None:
        """Wait until draining has begun."""
        await self._begun.wait()

    async def finished(self) -> None:
        """Wait until draining was begun and has ended."""
        await self._begun.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s()):
                await self._idle.wait()
        self._cut.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(CUT_S):
                await self._idle.wait()
