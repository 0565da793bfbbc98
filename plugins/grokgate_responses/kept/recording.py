"""Reads a turn that goes on without its client, and keeps what it says."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

import anyio
from msgspec import structs

from grokgate.errors import GatewayError, InternalError, InvalidRequest, Overloaded
from grokgate_responses.answer.encode import Emitted
from grokgate_responses.answer.objects import ResponseError, ResponseObject
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.records import Record, Recorded, events_gone
from grokgate_responses.request.items import Item

RECORDED_BYTES: Final = 8 << 20
"""The most that is recorded of one turn; what is older than that cannot be replayed."""
ENDING_S: Final = 1.5
"""Seconds a turn that was given up has to be kept; less than its job has."""
_LOOK_S: Final = 0.5
"""Between two looks whether another process watches."""
_REST: Final = 10
"""Times as long as keeping the events took, it is not done again."""
_CUT_OFF: Final = "The gateway was restarted while the response was being made."


class Reading(Protocol):
    """What is needed of a `Turn`."""

    @property
    def id(self) -> str:
        """Of the response."""
        ...

    def response(self) -> ResponseObject:
        """Return the response as it stands."""
        ...

    def events(self) -> AsyncGenerator[Emitted, None]:
        """Read the turn."""
        ...

    def broken(self, error: GatewayError, /) -> list[Emitted]:
        """Return the events that end it early."""
        ...

    async def aclose(self) -> None:
        """Give it up."""
        ...


async def _nobody() -> bool:
    """Say that no other process watches."""
    return False


class Recording:
    """The work of a background job: reads a turn to its end, and keeps what it said.

    Args:
        turn: Not read yet.
        turns: Where it is kept.
        items: Its input, as it can be listed while nothing else is kept.
        owner: Whose it is.
        most_bytes: Of the events held.
        is_watched: Tells whether another process needs the events before the end.
    """

    def __init__(
        self,
        turn: Reading,
        turns: StoredTurns,
        *,
        items: tuple[Item, ...],
        owner: str,
        most_bytes: int = RECORDED_BYTES,
        is_watched: Callable[[], Awaitable[bool]] = _nobody,
    ) -> None:
        self._turn = turn
        self._turns = turns
        self._items = tuple(map(dict, items))
        self._owner = owner
        self._most_bytes = most_bytes
        self._is_watched = is_watched
        self._look_at = 0.0
        self._events: deque[Emitted] = deque()
        self._first = 0
        """Sequence number of the oldest event held."""
        self._bytes = 0
        self._news = asyncio.Event()
        self._answered = asyncio.Event()
        self._refusal: GatewayError | None = None
        self._begun = self._shown = self._ended = self._cancelled = False
        self._end: ResponseObject | None = None
        self._accepted = self.response()

    def response(self) -> ResponseObject:
        """Return the response as it stands."""
        if self._end is not None:
            return self._end
        response = self._turn.response()
        return response if self._begun else structs.replace(response, status="queued")

    def cancel(self) -> None:
        """Take the cancellation that comes now for the client's own wish."""
        self._cancelled = True

    async def accepted(self) -> ResponseObject:
        """Wait until what is known of the turn already is kept; return it.

        Raises:
            GatewayError: It cannot be; nothing is left of the turn.
        """
        await self._answered.wait()
        if self._refusal is not None:
            raise self._refusal
        return self._accepted

    async def __call__(self) -> None:
        """Read the turn to its end; what became of it is kept, whatever happens."""
        try:
            await self._put(self._accepted)
        except GatewayError as error:
            await self._withdraw(error)
            return
        except asyncio.CancelledError:
            await self._withdraw(Overloaded("The gateway is shutting down."))
            raise
        finally:
            self._answered.set()
        await self._read()

    async def _withdraw(self, error: GatewayError) -> None:
        """Leave nothing of a turn that was not accepted."""
        self._refusal = error
        with anyio.move_on_after(ENDING_S, shield=True):
            await self._turn.aclose()
            await self._turns.forget(self._turn.id, owner=self._owner)

    async def _read(self) -> None:
        try:
            async for emitted in self._turn.events():
                self._begun = True
                self._add(emitted)
                await self._show()
            with anyio.move_on_after(ENDING_S, shield=True):
                await self._keep()
        except asyncio.CancelledError:
            with anyio.move_on_after(ENDING_S, shield=True):
                await self._give_up(self._interruption())
            raise
        except Exception:
            await self._give_up(InternalError())
            raise
        finally:
            self._ended = True
            self._wake()

    async def follow(self, after: int = -1) -> AsyncGenerator[Emitted, None]:
        """Yield the events later than *after*, then those to come.

        Raises:
            InvalidRequest: Some of them are gone.
        """
        place = after + 1
        while True:
            while place < self._first + len(self._events):
                if place < self._first:
                    raise events_gone()
                yield self._events[place - self._first]
                place += 1
            if self._ended:
                return
            await self._news.wait()

    def recorded(self) -> Recorded:
        """Return what is held now."""
        return Recorded(first=self._first, events=tuple(self._events))

    def _interruption(self) -> GatewayError:
        return interrupted("The response was cancelled.") if self._cancelled else interrupted()

    async def _give_up(self, error: GatewayError) -> None:
        """End a turn that was cut short, for those who follow it and for later."""
        await self._turn.aclose()
        for emitted in self._turn.broken(error):
            self._add(emitted)
        response = self._turn.response()
        if not response.store:  # the turn itself could not be kept any more
            self._end = self._ending_of(response)
        await self._keep(self._end)

    def _ending_of(self, response: ResponseObject) -> ResponseObject:
        if self._cancelled:
            return structs.replace(response, status="cancelled", error=None, store=True)
        failed = response if response.status == "failed" else cut_off(response)
        return structs.replace(failed, store=True)

    async def _show(self) -> None:
        """Keep what other processes need to show; it is no loss where that cannot be."""
        with suppress(GatewayError):
            if not self._shown and self._turn.response().status == "in_progress":
                self._shown = True
                await self._put(self.response())
            if anyio.current_time() >= self._look_at:
                await self._show_events()

    async def _show_events(self) -> None:
        began = anyio.current_time()
        try:
            if await self._is_watched():
                await self._turns.put_events(self._turn.id, self.recorded(), owner=self._owner)
        finally:
            took_s = anyio.current_time() - began
            self._look_at = began + max(_LOOK_S, _REST * took_s)

    async def _keep(self, response: ResponseObject | None = None) -> None:
        """Keep the events, and *response* where the turn did not keep it itself."""
        try:
            if response is not None:
                await self._put(response)
            await self._turns.put_events(self._turn.id, self.recorded(), owner=self._owner)
        except GatewayError:
            self._turns.not_kept(self._owner)

    async def _put(self, response: ResponseObject) -> None:
        record = Record(response=response, items=self._items)
        await self._turns.put(record, owner=self._owner)

    def _add(self, emitted: Emitted) -> None:
        self._events.append(emitted)
        self._bytes += len(emitted.body)
        while self._bytes > self._most_bytes and len(self._events) > 1:
            self._bytes -= len(self._events.popleft().body)
            self._first += 1
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def interrupted(said: str = _CUT_OFF) -> GatewayError:
    """Describe the end of a turn that was broken off."""
    return InvalidRequest(said, code="interrupted")


def cut_off(response: ResponseObject) -> ResponseObject:
    """Return a response that the end of a process broke off."""
    error = ResponseError(code="server_error", message=_CUT_OFF)
    return structs.replace(response, status="failed", error=error)
