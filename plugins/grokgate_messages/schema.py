"""Wire types of requests to ``/v1/messages`` (`openai-contract.md` 10.1)."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from grokgate_messages.blocks import Content

MOST_STOPS = 64
ToolName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+(?![\s\S])", max_length=128)]
"""Not with ``$``, which lets a line break pass at the end."""


class Turn(Struct, frozen=True, kw_only=True):
    """One message."""

    role: Literal["user", "assistant", "system"]
    content: Content


class Tool(Struct, frozen=True, kw_only=True):
    """A tool of the client, or a server tool, which has a type of its own."""

    type: str | None = None
    """None or ``custom`` for a tool of the client."""
    name: ToolName | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    """JSON Schema of the input."""
    strict: bool | None = None


class ToolChoice(Struct, frozen=True, kw_only=True):
    """Whether a tool may or must be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    """Of the tool that ``tool`` means."""
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct, frozen=True, kw_only=True):
    """Whether reasoning is shown."""

    type: Literal["enabled", "adaptive", "between_tools", "disabled"]
    budget_tokens: int | None = None
    """No effect."""
    display: str | None = None
    """``omitted`` hides it."""


class OutputFormat(Struct, frozen=True, kw_only=True):
    """JSON form the answer must have."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(Struct, frozen=True, kw_only=True):
    """How to answer."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class CountRequest(Struct, frozen=True, kw_only=True):
    """A conversation whose length is asked for. None stands for absence everywhere."""

    __ignored__: ClassVar[frozenset[str]] = frozenset(
        {
            "cache_control",
            "container",
            "context_management",
            "diagnostics",
            "mcp_servers",
            "metadata",
            "service_tier",
            "speed",
            "temperature",
            "top_k",
            "top_p",
        }
    )
    """Fields that are checked but have no effect."""

    model: str
    messages: Annotated[Sequence[Turn], Meta(min_length=1)]
    system: Content | None = None
    tools: Sequence[Tool] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None

    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    context_management: Any = None
    container: Any = None
    mcp_servers: Any = None
    speed: Any = None
    cache_control: Any = None
    diagnostics: Any = None


class MessagesRequest(CountRequest, frozen=True, kw_only=True):
    """A message as asked for."""

    max_tokens: Annotated[int, Meta(ge=1)]
    """Reasoning included."""
    stream: bool | None = None
    stop_sequences: Annotated[Sequence[str], Meta(max_length=MOST_STOPS)] | None = None
