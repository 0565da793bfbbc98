"""Enters what plugins run from start to stop, behind a fence each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from grokgate.registry import LoadedPlugin, Registry

LIFESPAN_S = 30.0
"""Seconds a plugin has to start, and again to stop."""


async def enter_lifespans(
    stack: AsyncExitStack,
    registry: Registry,
    contexts: Mapping[str, Any],
    *,
    failed: Callable[[LoadedPlugin], None],
    log: Any,
) -> None:
    """Enter the lifespans of all plugins; one that fails does not stop the start.

    Args:
        stack: Leaves them, in reverse.
        registry: Knows the plugins and their hooks.
        contexts: By plugin name.
        failed: Told of a plugin that did not start.
        log: A bound structlog logger.
    """
    for plugin in registry.plugins:
        hook = registry.caller(plugin.name, "grokgate_lifespan")
        try:
            for lifespan in hook(ctx=contexts[plugin.name]):
                await stack.enter_async_context(_fenced(plugin.name, lifespan, log))
        except Exception:
            log.exception("plugin_lifespan_failed", plugin=plugin.name)
            failed(plugin)


@asynccontextmanager
async def _fenced(
    plugin: str, lifespan: AbstractAsyncContextManager[None], log: Any
) -> AsyncIterator[None]:
    """Enter *lifespan*; what it raises when it is left is logged, and the stop goes on."""
    # No scope of anyio: a lifespan may open a task group that outlives its entry.
    async with asyncio.timeout(LIFESPAN_S):
        await lifespan.__aenter__()
    try:
        yield
    finally:
        try:
            async with asyncio.timeout(LIFESPAN_S):
                await lifespan.__aexit__(None, None, None)
        except Exception:
            log.exception("plugin_lifespan_failed", plugin=plugin)
