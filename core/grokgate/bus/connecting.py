"""Connections to Redis or Valkey for what may wait, but not for ever."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from grokgate.upstream import Secret

LIMIT_S: Final = 1.0
"""Longest time for a connection or an answer."""
FAULTS: Final = (RedisError, OSError)
"""What a server that is away, frozen, or not ready raises."""


@asynccontextmanager
async def connected(address: Secret, *, answer_s: float = LIMIT_S) -> AsyncIterator[Redis]:
    """Yield a client; it connects when it is used, and again after every fault.

    Args:
        address: ``redis://``, ``rediss://`` or ``unix://``.
        answer_s: Longest time until a command is answered.
    """
    client = Redis.from_url(
        address.reveal(),
        socket_connect_timeout=LIMIT_S,
        socket_timeout=answer_s,
        retry=Retry(NoBackoff(), 0),  # we try again ourselves, and want to know of the fault
        decode_responses=True,
        protocol=2,
    )
    try:
        yield client
    finally:
        with anyio.move_on_after(LIMIT_S, shield=True):
            await client.aclose()
