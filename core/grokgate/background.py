"""Keeps background work running beside whatever happens in a block."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import anyio

Work: TypeAlias = Callable[[], Awaitable[None]]

RESTART_S = 1.0
"""Pause before work that ended or failed is begun again."""
_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 10.0


@asynccontextmanager
async def background(*works: Work, log: Any) -> AsyncIterator[None]:
    """Keep *works* running until the context is left.

    Args:
        works: Each runs until cancelled.
        log: Told of defects of them.
    """
    inside: Exception | None = None
    async with anyio.create_task_group() as group:
        for work in works:
            group.start_soon(_keep_running, work, log)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised below: the group would wrap it
            inside = error
        group.cancel_scope.cancel()
    if inside is not None:
        raise inside


async def write_behind(
    stirred: asyncio.Event,
    flush: Work,
    *,
    delay_s: Callable[[], float],
    failed: Callable[[Exception], object],
) -> None:
    """Have what waits written, until cancelled; after a failure ever later, up to 10 s.

    Args:
        stirred: Set while something waits; *flush* clears it.
        flush: Writes it.
        delay_s: Returns for how long more is collected first.
        failed: Told why something could not be written.
    """
    backoff_s = 0.0
    while True:
        await stirred.wait()
        await anyio.sleep(backoff_s or delay_s())
        try:
            await flush()
        except Exception as error:  # noqa: BLE001 - fence: the store may fail in any way, and heals
            backoff_s = min(_LONGEST_BACKOFF_S, 2 * backoff_s or _FIRST_BACKOFF_S)
            failed(error)
        else:
            backoff_s = 0.0


async def _keep_running(work: Work, log: Any) -> None:
    """Run *work* until cancelled; a defect of it ends neither the others nor the service."""
    while True:
        try:
            await work()
        except Exception:  # a fence: logged with its owner, then begun again
            log.exception("background_failed", work=getattr(work, "__qualname__", repr(work)))
        await anyio.sleep(RESTART_S)
