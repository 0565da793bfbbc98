"""Wire types of requests to ``/v1/responses`` (`openai-contract.md` 4.1).

`request.schema_items` and `request.schema_tools` hold the types of what stands in ``input`` and
``tools``: both know kinds without number, most of which are passed over.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec import Meta, Struct

from grokgate.openai import ChatMessage
from grokgate.plugin.media import Configs, ImageConfig, VideoConfig
from grokgate.upstream import Effort
from grokgate_responses.request.reading import repeatable
from grokgate_responses.request.schema_items import read_input
from grokgate_responses.request.schema_tools import read_choice, read_tools

_Limited = Annotated[int, Meta(ge=1, le=2**63 - 1)]
"""The upper end is that of what can be repeated to the client."""
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]
SummaryKind: TypeAlias = Literal["auto", "concise", "detailed"]
Includable: TypeAlias = Literal[
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
]


class Reasoning(Struct, frozen=True, kw_only=True):
    """How much to think, and what to show of it."""

    effort: Effort | None = None
    summary: SummaryKind | None = None
    generate_summary: SummaryKind | None = None
    """Older name of ``summary``."""
    context: Any = None
    mode: Any = None


class _Form(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """Base of the forms an answer may be wanted in."""


class TextForm(_Form, frozen=True, kw_only=True, tag="text"):
    """Any text."""


class ObjectForm(_Form, frozen=True, kw_only=True, tag="json_object"):
    """Any JSON object."""


class SchemaForm(_Form, frozen=True, kw_only=True, tag="json_schema"):
    """A JSON object of a named schema."""

    name: Annotated[str, Meta(max_length=64)]
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None
    """An answer that does not fit is an error."""


class TextOptions(Struct, frozen=True, kw_only=True):
    """What the text of the answer is to be like."""

    format: TextForm | ObjectForm | SchemaForm | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Thinking(Struct, frozen=True, kw_only=True):
    """Object form of the extension ``thinking``."""

    type: Literal["enabled", "disabled"]


class ResponsesRequest(Struct, frozen=True, kw_only=True):
    """A response as asked for. None stands for absence everywhere.

    Decoding checks the types of all items and tools too; `request.translate.ask` reads them and
    applies the rules that hold between fields.
    """

    __ignored__: ClassVar[frozenset[str]] = frozenset(
        {
            "access_programs",
            "background_options",
            "client_metadata",
            "context_management",
            "frequency_penalty",
            "image",
            "max_tool_calls",
            "moderation",
            "presence_penalty",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "service_tier",
            "stream_options",
            "temperature",
            "top_p",
            "user",
        }
    )
    """Fields that are checked, perhaps echoed, but have no effect."""

    model: str
    input: Annotated[str, Meta(min_length=1)] | dict[str, Any] | list[Any] | None = None
    """One text, item or part, or a list of them; `schema_items` has their types."""
    messages: Annotated[Sequence[ChatMessage], Meta(min_length=1)] | None = None
    """Extension: stands in for an absent ``input``."""
    instructions: str | None = None
    """For this turn only."""
    previous_response_id: str | None = None
    stream: bool | None = None
    store: bool | None = None
    """None: true."""
    background: bool | None = None
    tools: Sequence[dict[str, Any]] | None = None
    """`schema_tools` has their types."""
    tool_choice: Literal["none", "auto", "required"] | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: Reasoning | None = None
    thinking: Literal["enabled", "disabled"] | Thinking | None = None
    """Extension; ``reasoning.effort`` wins."""
    include: Sequence[Includable] | None = None
    max_output_tokens: _Limited | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: _Metadata | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    conversation: Any = None
    prompt: Any = None

    stream_options: dict[str, Any] | None = None
    max_tool_calls: _Limited | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    client_metadata: dict[str, Any] | None = None
    context_management: Any = None
    moderation: Any = None
    background_options: Any = None
    access_programs: Any = None
    image: Any = None

    image_config: ImageConfig | None = None
    """Extension; has an effect on image models alone."""
    video_config: VideoConfig | None = None
    """Extension; has an effect on video models alone."""

    def __post_init__(self) -> None:
        """Check the types of what the annotations leave open."""
        read_input(self.input)
        read_tools(self.tools or ())
        read_choice(self.tool_choice)
        if self.text is not None and isinstance(self.text.format, SchemaForm):
            repeatable(self.text.format.schema, "text.format.schema")

    @property
    def is_stored(self) -> bool:
        """Whether the response is to be retrievable."""
        return self.store is not False

    @property
    def configs(self) -> Configs:
        """The extensions for image and video models."""
        return Configs(image_config=self.image_config, video_config=self.video_config)

    @property
    def thinks(self) -> Literal["enabled", "disabled"] | None:
        """The extension ``thinking``, whichever form it has."""
        return self.thinking.type if isinstance(self.thinking, Thinking) else self.thinking
