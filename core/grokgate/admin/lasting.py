"""Ends streams and sockets of operators whose session has ended (F-AUTH-06, S6)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Final, TypeVar

import anyio

from grokgate.admin.context import Operator
from grokgate.gateway import Gateway

T = TypeVar("T")
LOOK_S: Final = 1.0
"""Seconds between two looks; a stream ends at most twice as long after its session."""
_CLOSE_S: Final = 2.0


async def until_session_ends(gateway: Gateway, operator: Operator) -> None:
    """Return once the session, or what else the operator proved, holds no more."""
    access = gateway.access
    while access.holds(operator.session_id, epoch=operator.epoch):  # noqa: ASYNC110 - it also ends by time
        await asyncio.sleep(LOOK_S)


async def while_session_lives(
    events: AsyncIterator[T], gateway: Gateway, operator: Operator
) -> AsyncGenerator[T, None]:
    """Yield *events* until they end, or the operator's session does.

    *events* is closed in both cases, and when the reader leaves.
    """
    ending = asyncio.ensure_future(until_session_ends(gateway, operator))
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(events))
            await asyncio.wait({following, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                return
            try:
                event = following.result()
            except StopAsyncIteration:
                return
            yield event
    finally:
        ending.cancel()
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await _close(events, following)


async def _close(events: AsyncIterator[T], following: "asyncio.Future[T] | None") -> None:
    if following is not None and not following.done():
        following.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            await following
    if isinstance(events, AsyncGenerator):
        await events.aclose()
