"""What whole and streamed answers have in common."""

from msgspec import Struct

from grokgate.openai import Answer, Counts, Piece, count
from grokgate.openai.emulate import StoppedAt
from grokgate.plugin import Reading
from grokgate.upstream import Finished
from grokgate_messages.message import MessageReply, MessageUsage, StopReason

SIGNATURE = "Z3Jva2dhdGU="
"""Stands where clients expect the proof of reasoning; some decode it."""
_REASONS: dict[str, StopReason] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "refused": "refusal",
}


class Head(Struct, frozen=True, kw_only=True):
    """What a reply says whatever its answer."""

    id: str
    model: str
    """As the client wrote it."""
    input_units: int
    """Estimate of the prompt."""


def begun(head: Head) -> MessageReply:
    """Make the message of a stream's first event."""
    usage = MessageUsage(input_tokens=head.input_units, output_tokens=1)
    return MessageReply(id=head.id, model=head.model, content=(), stop_reason=None, usage=usage)


def last_pieces(answer: Answer) -> tuple[Piece, ...]:
    """Return what stands after the last event; nothing may stand after calls."""
    return () if answer.has_calls else answer.end()


def ending(answer: Answer, finished: Finished) -> tuple[StopReason, str | None]:
    """Say why the answer ended, and at which of the stop sequences."""
    if answer.has_calls:
        return "tool_use", None
    if isinstance(finished, StoppedAt):
        return "stop_sequence", finished.sequence
    return _REASONS[finished.reason], None


def counts(answer: Answer, finished: Finished, reading: Reading, head: Head) -> Counts:
    """Count the input and the output."""
    return count([(answer, finished)], prompt=head.input_units + reading.further_input)
