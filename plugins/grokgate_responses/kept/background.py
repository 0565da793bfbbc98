"""Turns that go on without their client (`openai-contract.md` 4.7).

```text
start ──> queued ──> in_progress ──> completed | incomplete | failed
             └──────────┴─ cancel ──> cancelled
             └──────────┴─ end of the process ──> failed
```

A job of the core runs each; its work is a `Recording`, found again by the response's id. What it
recorded is followed by any number of readers, and lies beside the turn when it has ended. A turn
that the store shows under way while no job runs it was cut off by the end of a process.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Final, Protocol

import anyio
from msgspec import structs

from grokgate.errors import GatewayError, InternalError, InvalidRequest
from grokgate.plugin import Caller, PluginContext
from grokgate_responses.answer.encode import Emitted
from grokgate_responses.answer.objects import ResponseError, ResponseObject
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.records import Record, Recorded, events_gone, without_contents
from grokgate_responses.request.items import Item
from grokgate_responses.request.translate import Asked, History
from grokgate_responses.settings import ResponsesSettings
from grokgate_responses.turn import Turn

KIND: Final = "response"
"""Of the jobs."""
RECORDED_BYTES: Final = 8 << 20
"""The most that is recorded of one turn; what is older than that cannot be replayed."""
_ENDING_S: Final = 1.5
"""Seconds a turn that was given up has to be kept; less than its job has."""
_UNDER_WAY: Final = frozenset({"queued", "in_progress"})
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


class Recording:
    """The work of a background job: reads a turn to its end, and keeps what it said.

    Args:
        turn: Not read yet.
        turns: Where it is kept.
        items: Its input, as it can be listed while nothing else is kept.
        owner: Whose it is.
        most_bytes: Of the events held.
    """

    def __init__(
        self,
        turn: Reading,
        turns: StoredTurns,
        *,
        items: tuple[Item, ...],
        owner: str,
        most_bytes: int = RECORDED_BYTES,
    ) -> None:
        self._turn = turn
        self._turns = turns
        self._items = tuple(map(dict, items))
        self._owner = owner
        self._most_bytes = most_bytes
        self._events: deque[Emitted] = deque()
        self._first = 0
        """Sequence number of the oldest event held."""
        self._bytes = 0
        self._news = asyncio.Event()
        self._begun = self._ended = self._cancelled = False
        self._end: ResponseObject | None = None

    def response(self) -> ResponseObject:
        """Return the response as it stands."""
        if self._end is not None:
            return self._end
        response = self._turn.response()
        return response if self._begun else structs.replace(response, status="queued")

    def cancel(self) -> None:
        """Take the cancellation that comes now for the client's own wish."""
        self._cancelled = True

    async def reserve(self) -> None:
        """Keep what is known of the turn already.

        Raises:
            StoreUnavailable: Nothing can be written.
        """
        await self._put(self.response())

    async def __call__(self) -> None:
        """Read the turn to its end; what became of it is kept, whatever happens."""
        try:
            async for emitted in self._turn.events():
                self._begun = True
                self._add(emitted)
            with anyio.move_on_after(_ENDING_S, shield=True):
                await self._keep()
        except asyncio.CancelledError:
            with anyio.move_on_after(_ENDING_S, shield=True):
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
        said = "The response was cancelled." if self._cancelled else _CUT_OFF
        return InvalidRequest(said, code="interrupted")

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


async def start(
    ctx: PluginContext[ResponsesSettings], caller: Caller, asked: Asked, history: History | None
) -> Recording:
    """Begin a turn that goes on without its client.

    Raises:
        GatewayError: It cannot be served, kept or run; nothing is left of it.
    """
    turns, owner = StoredTurns(ctx), caller.key_id
    turn = await Turn.open(ctx, caller, asked, history, turns, streamed=False, background=True)
    items = tuple(without_contents(item) for item in asked.items)
    recording = Recording(turn, turns, items=items, owner=owner)
    try:
        await recording.reserve()
        ctx.jobs.start(KIND, turn.id, recording, owner=owner)
    except BaseException:
        with anyio.move_on_after(_ENDING_S, shield=True):
            await turn.aclose()
            await turns.forget(turn.id, owner=owner)
        raise
    return recording


def running(
    ctx: PluginContext[ResponsesSettings], response_id: str, *, owner: str
) -> Recording | None:
    """Return the work on a response; None: there is none, or it is another key's."""
    job = ctx.jobs.find(KIND, response_id, owner=owner)
    return job.work if job is not None and isinstance(job.work, Recording) else None


async def stop(ctx: PluginContext[ResponsesSettings], response_id: str, *, owner: str) -> None:
    """Cancel the work on a response and wait for its end; without such work nothing happens."""
    job = ctx.jobs.find(KIND, response_id, owner=owner)
    if job is not None and isinstance(job.work, Recording):
        job.work.cancel()
        job.cancel()
        await job.wait()


def settled(record: Record) -> Record:
    """Return what *record*, which no job works on, says about its response."""
    if record.response.status not in _UNDER_WAY:
        return record
    return structs.replace(record, response=cut_off(record.response))


def cut_off(response: ResponseObject) -> ResponseObject:
    """Return a response that the end of a process broke off."""
    error = ResponseError(code="server_error", message=_CUT_OFF)
    return structs.replace(response, status="failed", error=error)
