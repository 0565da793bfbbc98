"""One turn from a checked request to its end, whoever reads it.

1. `Turn.open` loads the attachments, reserves a place where the turn is to be kept, and opens the
   exchange: what fails here is an error of the request, and nothing remains of it.
2. `Turn.events` reads the exchange. Before its last event the turn is kept.
3. `Turn.complete` does the same for a reply that is not streamed.

A turn in the background is opened in two steps: `Turn.open` returns without asking the upstream
anything, and `Turn.events` opens the exchange after ``response.queued``.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Self

import anyio
from anyio.lowlevel import checkpoint

from grokgate.errors import ContentRefused, GatewayError
from grokgate.openai import estimate_prompt
from grokgate.plugin import REFUSED, Caller, Emulated, PluginContext
from grokgate.plugin.media import Answering
from grokgate.upstream import Conversation, Event, Finished
from grokgate_responses.answer.encode import Emitted
from grokgate_responses.answer.objects import ResponseObject, in_full
from grokgate_responses.answer.pictures import Picture
from grokgate_responses.answer.reply import Reply
from grokgate_responses.fetching import with_pictures
from grokgate_responses.kept.keeper_types import Keeper
from grokgate_responses.opening import Material, load_material, open_answer
from grokgate_responses.request.storing import kept
from grokgate_responses.request.translate import Asked, History
from grokgate_responses.settings import ResponsesSettings

CLOSE_S = 1.0
"""Seconds that giving a turn up may take."""
_EVENTS_PER_TURN = 64
"""Events after which a reply that is not streamed lets other tasks run."""


class Turn:
    """A turn under way; made by `open`, read once, in one task, by `events` or `complete`.

    It must be read to its end or closed. It is also what an `EventStream` reads.
    """

    def __init__(
        self,
        ctx: PluginContext[ResponsesSettings],
        caller: Caller,
        asked: Asked,
        keeper: Keeper,
        *,
        material: Material,
        streamed: bool,
        background: bool,
    ) -> None:
        self.id = asked.ids.response_id
        self.error: GatewayError | None = None
        """Why the turn failed, after its end."""
        self._ctx = ctx
        self._caller = caller
        self._asked = asked
        self._keeper = keeper
        self._material = material
        self._background = background
        grok = ctx.shared.grok
        self._timeout_s = grok.stream_total_timeout if streamed else grok.timeout
        self._reply = Reply(
            asked,
            id=self.id,
            created_at=self._now(),
            input_units=self._units(material.prompt),
            background=background,
            previous=asked.request.previous_response_id,
            seal=lambda text: ctx.objects.seal(text, owner=caller.key_id),
            silent=not (streamed or background),
        )
        self._answer: Emulated | Answering | None = None
        self._ready: deque[Emitted] = deque()
        """Written, but not yet delivered."""
        self._ending: list[Emitted] = []
        """The last events, until the turn is kept."""
        self._is_begun = self._is_reserved = self._is_over = False
        self._events = self._read()

    @classmethod
    async def open(
        cls,
        ctx: PluginContext[ResponsesSettings],
        caller: Caller,
        asked: Asked,
        history: History | None,
        keeper: Keeper,
        *,
        streamed: bool,
        background: bool = False,
    ) -> Self:
        """Load what is attached, reserve a place, and open the exchange.

        Args:
            ctx: Of the plugin.
            caller: Who asks.
            asked: The checked request.
            history: What it continues.
            keeper: Where the turn is kept.
            streamed: Decides the total limit; False in the background too.
            background: Leave the exchange to `events`, and the reservation to the caller.

        Raises:
            GatewayError: The request cannot be served; nothing is left of it.
        """
        material = await load_material(ctx, caller, asked, history)
        turn = cls(
            ctx, caller, asked, keeper, material=material, streamed=streamed, background=background
        )
        if not background:
            await turn._begin()
        return turn

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers that tell of the answer; complete at its end."""
        return self._answer.headers if isinstance(self._answer, Answering) else {}

    def response(self) -> ResponseObject:
        """Return the response as it stands."""
        return self._reply.response()

    def events(self) -> AsyncGenerator[Emitted, None]:
        """Return the events, from the first to the terminal one; there is one such generator.

        Errors become events. The turn is kept before the terminal event comes. Closing the
        generator closes the exchange.
        """
        return self._events

    def __aiter__(self) -> AsyncIterator[Emitted]:
        """Return the events."""
        return self._events

    async def complete(self) -> ResponseObject:
        """Read the turn to its end; return the response with what only unary replies have.

        Raises:
            GatewayError: The upstream failed. Moderation in mid-answer is no failure (F-CHAT-27).
        """
        try:
            await self._gather()
            await self._keep()
        finally:
            await self._release()
        return in_full(self._reply.response())

    def end(self) -> tuple[bytes, ...]:
        """Raise what the turn failed with, though its events were sent: the log is to know it."""
        if self.error is not None:
            raise self.error
        return ()

    def broken(self, error: GatewayError) -> list[Emitted]:
        """Return the events that end a stream which could not be read to its end."""
        if not self._is_begun:
            self._ready.extend(self._reply.begin(queued=self._background))
        if not self._is_over:
            self._is_over = True
            *before, _ = self._ending or self._reply.fail(error)
            self._ready.extend([*before, self._reply.unstored()])
        return list(self._taken())

    async def aclose(self) -> None:
        """Close the exchange and forget the turn, unless it was kept; safe to call twice."""
        with suppress(RuntimeError):  # another task reads it, and is about to get the end
            await self._events.aclose()
        await self._release()

    async def _begin(self) -> None:
        try:
            if self._asked.request.is_stored:
                await self._keeper.reserve(self.id, owner=self._caller.key_id)
                self._is_reserved = True
            await self._ask()
        except BaseException:
            await self._release()
            raise

    async def _ask(self) -> Emulated | Answering:
        opened = await open_answer(
            self._ctx, self._caller, self._asked, self._material, timeout_s=self._timeout_s
        )
        self._reply.input_units = self._units(opened.prompt)
        self._answer = opened.answer
        return opened.answer

    async def _read(self) -> AsyncGenerator[Emitted, None]:
        try:
            self._is_begun = True
            self._ready.extend(self._reply.begin(queued=self._background))
            try:
                answer = self._answer
                if answer is None:
                    for emitted in self._taken():
                        yield emitted
                    answer = await self._ask()
                    self._ready.extend(self._reply.start())
                async for event in self._seen(answer):
                    self._ready.extend(self._reply.feed(event))
                    for emitted in self._taken():
                        yield emitted
                self._finish(answer.finished)
            except GatewayError as error:
                self._fail(error)
            await self._keep()
            for emitted in self._taken():
                yield emitted
        finally:
            await self._release()

    async def _gather(self) -> None:
        """Read the answer without delivering anything."""
        self._reply.begin()
        answer, read = self._answer, 0
        assert answer is not None, "a turn in the background is read by `events`"
        try:
            async for event in self._seen(answer):
                self._reply.feed(event)
                read += 1
                if read % _EVENTS_PER_TURN == 0:
                    await checkpoint()
            self._finish(answer.finished)
        except GatewayError as error:
            self._fail(error)
            if self.error is not None:
                raise

    def _seen(self, answer: Emulated | Answering) -> AsyncIterable[Event | Picture]:
        """Return the events of *answer*; pictures are fetched only where they become items."""
        return with_pictures(answer) if self._reply.takes_pictures else answer

    def _finish(self, finished: Finished | None) -> None:
        assert finished is not None, "an exchange that ends without its end marker raises"
        self._ending = self._reply.finish(
            finished,
            further_input=self._answer.further_input if self._answer is not None else 0,
            stored=self._asked.request.is_stored,
            completed_at=self._now(),
        )

    def _fail(self, error: GatewayError) -> None:
        """End with *error*; moderation in mid-answer is an end of its own (F-CHAT-27)."""
        if isinstance(error, ContentRefused) and self._reply.shown:
            self._finish(REFUSED)
        else:
            self.error = error
            self._ending = self._reply.fail(error)

    async def _keep(self) -> None:
        """Keep the turn; if that fails, the client is told so in the last event."""
        response = self._reply.response()
        is_kept = await self._is_kept(response)
        self._is_reserved = False
        if response.store and not is_kept:
            self._ending[-1:] = [self._reply.unstored()]
        self._is_over = True
        self._ready.extend(self._ending)

    async def _is_kept(self, response: ResponseObject) -> bool:
        try:
            items, blobs = await kept(self._asked, self._material.blobs)
        except GatewayError:  # an attachment can be read no more
            return False
        return await self._keeper.keep(
            response,
            history=self._material.history,
            items=items,
            blobs=blobs,
            affinity=self._material.affinity.name,
            owner=self._caller.key_id,
        )

    async def _release(self) -> None:
        """Close the exchange, and forget a turn that was not kept, whatever happens meanwhile."""
        with anyio.move_on_after(CLOSE_S, shield=True):
            if self._answer is not None:
                await self._answer.aclose()
            if self._is_reserved:
                self._is_reserved = False
                await self._keeper.forget(self.id, owner=self._caller.key_id)

    def _taken(self) -> Iterator[Emitted]:
        """Yield what is ready; what was not asked for stays."""
        while self._ready:
            yield self._ready.popleft()

    def _now(self) -> int:
        return int(self._ctx.clock.now().timestamp())

    def _units(self, prompt: Conversation) -> int:
        return estimate_prompt(prompt) + self._asked.wanted.units
