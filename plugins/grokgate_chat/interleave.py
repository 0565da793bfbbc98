"""Several exchanges read side by side as one source, for a stream of alternatives."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Sequence
from typing import Protocol, Self, TypeAlias

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from grokgate.errors import GatewayError
from grokgate.upstream import Event

Item: TypeAlias = tuple[int, Event | GatewayError]
"""Which alternative, and what came; an error is its last item."""
_MOST_WAITING = 16


class Closable(AsyncIterable[Event], Protocol):
    """What is needed of an exchange."""

    def aclose(self) -> Awaitable[None]:
        """End it early; harmless at its end."""
        ...


class Interleaved:
    """Reads *exchanges* in tasks of their own; must be closed, which closes them too.

    Items of one exchange keep their order. Read from one task.
    """

    def __init__(self, exchanges: Sequence[Closable]) -> None:
        self._exchanges = exchanges
        self._send, self._receive = anyio.create_memory_object_stream[Item](_MOST_WAITING)
        self._tasks: list[asyncio.Task[None]] = []

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Item:
        """Return what comes next, from whichever exchange."""
        if not self._tasks:
            self._start()
        try:
            return await self._receive.receive()
        except anyio.EndOfStream:
            for task in self._tasks:
                task.result()
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Stop reading and close the exchanges."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._send.close()
        self._receive.close()
        await asyncio.gather(*(exchange.aclose() for exchange in self._exchanges))

    def _start(self) -> None:
        with self._send:
            self._tasks = [
                asyncio.create_task(_pump(index, exchange, self._send.clone()))
                for index, exchange in enumerate(self._exchanges)
            ]


async def _pump(index: int, source: Closable, send: MemoryObjectSendStream[Item]) -> None:
    with send:
        try:
            async for event in source:
                await send.send((index, event))
        except GatewayError as error:
            await send.send((index, error))
