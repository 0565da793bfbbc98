"""Chat messages as clients write them (`openai-contract.md` 3.2), told apart by ``role``."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from grokgate.openai.parts import AnswerPart, TextualPart, UserPart


class CalledFunction(Struct, frozen=True, kw_only=True):
    """A function and what it was called with."""

    name: str
    arguments: str
    """JSON as text, as the model wrote it; need not be valid."""


class CalledCustom(Struct, frozen=True, kw_only=True):
    """A free-text tool and what it was called with."""

    name: str
    input: str


class FunctionCall(Struct, frozen=True, kw_only=True, tag_field="type", tag="function"):
    """An earlier call of a function."""

    id: str
    function: CalledFunction


class CustomCall(Struct, frozen=True, kw_only=True, tag_field="type", tag="custom"):
    """An earlier call of a free-text tool."""

    id: str
    custom: CalledCustom


class _Message(Struct, frozen=True, kw_only=True, tag_field="role"):
    """Base of all messages."""

    name: str | None = None
    """Who speaks; has no effect."""


class SystemMessage(_Message, frozen=True, kw_only=True, tag="system"):
    """Instructions."""

    content: str | Annotated[Sequence[TextualPart], Meta(min_length=1)]


class DeveloperMessage(SystemMessage, frozen=True, kw_only=True, tag="developer"):
    """`SystemMessage` under its other name."""


class UserMessage(_Message, frozen=True, kw_only=True, tag="user"):
    """What the user said, with attachments."""

    content: str | Annotated[Sequence[UserPart], Meta(min_length=1)]


class AssistantMessage(_Message, frozen=True, kw_only=True, tag="assistant"):
    """An earlier answer."""

    content: str | Sequence[AnswerPart] | None = None
    """None only beside a call or a refusal."""
    refusal: str | None = None
    tool_calls: Sequence[FunctionCall | CustomCall] | None = None
    function_call: CalledFunction | None = None
    """Deprecated form of a single call."""


class ToolMessage(_Message, frozen=True, kw_only=True, tag="tool"):
    """What a called tool returned."""

    content: str | Annotated[Sequence[TextualPart], Meta(min_length=1)]
    tool_call_id: str


class FunctionMessage(Struct, frozen=True, kw_only=True, tag_field="role", tag="function"):
    """Deprecated form of `ToolMessage`."""

    name: str
    content: str | None = None


ChatMessage: TypeAlias = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)
