"""Writes token states behind the calls that change them, in batches, and until it succeeds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import anyio

from grokgate.background import write_behind
from grokgate.tokens.record import TokenState

Writer: TypeAlias = Callable[[Sequence[TokenState]], Awaitable[None]]
"""Makes states durable, all or none; called again with newer ones of the same tokens."""

_BATCH = 1000


class WriteBehind:
    """Remembers which tokens changed; their states are read when they are written.

    A token waits at most once, however often it changes, so memory is bounded without dropping.

    Args:
        writer: Makes states durable.
        state: Returns the state of a token now; None: it is gone.
        delay_s: Returns for how long changes are collected.
        log: Told of writes that failed.
    """

    def __init__(
        self,
        writer: Writer,
        state: Callable[[str], TokenState | None],
        *,
        delay_s: Callable[[], float],
        log: Any,
    ) -> None:
        self.stored: dict[str, TokenState] = {}
        """By token: what the store holds, as far as we know; the store's own objects, no copies."""
        self._writer = writer
        self._state = state
        self._delay_s = delay_s
        self._log = log
        self._dirty: dict[str, None] = {}
        self._stirred = asyncio.Event()
        self._turn = anyio.Lock()

    def touch(self, token: str) -> None:
        """Note that *token* changed."""
        self._dirty[token] = None
        self._stirred.set()

    async def run(self) -> None:
        """Write until cancelled."""

        def failed(error: Exception) -> None:
            self._log.warning("token_states_not_written", error=type(error).__name__)

        await write_behind(self._stirred, self.flush, delay_s=self._delay_s, failed=failed)

    async def flush(self) -> None:
        """Write all changes up to now; what the writer raises passes through, nothing is lost."""
        async with self._turn:
            due, self._dirty = list(self._dirty), {}
            self._stirred.clear()
            await self._write(due)

    async def _write(self, due: Sequence[str]) -> None:
        for start in range(0, len(due), _BATCH):
            batch = due[start : start + _BATCH]
            states = [state for token in batch if (state := self._state(token)) is not None]
            try:
                await self._writer(states)
            except BaseException:
                self._dirty = dict.fromkeys(due[start:]) | self._dirty
                self._stirred.set()
                raise
            self.stored.update((state.id, state) for state in states if state.id in self.stored)
