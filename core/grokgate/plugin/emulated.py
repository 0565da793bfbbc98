"""Exchanges that keep what a request wants, whatever the upstream can do by itself.

1. `open_emulated` opens one call per wanted choice; each becomes an `Emulated`.
2. Its events are those of the call, after `grokgate.openai.emulate.Turn` has seen them.
3. An answer that cannot be used (a broken tool call, a missing one, JSON that does not fit) leads
   to one further call of the same client request. Until that is answered nothing else comes.
4. `Finished` is the last event. An answer that reaches its length or a stop sequence ends at once,
   and the upstream's exchange is closed.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Self, TypeAlias

from msgspec import structs

from grokgate.errors import GatewayError, UpstreamTimeout
from grokgate.openai.affinity import Affinity
from grokgate.openai.emulate import Turn, Wanted, corrected, to_upstream
from grokgate.openai.usage import estimate_prompt
from grokgate.plugin.context import Dispatcher, Exchange
from grokgate.plugin.records import Call, Caller, ModelCard
from grokgate.upstream import (
    Asset,
    Clock,
    Conversation,
    Event,
    Finished,
    Started,
    UpstreamSession,
)

Send: TypeAlias = Callable[[UpstreamSession], AsyncGenerator[Event, None]]
CALL_ID = "call_"


def caller_call(
    *, card: ModelCard, caller: Caller, affinity: Affinity | None, timeout_s: float | None
) -> Callable[[Send], Call]:
    """Return what makes *caller*'s calls of one request from the functions that send them.

    Args:
        card: Of the model.
        caller: Passed on as the same object each time.
        affinity: Name of the conversation; None: no call is to follow another.
        timeout_s: Seconds for a whole call; None or 0: no total limit.
    """

    def call(send: Send) -> Call:
        return Call(
            caller=caller,
            card=card,
            send=send,
            affinity=affinity.name if affinity is not None else None,
            begins=affinity is not None and affinity.begins,
            timeout_s=timeout_s or None,
        )

    return call


async def open_emulated(
    dispatcher: Dispatcher,
    to_call: Callable[[Send], Call],
    prompt: Conversation,
    wanted: Wanted,
    *,
    clock: Clock,
    choices: int = 1,
    id_prefix: str = CALL_ID,
) -> "list[Emulated]":
    """Ask for *choices* answers to *prompt* that are as *wanted*; all or none.

    Args:
        dispatcher: Opens the calls.
        to_call: Makes the call that sends with the function it is given; the `Caller` must be the
            same object each time, for that is what makes the calls those of one request.
        prompt: The conversation of the client, without any word about what is wanted besides.
        wanted: Tools, form and limits.
        clock: For the total limit of a call, which a further call does not renew.
        choices: 1 or more.
        id_prefix: Of the ids of tool calls.

    Raises:
        GatewayError: What `Dispatcher.open` raises.
    """
    answers = [
        Emulated(dispatcher, to_call, prompt, wanted, clock=clock, id_prefix=id_prefix)
        for _ in range(choices)
    ]
    calls = [answer.first_call() for answer in answers]
    if choices == 1:
        exchanges: Sequence[Exchange] = [await dispatcher.open(calls[0])]
    else:
        exchanges = await dispatcher.open_all(calls)
    for answer, exchange in zip(answers, exchanges, strict=True):
        answer.begin(exchange)
    return answers


class Emulated:
    """An `Exchange` whose answer is as wanted; made by `open_emulated`.

    Where nothing is wanted that needs it, iterating it iterates the upstream's exchange itself.
    """

    _exchange: Exchange
    """The one being read."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        to_call: Callable[[Send], Call],
        prompt: Conversation,
        wanted: Wanted,
        *,
        clock: Clock,
        id_prefix: str,
    ) -> None:
        self.further_input = 0
        """Units that further calls read."""
        self._dispatcher = dispatcher
        self._to_call = to_call
        self._prompt = prompt
        self._wanted = wanted
        self._asking = _Asking(wanted)
        self._clock = clock
        self._id_prefix = id_prefix
        self._began_at = clock.monotonic()
        self._finished: Finished | None = None
        self._closed = False
        self._events = None if wanted.is_plain else self._read()

    @property
    def started(self) -> Started | None:
        """The upstream's `Started`, where it sent one before the first output."""
        return self._exchange.started

    @property
    def finished(self) -> Finished | None:
        """The end marker, once it was read."""
        return self._exchange.finished if self._wanted.is_plain else self._finished

    def first_call(self) -> Call:
        """Make the call to open first."""
        return self._to_call(self._asking.with_prompt(self._prompt))

    def begin(self, exchange: Exchange) -> None:
        """Read from *exchange*, the first call's."""
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[Event]:
        """Return the source of the events."""
        return aiter(self._exchange) if self._events is None else self._events

    async def __anext__(self) -> Event:
        """Return the next event."""
        return await anext(aiter(self))

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """End the call that is being read; safe to call twice."""
        self._closed = True
        await self._exchange.aclose()
        if self._events is None:
            return
        with suppress(RuntimeError):  # another task waits for an event and is about to get the end
            await self._events.aclose()

    def fetch(self, asset: Asset, /) -> AsyncGenerator[bytes, None]:
        """Stream something the call produced, with the account that made it."""
        return self._exchange.fetch(asset)

    async def _read(self) -> AsyncGenerator[Event, None]:
        turn = self._turn(self._wanted.most)
        async for event in self._exchange:
            for certain in turn.feed(event):
                yield certain
            if turn.cut:
                await self._exchange.aclose()
                break
        for certain in turn.end():
            yield certain
        second = None
        if turn.again is not None and not self._closed:
            second = await self._ask_again(turn)
            for certain in self._better(turn, second):
                yield certain
        self._finished = turn.closing(second.finished if second is not None else None)
        yield self._finished

    def _better(self, first: Turn, second: Turn | None) -> list[Event]:
        """Return what replaces the first answer.

        Raises:
            GatewayError: Nothing can.
        """
        assert first.again is not None
        again = first.again
        if second is not None and second.calls:
            return first.released([*(second.texts if again.is_new else ()), *second.calls])
        if second is not None and second.is_good and not again.only_calls:
            return first.released(second.texts)
        if again.error is not None:
            raise again.error
        return first.released(again.fallback)

    async def _ask_again(self, first: Turn) -> Turn | None:
        """Tell the model what is wrong; None: it could not be asked, and need not be.

        Raises:
            GatewayError: It could not be asked, and there is nothing else to send.
        """
        assert first.again is not None
        prompt = corrected(self._prompt, first.raw, first.again.correction)
        most = None if self._wanted.most is None else self._wanted.most - first.delivered
        if most is not None and most <= 0:
            return None
        try:
            return await self._second(prompt, most)
        except GatewayError:
            if first.again.error is not None:
                raise
            return None

    async def _second(self, prompt: Conversation, most: int | None) -> Turn:
        call = self._in_time(self._to_call(self._asking.with_prompt(prompt)))
        self._exchange = exchange = await self._dispatcher.open(call)
        self.further_input += estimate_prompt(prompt) + self._wanted.units
        turn = self._turn(most)
        async with exchange:
            async for event in exchange:
                turn.keep(turn.feed(event))
                if turn.cut:
                    break
        turn.keep(turn.end())
        return turn

    def _in_time(self, call: Call) -> Call:
        """Leave *call* what is left of the request's total limit."""
        if call.timeout_s is None:
            return call
        left = call.timeout_s - (self._clock.monotonic() - self._began_at)
        if left <= 0:
            raise UpstreamTimeout
        return structs.replace(call, timeout_s=left)

    def _turn(self, most: int | None) -> Turn:
        return Turn(self._wanted, self._asking.native, most=most, id_prefix=self._id_prefix)


class _Asking:
    """Sends prompts, with what is wanted as far as the upstream cannot do it by itself.

    Apart from `Emulated`, which refers to the exchange, and so to the call and to what sends it:
    objects that refer to each other wait for the collector, with whatever the prompt holds.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.native: frozenset[str] = frozenset()
        """What the session that was asked last can do by itself."""

    def with_prompt(self, prompt: Conversation) -> Send:
        return partial(self._send, prompt)

    def _send(self, prompt: Conversation, session: UpstreamSession) -> AsyncGenerator[Event, None]:
        self.native = session.native
        if not self._wanted.is_plain:
            prompt = to_upstream(prompt, self._wanted, session.native)
        return session.converse(prompt)
