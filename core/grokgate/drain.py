"""Ends the requests and jobs of this process in order when it is told to stop (P9).

```text
serving ──SIGTERM──> draining: no new work, /ready 503
                        ├─ idle ──────────────> done
                        └─ grace over ──> cut: streams get an error frame,
                                          jobs are cancelled ──≤ 4 s──> done
```
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

CUT_S = 4.0
"""Seconds that streams have for their error frames, and jobs to end, once the grace is over."""


class Drain:
    """Counts the requests and jobs in progress; one per process, used from its event loop only."""

    def __init__(self, *, grace_s: Callable[[], float]) -> None:
        self._grace_s = grace_s
        self._begun = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._cut = asyncio.Event()
        self.inflight = 0
        """Requests and jobs in progress, probes not counted."""
        self.sockets = 0
        """Open ones, busy or not."""

    @property
    def draining(self) -> bool:
        """Whether new work is refused."""
        return self._begun.is_set()

    @property
    def cut(self) -> asyncio.Event:
        """Set when the grace is over: whoever streams says so and ends, and jobs are cancelled."""
        return self._cut

    def enter(self) -> None:
        """Count a request or job in."""
        self.inflight += 1
        self._idle.clear()

    def leave(self) -> None:
        """Count a request or job out."""
        self.inflight -= 1
        self._look()

    def connect(self) -> None:
        """Count a socket in: it is waited for, but by itself it is nothing in progress."""
        self.sockets += 1
        self._idle.clear()

    def disconnect(self) -> None:
        """Count a socket out."""
        self.sockets -= 1
        self._look()

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

    def _look(self) -> None:
        if not self.inflight and not self.sockets:
            self._idle.set()
