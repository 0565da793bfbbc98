"""Wire types of ``/v1/chat/completions`` (`openai-contract.md` 3)."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from grokgate.openai import ChatMessage
from grokgate.plugin.media import ImageConfig, VideoConfig
from grokgate.upstream import Effort

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
ToolName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+(?![\s\S])", max_length=64)]
"""Not with ``$``, which lets a line break pass at the end."""
_Limited = Annotated[int, Meta(ge=1)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]


class StreamOptions(Struct, frozen=True, kw_only=True):
    """How to stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ThinkingMode(Struct, frozen=True, kw_only=True):
    """Object form of the extension ``thinking``."""

    type: Literal["enabled", "disabled"]


class SchemaFormat(Struct, frozen=True, kw_only=True):
    """A named JSON Schema for the answer."""

    name: Annotated[str, Meta(max_length=64)]
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None
    """An answer that does not fit is an error."""


class ResponseFormat(Struct, frozen=True, kw_only=True):
    """Form the answer is wanted in."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = None


class FunctionTool(Struct, frozen=True, kw_only=True):
    """A function the model may call with a JSON object."""

    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """JSON Schema of the object."""
    strict: bool | None = None


class CustomTool(Struct, frozen=True, kw_only=True):
    """A tool the model may call with free text."""

    name: ToolName
    description: str | None = None
    format: dict[str, Any] | None = None
    """A grammar has no effect."""


class ToolDeclaration(Struct, frozen=True, kw_only=True):
    """A tool of the client."""

    type: str
    """``function`` or ``custom``."""
    function: FunctionTool | None = None
    custom: CustomTool | None = None


class Named(Struct, frozen=True, kw_only=True):
    """The name of a declared tool."""

    name: str


class NamedTool(Struct, frozen=True, kw_only=True):
    """One declared tool."""

    type: Literal["function", "custom"]
    function: Named | None = None
    custom: Named | None = None


class AllowedTools(Struct, frozen=True, kw_only=True):
    """Some of the declared tools."""

    mode: Literal["auto", "required"]
    tools: Annotated[Sequence[NamedTool], Meta(min_length=1)]


class ToolChoice(Struct, frozen=True, kw_only=True):
    """The tool that must be called, or the tools that may be."""

    type: Literal["function", "custom", "allowed_tools"]
    function: Named | None = None
    custom: Named | None = None
    allowed_tools: AllowedTools | None = None


class ChatRequest(Struct, frozen=True, kw_only=True):
    """A chat completion as asked for. None stands for absence everywhere."""

    __ignored__: ClassVar[frozenset[str]] = frozenset(
        {
            "frequency_penalty",
            "logit_bias",
            "metadata",
            "moderation",
            "prediction",
            "presence_penalty",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            "seed",
            "service_tier",
            "store",
            "temperature",
            "top_p",
            "user",
            "verbosity",
        }
    )
    """Fields that are checked but have no effect."""

    model: str
    messages: Annotated[Sequence[ChatMessage], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    reasoning_effort: Effort | None = None
    thinking: Literal["enabled", "disabled"] | ThinkingMode | None = None
    web_search_options: dict[str, Any] | None = None
    """Allows the upstream's own search beside tools or a JSON form too."""

    n: _Limited | None = None
    stop: str | Annotated[Sequence[str], Meta(max_length=4)] | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[Sequence[ToolDeclaration], Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_completion_tokens: _Limited | None = None
    max_tokens: _Limited | None = None
    functions: Any = None
    function_call: Any = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    modalities: Sequence[str] | None = None
    audio: Any = None

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    seed: int | None = None
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    prediction: dict[str, Any] | None = None
    metadata: _Metadata | None = None
    store: bool | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    moderation: Any = None

    image_config: ImageConfig | None = None
    """Extension; has an effect on image models alone."""
    video_config: VideoConfig | None = None
    """Extension; has an effect on video models alone."""


class UrlCitation(Struct, frozen=True, kw_only=True):
    """A link and where in ``content`` it is cited, in Unicode characters."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(Struct, frozen=True, kw_only=True):
    """A remark about a stretch of the content."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


class SearchSource(Struct, frozen=True, kw_only=True):
    """A page the upstream looked at (extension)."""

    title: str
    url: str


class CalledFunctionReply(Struct, frozen=True, kw_only=True):
    """A function and what it is called with."""

    name: str
    arguments: str
    """One JSON object as text."""


class CalledCustomReply(Struct, frozen=True, kw_only=True):
    """A free-text tool and what it is called with."""

    name: str
    input: str


class CallReply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call of a declared tool; has ``function`` or ``custom``, as ``type`` says."""

    id: str
    type: Literal["function", "custom"]
    function: CalledFunctionReply | UnsetType = UNSET
    custom: CalledCustomReply | UnsetType = UNSET


class CallDelta(CallReply, frozen=True, kw_only=True):
    """A whole call, as a stream gives it."""

    index: int


class AnswerMessage(Struct, frozen=True, kw_only=True):
    """The answer's text and what belongs to it."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    """None only beside calls."""
    refusal: str | None = None
    annotations: Sequence[Annotation] = ()
    tool_calls: Sequence[CallReply] | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    search_sources: Sequence[SearchSource] | UnsetType = UNSET


class Choice(Struct, frozen=True, kw_only=True):
    """One of the alternatives asked for."""

    index: int = 0
    message: AnswerMessage
    logprobs: None = None
    finish_reason: FinishReason


class LastDelta(Struct, frozen=True, kw_only=True):
    """What the last piece of a streamed choice adds; mostly nothing."""

    annotations: Sequence[Annotation] | UnsetType = UNSET
    search_sources: Sequence[SearchSource] | UnsetType = UNSET


class Delta(LastDelta, frozen=True, kw_only=True):
    """What one piece of a streamed choice adds."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    refusal: str | UnsetType | None = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: Sequence[CallDelta] | UnsetType = UNSET


class PromptDetails(Struct, frozen=True, kw_only=True):
    """Parts of the prompt's count."""

    cached_tokens: int = 0


class CompletionDetails(Struct, frozen=True, kw_only=True):
    """Parts of the answer's count."""

    reasoning_tokens: int = 0


class Provenance(Struct, frozen=True, kw_only=True):
    """Whether the gateway counted, because the upstream did not say (extension)."""

    estimated: bool


class CompletionUsage(Struct, frozen=True, kw_only=True):
    """Text units used; the total is the sum of the two before it."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails = PromptDetails()
    completion_tokens_details: CompletionDetails
    grokgate: Provenance


class ChatCompletion(Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: Sequence[Choice]
    usage: CompletionUsage
    service_tier: Literal["default"] = "default"
    system_fingerprint: str | None


class ChunkChoice(Struct, frozen=True, kw_only=True):
    """One alternative's part of a piece."""

    index: int
    delta: Delta
    logprobs: None
    finish_reason: FinishReason | None


class ChatChunk(Struct, frozen=True, kw_only=True):
    """One piece of a streamed answer. For the documentation: `StreamWriter` writes the bytes."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    system_fingerprint: str | None
    service_tier: Literal["default"]
    choices: Sequence[ChunkChoice]
    usage: CompletionUsage | UnsetType | None = UNSET
