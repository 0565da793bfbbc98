"""Unary replies that take longer than a proxy waits in silence (F-API-09)."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Generic, Protocol, Self, TypeVar

import anyio
import msgspec

from grokgate.errors import GatewayError
from grokgate.openai import envelope
from grokgate.plugin.stream import CLOSE_S, EventStream

R = TypeVar("R")
_BLANK = b" "


class PatienceOptions(Protocol):
    """What the core's section ``grok`` says about it."""

    unary_keepalive: bool
    sse_keepalive_sec: float
    """0: off."""


def _in_envelope(error: GatewayError) -> bytes:
    return msgspec.json.encode(envelope(error))


def _as_json(result: object) -> Iterable[bytes]:
    return (msgspec.json.encode(result),)


async def patiently(
    work: Callable[[], Coroutine[Any, Any, R]],
    options: PatienceOptions,
    *,
    failure: Callable[[GatewayError], bytes] = _in_envelope,
    body: Callable[[R], Iterable[bytes]] = _as_json,
) -> R | EventStream:
    """Await *work*, whose result a handler returns; where wanted, not in silence.

    What ends within ``sse_keepalive_sec`` is returned, or raised, as if it had been awaited. After
    that, with ``unary_keepalive``, a reply with status 200 is returned that sends blanks and then
    the result as JSON, or the error in its envelope: JSON may begin with blanks.

    Args:
        work: Releases what it holds when it is cancelled.
        options: ``ctx.shared.grok``.
        failure: Renders an error as a whole JSON body.
        body: Renders the result as the pieces of one.

    Raises:
        GatewayError: What *work* raises in time.
    """
    keepalive_s = options.sse_keepalive_sec if options.unary_keepalive else 0
    if keepalive_s <= 0:
        return await work()
    task = asyncio.ensure_future(work())
    try:
        await asyncio.wait({task}, timeout=keepalive_s)
    except asyncio.CancelledError:
        await _end(task)
        raise
    if task.done():
        return task.result()
    return EventStream(
        _Result(task),
        body,
        failure=lambda error: (failure(error),),
        keepalive_s=keepalive_s,
        ping=_BLANK,
        headers={"content-type": "application/json"},
    )


class _Result(Generic[R]):
    """What *task* returns, as the only event of a stream."""

    def __init__(self, task: asyncio.Task[R]) -> None:
        self._task = task
        self._read = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        if self._read:
            raise StopAsyncIteration
        self._read = True
        return await self._task

    async def aclose(self) -> None:
        await _end(self._task)


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancel *task*, and let it release what it holds, whatever happens to the request."""
    task.cancel()
    with anyio.move_on_after(CLOSE_S, shield=True):
        await asyncio.wait({task})
