"""Wire types of answers (`openai-contract.md` 10.1) and of the events of a stream (10.2)."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"]
JsonObject = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]
"""An object as the model wrote it."""
EMPTY_OBJECT = msgspec.Raw(b"{}")


class MessageText(Struct, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """A piece of the answer; ``citations`` are left out, as some clients refuse null."""

    text: str


class MessageThinking(Struct, frozen=True, kw_only=True, tag_field="type", tag="thinking"):
    """Reasoning."""

    thinking: str
    signature: str
    """Means nothing: reasoning that comes back is left out."""


class MessageToolUse(Struct, frozen=True, kw_only=True, tag_field="type", tag="tool_use"):
    """A call of a declared tool."""

    id: str
    name: str
    input: JsonObject


MessageBlock: TypeAlias = MessageText | MessageThinking | MessageToolUse


class MessageUsage(Struct, frozen=True, kw_only=True):
    """Text units used."""

    input_tokens: int
    output_tokens: int
    """Reasoning included."""
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0


class MessageReply(Struct, frozen=True, kw_only=True):
    """A whole answer, or its beginning."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    """As the client wrote it."""
    content: Sequence[MessageBlock]
    stop_reason: StopReason | None
    """None only in a stream's first event."""
    stop_sequence: str | None = None
    """The one that the answer ended at."""
    usage: MessageUsage


class MessageCount(Struct, frozen=True, kw_only=True):
    """Length of a conversation."""

    input_tokens: int


class MessageStart(Struct, frozen=True, kw_only=True, tag_field="type", tag="message_start"):
    """The first event."""

    message: MessageReply


class MessagePing(Struct, frozen=True, kw_only=True, tag_field="type", tag="ping"):
    """A sign of life."""


class BlockStart(Struct, frozen=True, kw_only=True, tag_field="type", tag="content_block_start"):
    """A block begins."""

    index: int
    content_block: MessageBlock


class TextAdded(Struct, frozen=True, kw_only=True, tag_field="type", tag="text_delta"):
    """More text."""

    text: str


class ThinkingAdded(Struct, frozen=True, kw_only=True, tag_field="type", tag="thinking_delta"):
    """More reasoning."""

    thinking: str


class SignatureAdded(Struct, frozen=True, kw_only=True, tag_field="type", tag="signature_delta"):
    """The end of reasoning."""

    signature: str


class InputAdded(Struct, frozen=True, kw_only=True, tag_field="type", tag="input_json_delta"):
    """The input of a call, all of it."""

    partial_json: str


class BlockDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="content_block_delta"):
    """A block grows."""

    index: int
    delta: TextAdded | ThinkingAdded | SignatureAdded | InputAdded


class BlockStop(Struct, frozen=True, kw_only=True, tag_field="type", tag="content_block_stop"):
    """A block is complete."""

    index: int


class MessageEnding(Struct, frozen=True, kw_only=True):
    """Why the answer ended."""

    stop_reason: StopReason
    stop_sequence: str | None


class LastUsage(Struct, frozen=True, kw_only=True):
    """Text units of the whole answer."""

    input_tokens: int | UnsetType = UNSET
    """Where it differs from the first event's."""
    output_tokens: int


class MessageDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag="message_delta"):
    """The answer is complete."""

    delta: MessageEnding
    usage: LastUsage


class MessageStop(Struct, frozen=True, kw_only=True, tag_field="type", tag="message_stop"):
    """The last event."""


MessageEvent: TypeAlias = (
    MessageStart | MessagePing | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop
)


def tag_of(event: MessageEvent) -> str:
    """Return the type of *event*, which is its name in a stream as well."""
    config: Any = event.__struct_config__
    return str(config.tag)
