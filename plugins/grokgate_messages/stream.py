"""Answers as a stream of frames (`openai-contract.md` 10.2)."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from grokgate.errors import ContentRefused, GatewayError
from grokgate.openai import Answer, Channel, Piece, View, encode_text, frame
from grokgate.openai.anthropic import anthropic_frame
from grokgate.plugin import REFUSED, Reading, end_of
from grokgate.upstream import Event, Finished, ToolCall
from grokgate_messages.message import (
    EMPTY_OBJECT,
    BlockDelta,
    BlockStart,
    BlockStop,
    InputAdded,
    LastUsage,
    MessageBlock,
    MessageDelta,
    MessageEnding,
    MessageEvent,
    MessagePing,
    MessageStart,
    MessageStop,
    MessageText,
    MessageThinking,
    MessageToolUse,
    SignatureAdded,
    tag_of,
)
from grokgate_messages.reply import (
    SIGNATURE,
    Head,
    begun,
    counts,
    ending,
    last_pieces,
)

_EMPTY: Mapping[Channel, MessageBlock] = {
    "content": MessageText(text=""),
    "reasoning": MessageThinking(thinking="", signature=""),
}
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
_TEXT: Mapping[Channel, bytes] = {
    "content": _DELTA + b'{"type":"text_delta","text":',
    "reasoning": _DELTA + b'{"type":"thinking_delta","thinking":',
}
_AFTER_TEXT = b"}}\n\n"


class StreamWriter:
    """Turns the events of one exchange into frames.

    What does not change while a block is open is encoded once; a piece of text encodes only itself.
    """

    def __init__(self, reading: Reading, head: Head, view: View) -> None:
        self._reading = reading
        self._head = head
        self._answer = Answer(view)
        self._begun = False
        self._open: Channel | None = None
        """What the open block holds."""
        self._index = -1
        """Of the last block begun."""
        self._before_text = b""

    def frames(self, event: Event) -> Iterable[bytes]:
        """Render one event; the first one also brings the frames of the beginning."""
        pieces = self._answer.feed(event)
        if self._begun:
            return self._pieces(pieces)
        return [*self._begin(), *self._pieces(pieces)]

    def finish(self) -> Iterable[bytes]:
        """Render the end of a complete answer."""
        return self._end(end_of(self._reading))

    def failure(self, error: GatewayError) -> Iterable[bytes]:
        """Render *error*; moderation in mid-answer is an end of its own (F-CHAT-27)."""
        if isinstance(error, ContentRefused) and self._index >= 0:
            return self._end(REFUSED)
        return [anthropic_frame(error)]

    def _begin(self) -> list[bytes]:
        if self._begun:
            return []
        self._begun = True
        return [_frame(MessageStart(message=begun(self._head))), PING]

    def _end(self, finished: Finished) -> list[bytes]:
        frames = [*self._begin(), *self._pieces(last_pieces(self._answer)), *self._close()]
        reason, sequence = ending(self._answer, finished)
        used = counts(self._answer, finished, self._reading, self._head)
        usage = LastUsage(
            input_tokens=used.input if used.input != self._head.input_units else UNSET,
            output_tokens=used.output,
        )
        last = MessageEnding(stop_reason=reason, stop_sequence=sequence)
        return [*frames, _frame(MessageDelta(delta=last, usage=usage)), _frame(MessageStop())]

    def _pieces(self, pieces: tuple[Piece, ...]) -> list[bytes]:
        return [frame for piece in pieces for frame in self._piece(piece)]

    def _piece(self, piece: Piece) -> Iterable[bytes]:
        if isinstance(piece, ToolCall):
            return self._call(piece)
        channel, text = piece
        added = encode_text(text) + _AFTER_TEXT
        if channel == self._open:
            return (self._before_text + added,)
        return (*self._start(channel), self._before_text + added)

    def _start(self, channel: Channel) -> list[bytes]:
        frames = [*self._close(), self._next(_EMPTY[channel])]
        self._open = channel
        self._before_text = _TEXT[channel] % self._index
        return frames

    def _call(self, call: ToolCall) -> list[bytes]:
        """Render a whole call as a block with one delta."""
        before = self._close()
        block = MessageToolUse(id=call.id, name=call.name, input=EMPTY_OBJECT)
        start = self._next(block)
        delta = BlockDelta(index=self._index, delta=InputAdded(partial_json=call.arguments))
        return [*before, start, _frame(delta), _frame(BlockStop(index=self._index))]

    def _next(self, block: MessageBlock) -> bytes:
        self._index += 1
        return _frame(BlockStart(index=self._index, content_block=block))

    def _close(self) -> list[bytes]:
        """Render the end of the open block, if there is one."""
        channel, self._open = self._open, None
        if channel is None:
            return []
        stop = _frame(BlockStop(index=self._index))
        if channel == "content":
            return [stop]
        signed = BlockDelta(index=self._index, delta=SignatureAdded(signature=SIGNATURE))
        return [_frame(signed), stop]


def _frame(event: MessageEvent) -> bytes:
    return frame(msgspec.json.encode(event), event=tag_of(event))


PING: Final = _frame(MessagePing())
"""Keeps a silent stream alive."""
