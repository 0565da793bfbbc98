"""The response object and its output items (`openai-contract.md` 4.4, 4.5).

All 31 keys of the object are always present: clients refuse one that lacks any. Items are told
apart by ``type``, so that whatever was encoded can be decoded again.
"""

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

ResponseStatus: TypeAlias = Literal[
    "queued", "in_progress", "completed", "incomplete", "failed", "cancelled"
]
ItemStatus: TypeAlias = Literal["in_progress", "completed", "incomplete"]
IncompleteReason: TypeAlias = Literal["max_output_tokens", "content_filter"]
ErrorCode: TypeAlias = Literal[
    "server_error",
    "rate_limit_exceeded",
    "invalid_prompt",
    "invalid_image",
    "image_content_policy_violation",
    "failed_to_download_image",
]


class UrlAnnotation(Struct, frozen=True, kw_only=True, tag_field="type", tag="url_citation"):
    """A link, and where the text cites it."""

    url: str
    title: str
    start_index: int
    """Characters of the text."""
    end_index: int


class OutputText(Struct, frozen=True, kw_only=True, tag_field="type", tag="output_text"):
    """Text of a message."""

    text: str
    annotations: tuple[UrlAnnotation, ...] = ()
    logprobs: tuple[()] = ()


class SummaryText(Struct, frozen=True, kw_only=True, tag_field="type", tag="summary_text"):
    """Reasoning that is shown."""

    text: str


class MessageItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """What the model answers."""

    id: str
    status: ItemStatus
    role: Literal["assistant"] = "assistant"
    content: tuple[OutputText, ...] = ()


class ReasoningItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="reasoning"):
    """What the model thought, as far as it is shown."""

    id: str
    status: ItemStatus
    summary: tuple[SummaryText, ...] = ()
    encrypted_content: str | UnsetType = UNSET
    """The same, sealed for the client to send back; only where ``include`` asks for it."""


class FunctionCallItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="function_call"):
    """A call of one of the client's functions."""

    id: str
    status: ItemStatus
    call_id: str
    name: str
    arguments: str
    """JSON text of an object; empty while the item is in progress."""
    namespace: str | UnsetType = UNSET


class CustomCallItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="custom_tool_call"):
    """A call of one of the client's free-text tools."""

    id: str
    status: ItemStatus
    call_id: str
    name: str
    input: str
    namespace: str | UnsetType = UNSET


class SearchedPage(Struct, frozen=True, kw_only=True, tag_field="type", tag="url"):
    """A page the search found."""

    url: str


class SearchAction(Struct, frozen=True, kw_only=True, tag_field="type", tag="search"):
    """What was searched for."""

    query: str
    """The first of the queries; may be empty."""
    queries: tuple[str, ...] = ()
    sources: tuple[SearchedPage, ...] | UnsetType = UNSET


class WebSearchItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="web_search_call"):
    """All searches of a turn."""

    id: str
    status: ItemStatus
    action: SearchAction


class ImageItem(Struct, frozen=True, kw_only=True, tag_field="type", tag="image_generation_call"):
    """A picture of the answer."""

    id: str
    status: Literal["in_progress", "completed", "failed"]
    result: str | None = None
    """The picture in base64; None until it is complete, and where it failed."""
    revised_prompt: str | UnsetType | None = UNSET
    size: str | UnsetType = UNSET
    quality: str | UnsetType = UNSET
    background: str | UnsetType = UNSET
    output_format: str | UnsetType = UNSET
    """What the picture really is: ``png``, ``jpeg``, ``webp``, ``gif``."""
    action: Literal["generate"] | UnsetType = UNSET


OutputItem: TypeAlias = (
    MessageItem | ReasoningItem | FunctionCallItem | CustomCallItem | WebSearchItem | ImageItem
)


class InputDetails(Struct, frozen=True, kw_only=True):
    """Parts of the input; the upstream has no cache that we know of."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputDetails(Struct, frozen=True, kw_only=True):
    """Parts of the output."""

    reasoning_tokens: int


class UsageProvenance(Struct, frozen=True, kw_only=True):
    """Where the numbers come from."""

    estimated: bool


class ResponseUsage(Struct, frozen=True, kw_only=True):
    """Text units of a turn (`openai-contract.md` 13)."""

    input_tokens: int
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int
    grokgate: UsageProvenance
    input_tokens_details: InputDetails = InputDetails()


class ResponseError(Struct, frozen=True, kw_only=True):
    """Why a turn failed."""

    code: ErrorCode
    message: str


class IncompleteDetails(Struct, frozen=True, kw_only=True):
    """Why a turn ended early."""

    reason: IncompleteReason


class ReasoningEcho(Struct, frozen=True, kw_only=True):
    """What was asked of the reasoning."""

    effort: str | None = None
    summary: str | None = None


class TextEcho(Struct, frozen=True, kw_only=True):
    """What was asked of the text."""

    format: dict[str, Any]
    verbosity: str = "medium"


class ResponseObject(Struct, frozen=True, kw_only=True):
    """A turn, as clients and events see it."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    """Unix seconds."""
    completed_at: int | None = None
    """Unix seconds; None until the status is ``completed``."""
    status: ResponseStatus
    background: bool = False
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    model: str
    """As the client wrote it."""
    output: tuple[OutputItem, ...] = ()
    """Those that are complete."""
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    reasoning: ReasoningEcho = ReasoningEcho()
    service_tier: Literal["default"] = "default"
    store: bool = True
    temperature: float
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    text: TextEcho
    tool_choice: str | dict[str, Any] = "auto"
    tools: list[dict[str, Any]] = []
    top_logprobs: Literal[0] = 0
    truncation: str = "disabled"
    usage: ResponseUsage | None = None
    """None until the turn has ended."""
    metadata: dict[str, str] = {}
    user: str | UnsetType = UNSET
    created: int | UnsetType = UNSET
    """The same as ``created_at``, for old front ends; not in events."""
    output_text: str | UnsetType = UNSET
    """The text of all messages, for clients without an SDK; not in events."""


def output_items(response: ResponseObject) -> tuple[dict[str, Any], ...]:
    """Return the output items of *response* in the wire's own form."""
    items: tuple[dict[str, Any], ...] = msgspec.to_builtins(response.output)
    return items


def in_full(response: ResponseObject) -> ResponseObject:
    """Return *response* with what it has outside of events: ``created`` and ``output_text``."""
    messages = (item for item in response.output if isinstance(item, MessageItem))
    text = "".join(part.text for message in messages for part in message.content)
    return structs.replace(response, created=response.created_at, output_text=text)
