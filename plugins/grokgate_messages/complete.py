"""Answers as a message object (`openai-contract.md` 10.1)."""

from collections.abc import Iterable
from itertools import groupby

from msgspec import Raw

from grokgate.openai import Answer, Piece, View
from grokgate.plugin import Reading, read_whole
from grokgate.upstream import ToolCall
from grokgate_messages.message import (
    MessageBlock,
    MessageReply,
    MessageText,
    MessageThinking,
    MessageToolUse,
    MessageUsage,
)
from grokgate_messages.reply import SIGNATURE, Head, counts, ending, last_pieces


async def complete(reading: Reading, head: Head, view: View) -> MessageReply:
    """Read *reading* to its end and build the message object.

    Raises:
        GatewayError: The upstream failed. Moderation in mid-answer is no failure (F-CHAT-27).
    """
    answer = Answer(view)
    pieces, finished = await read_whole(reading, answer)
    pieces += last_pieces(answer)
    reason, sequence = ending(answer, finished)
    used = counts(answer, finished, reading, head)
    return MessageReply(
        id=head.id,
        model=head.model,
        content=list(_blocks(pieces)),
        stop_reason=reason,
        stop_sequence=sequence,
        usage=MessageUsage(input_tokens=used.input, output_tokens=used.output),
    )


def _blocks(pieces: Iterable[Piece]) -> Iterable[MessageBlock]:
    """Join what belongs together, in order."""
    for kind, group in groupby(pieces, _kind):
        if kind == "call":
            yield from (_call(piece) for piece in group if isinstance(piece, ToolCall))
            continue
        text = "".join(piece[1] for piece in group if not isinstance(piece, ToolCall))
        if kind == "content":
            yield MessageText(text=text)
        else:
            yield MessageThinking(thinking=text, signature=SIGNATURE)


def _kind(piece: Piece) -> str:
    return "call" if isinstance(piece, ToolCall) else piece[0]


def _call(call: ToolCall) -> MessageToolUse:
    return MessageToolUse(id=call.id, name=call.name, input=Raw(call.arguments.encode()))
