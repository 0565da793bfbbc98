"""Answers as a completion object (`openai-contract.md` 3.3) or as a stream (3.6)."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

import anyio
import msgspec
from anyio.lowlevel import checkpoint
from msgspec import UNSET, Struct

from grokgate.errors import ContentRefused, GatewayError
from grokgate.openai import encode_text, error_frame, escape
from grokgate.upstream import Event, Finished, ToolCall
from grokgate_chat.answer import Answer, Piece, View, usage
from grokgate_chat.interleave import Item
from grokgate_chat.schema import (
    AnswerMessage,
    CalledCustomReply,
    CalledFunctionReply,
    CallReply,
    ChatCompletion,
    Choice,
    CompletionUsage,
    LastDelta,
)

_EVENTS_PER_TURN = 64
"""Events after which a unary reply lets other tasks run."""
_REFUSED = Finished(reason="refused")


class Head(Struct, frozen=True, kw_only=True):
    """What a reply says whatever its answer."""

    id: str
    created: int
    model: str
    """As the client wrote it."""
    fingerprint: str | None
    input_units: int
    """Estimate of the prompt, for the usage numbers."""


class Reading(Protocol):
    """What a reply needs of an `Emulated`."""

    @property
    def finished(self) -> Finished | None:
        """The end marker, once it was read."""
        ...

    @property
    def further_input(self) -> int:
        """Units that further calls read."""
        ...

    def __aiter__(self) -> AsyncIterator[Event]: ...


async def complete(readings: Sequence[Reading], head: Head, view: View) -> ChatCompletion:
    """Read *readings* to their ends, side by side, and build the completion object.

    Raises:
        GatewayError: The upstream failed. Moderation in mid-answer is no failure (F-CHAT-27).
    """
    gathered = [_Gathered(reading, view) for reading in readings]
    if len(gathered) == 1:
        await gathered[0].read()
    else:
        await _read_all(gathered)
    return ChatCompletion(
        id=head.id,
        created=head.created,
        model=head.model,
        choices=[one.choice(index) for index, one in enumerate(gathered)],
        usage=_usage([(one.answer, one.finished) for one in gathered], readings, head),
        system_fingerprint=head.fingerprint,
    )


class StreamWriter:
    """Turns the events of one request's exchanges into frames.

    What does not change from frame to frame is encoded once; a piece of text encodes only itself.
    """

    def __init__(
        self, readings: Sequence[Reading], head: Head, view: View, *, include_usage: bool
    ) -> None:
        self._readings = readings
        self._head = head
        self._include_usage = include_usage
        self._common = _common(head)
        end = b'}],"usage":null}\n\n' if include_usage else b"}]}\n\n"
        self._choices = [
            _ChoiceWriter(index, view, self._common, end) for index in range(len(readings))
        ]

    def frames(self, event: Event) -> Iterable[bytes]:
        """Render an event of the only exchange."""
        return self._choices[0].frames(event)

    def frames_of(self, item: Item) -> Iterable[bytes]:
        """Render what came from one of several exchanges.

        Raises:
            GatewayError: It failed; moderation in mid-answer is an end of its own (F-CHAT-27).
        """
        index, event = item
        choice = self._choices[index]
        if not isinstance(event, GatewayError):
            return choice.frames(event)
        if isinstance(event, ContentRefused) and choice.shown:
            return choice.end(_REFUSED)
        raise event

    def finish(self) -> Iterable[bytes]:
        """Render the end of complete answers."""
        frames: list[bytes] = []
        for choice, reading in zip(self._choices, self._readings, strict=True):
            if choice.finished is None:
                frames += choice.end(_finished(reading))
        return frames + self._usage_frame()

    def failure(self, error: GatewayError) -> Iterable[bytes]:
        """Render *error*; moderation in mid-answer is an end of its own (F-CHAT-27)."""
        first, *others = self._choices
        if isinstance(error, ContentRefused) and first.shown and not others:
            return [*first.end(_REFUSED), *self._usage_frame()]
        return [error_frame(error)]

    def _usage_frame(self) -> list[bytes]:
        if not self._include_usage:
            return []
        ended = [(one.answer, one.finished or _REFUSED) for one in self._choices]
        body = msgspec.json.encode(_usage(ended, self._readings, self._head))
        return [self._common + b'"choices":[],"usage":' + body + b"}\n\n"]


class _ChoiceWriter:
    """Writes the frames of one alternative."""

    def __init__(self, index: int, view: View, common: bytes, end: bytes) -> None:
        self.answer = Answer(view)
        self.shown = False
        """Something of the answer has gone out."""
        self.finished: Finished | None = None
        self._begun = False
        self._calls = 0
        self._delta = common + b'"choices":[{"index":%d,"delta":' % index
        self._after = b',"logprobs":null,"finish_reason":'
        self._end = end
        self._before_text = {
            "content": self._delta + b'{"content":',
            "reasoning": self._delta + b'{"reasoning_content":',
        }
        self._after_text = b"}" + self._after + b"null" + self._end

    def frames(self, event: Event) -> Iterable[bytes]:
        """Render one event; the first one also brings the frame that names the role."""
        if isinstance(event, Finished):
            return self.end(event)
        pieces = self.answer.feed(event)
        if self._begun:
            return self._pieces(pieces)
        return [*self._begin(), *self._pieces(pieces)]

    def end(self, finished: Finished) -> list[bytes]:
        """Render the end."""
        self.finished = finished
        frames = [*self._begin(), *self._pieces(self.answer.end())]
        delta = LastDelta(
            annotations=self.answer.annotations or UNSET,
            search_sources=self.answer.search_sources or UNSET,
        )
        reason = msgspec.json.encode(self.answer.reason(finished))
        return [*frames, self._chunk(escape(msgspec.json.encode(delta)), reason)]

    def _begin(self) -> list[bytes]:
        if self._begun:
            return []
        self._begun = True
        return [self._chunk(b'{"role":"assistant","content":"","refusal":null}', b"null")]

    def _pieces(self, pieces: tuple[Piece, ...]) -> list[bytes]:
        if pieces:
            self.shown = True
        return [self._piece(piece) for piece in pieces]

    def _piece(self, piece: Piece) -> bytes:
        if isinstance(piece, ToolCall):
            return self._call(piece)
        channel, text = piece
        return self._before_text[channel] + encode_text(text) + self._after_text

    def _call(self, call: ToolCall) -> bytes:
        """Render a whole call as one delta: clients of some makes reject parts of calls."""
        index, self._calls = self._calls, self._calls + 1
        body = escape(msgspec.json.encode(_called(call)))
        return self._chunk(b'{"tool_calls":[{"index":%d,' % index + body[1:] + b"]}", b"null")

    def _chunk(self, delta: bytes, reason: bytes) -> bytes:
        return self._delta + delta + self._after + reason + self._end


class _Gathered:
    """One alternative of a unary reply."""

    finished: Finished

    def __init__(self, reading: Reading, view: View) -> None:
        self.answer = Answer(view)
        self._reading = reading
        self._pieces: list[Piece] = []

    async def read(self) -> None:
        try:
            await self._collect()
            self.finished = _finished(self._reading)
        except ContentRefused:
            if not self._pieces:
                raise
            self.finished = _REFUSED
        self._pieces.extend(self.answer.end())

    def choice(self, index: int) -> Choice:
        texts: dict[str, list[str]] = {"content": [], "reasoning": []}
        calls: list[CallReply] = []
        for piece in self._pieces:
            if isinstance(piece, ToolCall):
                calls.append(_called(piece))
            else:
                texts[piece[0]].append(piece[1])
        content = "".join(texts["content"])
        message = AnswerMessage(
            content=content if content or not calls else None,
            annotations=self.answer.annotations,
            tool_calls=calls or UNSET,
            reasoning_content="".join(texts["reasoning"]) or UNSET,
            search_sources=self.answer.search_sources or UNSET,
        )
        reason = self.answer.reason(self.finished)
        return Choice(index=index, message=message, finish_reason=reason)

    async def _collect(self) -> None:
        read = 0
        async for event in self._reading:
            self._pieces.extend(self.answer.feed(event))
            read += 1
            if read % _EVENTS_PER_TURN == 0:
                await checkpoint()


async def _read_all(gathered: Iterable[_Gathered]) -> None:
    """Read all at once; the first error ends the others and is raised."""
    try:
        async with anyio.create_task_group() as group:
            for one in gathered:
                group.start_soon(one.read)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _usage(
    ended: list[tuple[Answer, Finished]], readings: Iterable[Reading], head: Head
) -> CompletionUsage:
    further = sum(reading.further_input for reading in readings)
    return usage(ended, prompt=head.input_units + further)


def _called(call: ToolCall) -> CallReply:
    if call.custom:
        custom = CalledCustomReply(name=call.name, input=call.arguments)
        return CallReply(id=call.id, type="custom", custom=custom)
    function = CalledFunctionReply(name=call.name, arguments=call.arguments)
    return CallReply(id=call.id, type="function", function=function)


def _common(head: Head) -> bytes:
    """Encode the beginning of every frame, up to and without ``choices``."""
    body = {
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.model,
        "system_fingerprint": head.fingerprint,
        "service_tier": "default",
    }
    return b"data: " + escape(msgspec.json.encode(body))[:-1] + b","


def _finished(reading: Reading) -> Finished:
    assert reading.finished is not None, "an exchange that ends without its end marker raises"
    return reading.finished
