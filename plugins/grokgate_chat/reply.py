"""An answer as a completion object (`openai-contract.md` 3.3) or as a stream (3.6)."""

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

import msgspec
from anyio.lowlevel import checkpoint
from msgspec import UNSET, Struct

from grokgate.errors import ContentRefused, GatewayError
from grokgate.openai import encode_text, error_frame, escape
from grokgate.upstream import Conversation, Event, Finished
from grokgate_chat.answer import Answer, Piece, View, finish_reason
from grokgate_chat.schema import AnswerMessage, ChatCompletion, Choice, LastDelta

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
    prompt: Conversation
    """For the usage numbers."""


class Reading(Protocol):
    """What a reply needs of an `Exchange`."""

    finished: Finished | None

    def __aiter__(self) -> AsyncIterator[Event]: ...


async def complete(exchange: Reading, head: Head, view: View) -> ChatCompletion:
    """Read *exchange* to its end and build the completion object.

    Raises:
        GatewayError: The upstream failed. Moderation in mid-answer is no failure (F-CHAT-27).
    """
    answer = Answer(view)
    pieces: list[Piece] = []
    try:
        await _collect(exchange, answer, pieces)
        finished = _finished(exchange)
    except ContentRefused:
        if not pieces:
            raise
        finished = _REFUSED
    pieces.extend(answer.end())
    return _completion(answer, pieces, head, finished)


class StreamWriter:
    """Turns the events of one exchange into frames; made for one request.

    What does not change from frame to frame is encoded once; a piece of text encodes only itself.
    """

    def __init__(self, exchange: Reading, head: Head, view: View, *, include_usage: bool) -> None:
        self._exchange = exchange
        self._head = head
        self._answer = Answer(view)
        self._include_usage = include_usage
        self._begun = False
        self._shown = False
        self._common = _common(head)
        start = self._common + b'"choices":[{"index":0,"delta":'
        self._delta = start
        self._after = b',"logprobs":null,"finish_reason":'
        self._end = b'}],"usage":null}\n\n' if include_usage else b"}]}\n\n"
        self._before_text = {
            "content": start + b'{"content":',
            "reasoning": start + b'{"reasoning_content":',
        }
        self._after_text = b"}" + self._after + b"null" + self._end

    def frames(self, event: Event) -> Iterable[bytes]:
        """Render one event; the first one also brings the frame that names the role."""
        pieces = self._answer.feed(event)
        if self._begun:
            return self._texts(pieces)
        return [*self._begin(), *self._texts(pieces)]

    def finish(self) -> Iterable[bytes]:
        """Render the end of a complete answer."""
        return self._finish(_finished(self._exchange))

    def failure(self, error: GatewayError) -> Iterable[bytes]:
        """Render *error*; moderation in mid-answer is an end of its own (F-CHAT-27)."""
        if isinstance(error, ContentRefused) and self._shown:
            return self._finish(_REFUSED)
        return (error_frame(error),)

    def _begin(self) -> list[bytes]:
        if self._begun:
            return []
        self._begun = True
        return [self._chunk(b'{"role":"assistant","content":"","refusal":null}', b"null")]

    def _finish(self, finished: Finished) -> list[bytes]:
        frames = [*self._begin(), *self._texts(self._answer.end())]
        delta = LastDelta(
            annotations=self._answer.annotations or UNSET,
            search_sources=self._answer.search_sources or UNSET,
        )
        reason = msgspec.json.encode(finish_reason(finished))
        frames.append(self._chunk(escape(msgspec.json.encode(delta)), reason))
        if self._include_usage:
            usage = self._answer.usage(self._head.prompt, finished)
            body = msgspec.json.encode(usage)
            frames.append(self._common + b'"choices":[],"usage":' + body + b"}\n\n")
        return frames

    def _texts(self, pieces: tuple[Piece, ...]) -> list[bytes]:
        if pieces:
            self._shown = True
        return [
            self._before_text[channel] + encode_text(text) + self._after_text
            for channel, text in pieces
        ]

    def _chunk(self, delta: bytes, reason: bytes) -> bytes:
        return self._delta + delta + self._after + reason + self._end


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


async def _collect(exchange: Reading, answer: Answer, pieces: list[Piece]) -> None:
    read = 0
    async for event in exchange:
        pieces.extend(answer.feed(event))
        read += 1
        if read % _EVENTS_PER_TURN == 0:
            await checkpoint()


def _finished(exchange: Reading) -> Finished:
    assert exchange.finished is not None, "an exchange that ends without its end marker raises"
    return exchange.finished


def _completion(
    answer: Answer, pieces: Iterable[Piece], head: Head, finished: Finished
) -> ChatCompletion:
    texts: dict[str, list[str]] = {"content": [], "reasoning": []}
    for channel, text in pieces:
        texts[channel].append(text)
    message = AnswerMessage(
        content="".join(texts["content"]),
        annotations=answer.annotations,
        reasoning_content="".join(texts["reasoning"]) or UNSET,
        search_sources=answer.search_sources or UNSET,
    )
    return ChatCompletion(
        id=head.id,
        created=head.created,
        model=head.model,
        choices=[Choice(message=message, finish_reason=finish_reason(finished))],
        usage=answer.usage(head.prompt, finished),
        system_fingerprint=head.fingerprint,
    )
