"""One after the other at the same thing, while everybody else goes on."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Turn(Generic[T]):
    """What those who are at the same thing share."""

    def __init__(self) -> None:
        self.left: T | None = None
        """What an earlier one left for the next."""
        self.lock = asyncio.Lock()
        self.present = 0
        """Who is at it or waits for it."""


class Turns(Generic[T]):
    """Hands out turns by key; used from any task.

    One who fails or is cancelled leaves nothing, and the next one begins anew. When the last one
    has gone nothing is remembered.
    """

    def __init__(self) -> None:
        self._turns: dict[Hashable, Turn[T]] = {}

    @asynccontextmanager
    async def take(self, key: Hashable) -> AsyncIterator[Turn[T]]:
        """Wait until nobody else is at *key*; the turn ends with the block."""
        turn = self._turns.setdefault(key, Turn())
        turn.present += 1
        try:
            async with turn.lock:
                yield turn
        finally:
            turn.present -= 1
            if not turn.present:
                del self._turns[key]
