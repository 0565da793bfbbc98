"""The calls of one order, made side by side: events of upstreams become events of pictures."""

import asyncio
from collections import Counter, deque
from functools import partial
from typing import Any, Final, TypeAlias

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from grokgate.errors import (
    ContentRefused,
    EmptyResponse,
    GatewayError,
    Overloaded,
    UpstreamError,
)
from grokgate.plugin.context import Exchange, PluginContext
from grokgate.plugin.media.intake import Intake, take_preview
from grokgate.plugin.media.order import Order, Slots, portions
from grokgate.plugin.media.records import Made, PictureEvent, PictureProgress
from grokgate.upstream import Asset, ImagePreview, ImageReady, ImageRefused, Progress

_News: TypeAlias = ImageReady | ImagePreview | Progress
_Send: TypeAlias = MemoryObjectSendStream[PictureEvent]
_MOST_WAITING: Final = 16
_CLOSE_S: Final = 1.0
"""Seconds the calls have to end."""


class Making:
    """Pictures in the making: `start` it, read it with `next`, `stop` it.

    Each call stands for itself: one that finds no account or fails leaves the others alone. As many
    tasks as calls may run side by side make one call after the other until none waits.

    Args:
        ctx: Of the plugin that asks.
        order: Makes the calls of the client request, by one method.
    """

    def __init__(self, ctx: PluginContext[Any], order: Order) -> None:
        terms, wish = order.terms, order.terms.wish
        self.filled: set[int] = set()
        """Slots whose picture is there."""
        self.accounts: set[str] = set()
        """Short ids of the accounts that made something."""
        self._ctx = ctx
        self._wish = wish
        self._order = order
        self._intake = Intake(
            ctx.media, owner=terms.caller.key_id, links=wish.links, contents=wish.contents
        )
        self._anew = wish.anew
        self._waiting: deque[Slots] = deque(portions(wish.count, order.method, terms.offer))
        self._open = 0
        """Calls that are being read."""
        self._ended = 0
        """Calls that were read."""
        self._tasks: list[asyncio.Task[None]] = []
        self._previews: Counter[int] = Counter()
        self._errors: list[GatewayError] = []
        self._refused = False
        self._send, self._receive = anyio.create_memory_object_stream[PictureEvent](_MOST_WAITING)

    def start(self) -> None:
        """Begin as many calls as may run side by side."""
        with self._send:
            for _ in range(self._at_once()):
                send = self._send.clone()
                task = asyncio.create_task(self._work(send))
                task.add_done_callback(partial(_close, send))
                self._tasks.append(task)

    async def next(self) -> PictureEvent:
        """Return what comes next, of whichever call.

        Raises:
            StopAsyncIteration: All calls have ended.
            GatewayError: They have, and there is no picture.
        """
        try:
            return await self._receive.receive()
        except anyio.EndOfStream:
            for task in self._tasks:
                task.result()
            if not self.filled:
                raise self._failure() from None
            raise StopAsyncIteration from None

    async def stop(self) -> None:
        """End the calls that still run; safe to call twice."""
        for task in self._tasks:
            task.cancel()
        self._receive.close()
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _at_once(self) -> int:
        """Return how many calls run side by side: sockets as many as are allowed, others all."""
        calls = len(self._waiting)
        return min(calls, self._wish.concurrency) if self._order.method == "socket" else calls

    def _failure(self) -> GatewayError:
        """Say why there is no picture at all."""
        if self._refused or any(isinstance(error, ContentRefused) for error in self._errors):
            return ContentRefused()
        return self._errors[0] if self._errors else EmptyResponse()

    async def _work(self, send: _Send) -> None:
        """Make one call after the other, until none waits."""
        while self._waiting:
            slots, ended = self._waiting.popleft(), self._ended
            try:
                exchange = await self._ctx.dispatcher.open(self._order.call(slots))
            except Overloaded as error:
                # Where accounts are few, ours may be the calls that keep them busy.
                if self._open or self._ended > ended:
                    self._waiting.append(slots)
                else:
                    self._note(error)
                if self._open:
                    return
            except GatewayError as error:
                self._note(error)
            else:
                await self._read(exchange, slots, send)

    async def _read(self, exchange: Exchange, slots: Slots, send: _Send) -> None:
        """Read one call to its end; an error of it is noted, for others may do better."""
        blocked: list[int] = []
        self._open += 1
        try:
            async with exchange:
                async for event in exchange:
                    if isinstance(event, ImageRefused):
                        self._refused = True
                        if event.blocked and event.slot < len(slots):
                            blocked.append(slots[event.slot])
                    elif isinstance(event, _News) and event.slot < len(slots):
                        await self._pass_on(exchange, event, slots[event.slot], send)
        except GatewayError as error:
            self._note(error, stays=not (blocked and self._anew))
        finally:
            self._open -= 1
            self._ended += 1
        if blocked and self._anew:
            self._anew -= 1
            self._waiting.appendleft(tuple(blocked))

    def _note(self, error: GatewayError, *, stays: bool = True) -> None:
        """Keep *error* for the end; what would come of every further call ends them."""
        self._errors.append(error)
        ours = not isinstance(error, UpstreamError)
        if ours or (isinstance(error, ContentRefused) and stays):
            self._waiting.clear()

    async def _pass_on(self, exchange: Exchange, event: _News, slot: int, send: _Send) -> None:
        match event:
            case ImageReady():
                await self._take(exchange, event.asset, slot, send)
            case ImagePreview():
                await self._show(exchange, event.asset, slot, send)
            case Progress():
                await send.send(PictureProgress(slot=slot, percent=event.percent))

    async def _take(self, exchange: Exchange, asset: Asset, slot: int, send: _Send) -> None:
        if slot in self.filled:
            return
        self.accounts.add(asset.account)
        try:
            picture = await self._intake.take(asset, exchange.fetch, slot)
        except GatewayError as error:
            self._errors.append(error)
            self._ctx.log.warning("picture_lost", error=error.code, reason=error.message)
            return
        if picture is not None:
            self.filled.add(slot)
            await send.send(Made(picture=picture))

    async def _show(self, exchange: Exchange, asset: Asset, slot: int, send: _Send) -> None:
        """Pass a preview on; one that cannot be had is no loss."""
        self.accounts.add(asset.account)
        index = self._previews[slot]
        if index >= self._wish.previews or slot in self.filled:
            return
        try:
            preview = await take_preview(asset, exchange.fetch, slot, index)
        except UpstreamError:
            return
        self._previews[slot] += 1
        await send.send(preview)


def _close(send: _Send, _ended: asyncio.Task[None]) -> None:
    """Close the end of a task, which may never have begun."""
    send.close()
