"""Answers as a stream of frames (`openai-contract.md` 3.6)."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET

from grokgate.errors import ContentRefused, GatewayError
from grokgate.openai import Answer, Piece, View, encode_text, error_frame, escape
from grokgate.plugin import REFUSED, Reading, end_of
from grokgate.upstream import Event, Finished, ToolCall
from grokgate_chat.interleave import Item
from grokgate_chat.reply import (
    Head,
    annotations,
    call_reply,
    finish_reason,
    pages,
    usage_of,
)
from grokgate_chat.schema import LastDelta


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
            return choice.end(REFUSED)
        raise event

    def finish(self) -> Iterable[bytes]:
        """Render the end of complete answers."""
        frames: list[bytes] = []
        for choice, reading in zip(self._choices, self._readings, strict=True):
            if choice.finished is None:
                frames += choice.end(end_of(reading))
        return frames + self._usage_frame()

    def failure(self, error: GatewayError) -> Iterable[bytes]:
        """Render *error*; moderation in mid-answer is an end of its own (F-CHAT-27)."""
        first, *others = self._choices
        if isinstance(error, ContentRefused) and first.shown and not others:
            return [*first.end(REFUSED), *self._usage_frame()]
        return [error_frame(error)]

    def _usage_frame(self) -> list[bytes]:
        ended = [(one.answer, one.finished or REFUSED) for one in self._choices]
        usage = usage_of(ended, self._readings, self._head)  # the request log counts it, too
        if not self._include_usage:
            return []
        body = msgspec.json.encode(usage)
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
            annotations=annotations(self.answer) or UNSET,
            search_sources=pages(self.answer) or UNSET,
        )
        reason = msgspec.json.encode(finish_reason(self.answer, finished))
        return [*frames, self._chunk(escape(msgspec.json.encode(delta)), reason)]

    def _begin(self) -> list[bytes]:
        if self._begun:
            return []
        self._begun = True
        return [self._chunk(b'{"role":"assistant","content":"","refusal":null}', b"null")]

    def _pieces(self, pieces: tuple[Piece, ...]) -> list[bytes]:
        if not pieces:
            return []
        self.shown = True
        if len(pieces) == 1:  # nearly always
            return [self._piece(pieces[0])]
        return [self._piece(piece) for piece in pieces]

    def _piece(self, piece: Piece) -> bytes:
        if isinstance(piece, ToolCall):
            return self._call(piece)
        channel, text = piece
        return self._before_text[channel] + encode_text(text) + self._after_text

    def _call(self, call: ToolCall) -> bytes:
        """Render a whole call as one delta: clients of some makes reject parts of calls."""
        index, self._calls = self._calls, self._calls + 1
        body = escape(msgspec.json.encode(call_reply(call)))
        return self._chunk(b'{"tool_calls":[{"index":%d,' % index + body[1:] + b"]}", b"null")

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
