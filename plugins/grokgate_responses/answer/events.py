"""The events of a streamed turn (`openai-contract.md` 4.8); ``type`` is each one's tag.

Names of positions: ``output_index`` in the response's output, ``content_index`` in a message,
``summary_index`` in a reasoning item.
"""

from typing import TypeAlias

from msgspec import Struct

from grokgate.openai import ErrorDetail
from grokgate_responses.answer.objects import (
    OutputItem,
    OutputText,
    ResponseObject,
    SummaryText,
    UrlAnnotation,
)


class _Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    sequence_number: int
    """0, 1, 2, … without gaps."""


class _ResponseEvent(_Event, frozen=True, kw_only=True):
    response: ResponseObject


class ResponseCreated(_ResponseEvent, frozen=True, kw_only=True, tag="response.created"):
    """The turn exists."""


class ResponseQueued(_ResponseEvent, frozen=True, kw_only=True, tag="response.queued"):
    """The turn waits for an account, in the background."""


class ResponseInProgress(_ResponseEvent, frozen=True, kw_only=True, tag="response.in_progress"):
    """The model works."""


class ResponseCompleted(_ResponseEvent, frozen=True, kw_only=True, tag="response.completed"):
    """The answer is whole."""


class ResponseIncomplete(_ResponseEvent, frozen=True, kw_only=True, tag="response.incomplete"):
    """The answer ended early."""


class ResponseFailed(_ResponseEvent, frozen=True, kw_only=True, tag="response.failed"):
    """There is no answer, or not all of it."""


class _OutputEvent(_Event, frozen=True, kw_only=True):
    output_index: int


class ItemAdded(_OutputEvent, frozen=True, kw_only=True, tag="response.output_item.added"):
    """An item begins."""

    item: OutputItem


class ItemDone(_OutputEvent, frozen=True, kw_only=True, tag="response.output_item.done"):
    """An item is complete."""

    item: OutputItem


class _ItemEvent(_OutputEvent, frozen=True, kw_only=True):
    item_id: str


class _ContentEvent(_ItemEvent, frozen=True, kw_only=True):
    content_index: int


class ContentPartAdded(_ContentEvent, frozen=True, kw_only=True, tag="response.content_part.added"):
    """A part of a message begins."""

    part: OutputText


class ContentPartDone(_ContentEvent, frozen=True, kw_only=True, tag="response.content_part.done"):
    """A part of a message is complete."""

    part: OutputText


class OutputTextDelta(_ContentEvent, frozen=True, kw_only=True, tag="response.output_text.delta"):
    """The next piece of text; never empty."""

    delta: str
    logprobs: tuple[()] = ()


class OutputTextDone(_ContentEvent, frozen=True, kw_only=True, tag="response.output_text.done"):
    """The whole text."""

    text: str
    logprobs: tuple[()] = ()


class AnnotationAdded(
    _ContentEvent, frozen=True, kw_only=True, tag="response.output_text.annotation.added"
):
    """A link of the text."""

    annotation_index: int
    annotation: UrlAnnotation


class _SummaryEvent(_ItemEvent, frozen=True, kw_only=True):
    summary_index: int


class SummaryPartAdded(
    _SummaryEvent, frozen=True, kw_only=True, tag="response.reasoning_summary_part.added"
):
    """A part of the reasoning begins."""

    part: SummaryText


class SummaryPartDone(
    _SummaryEvent, frozen=True, kw_only=True, tag="response.reasoning_summary_part.done"
):
    """A part of the reasoning is complete."""

    part: SummaryText


class SummaryDelta(
    _SummaryEvent, frozen=True, kw_only=True, tag="response.reasoning_summary_text.delta"
):
    """The next piece of reasoning; never empty."""

    delta: str


class SummaryDone(
    _SummaryEvent, frozen=True, kw_only=True, tag="response.reasoning_summary_text.done"
):
    """The whole reasoning."""

    text: str


class ArgumentsDelta(
    _ItemEvent, frozen=True, kw_only=True, tag="response.function_call_arguments.delta"
):
    """The arguments of a call, all at once."""

    delta: str


class ArgumentsDone(
    _ItemEvent, frozen=True, kw_only=True, tag="response.function_call_arguments.done"
):
    """The arguments of a call."""

    name: str
    arguments: str


class InputDelta(
    _ItemEvent, frozen=True, kw_only=True, tag="response.custom_tool_call_input.delta"
):
    """The input of a free-text call, all at once."""

    delta: str


class InputDone(_ItemEvent, frozen=True, kw_only=True, tag="response.custom_tool_call_input.done"):
    """The input of a free-text call."""

    input: str


class SearchInProgress(
    _ItemEvent, frozen=True, kw_only=True, tag="response.web_search_call.in_progress"
):
    """Searches begin."""


class SearchSearching(
    _ItemEvent, frozen=True, kw_only=True, tag="response.web_search_call.searching"
):
    """Searches run."""


class SearchCompleted(
    _ItemEvent, frozen=True, kw_only=True, tag="response.web_search_call.completed"
):
    """Searches are done."""


class ImageInProgress(
    _ItemEvent, frozen=True, kw_only=True, tag="response.image_generation_call.in_progress"
):
    """A picture begins."""


class ImageGenerating(
    _ItemEvent, frozen=True, kw_only=True, tag="response.image_generation_call.generating"
):
    """A picture is being made."""


class ImagePartial(
    _ItemEvent, frozen=True, kw_only=True, tag="response.image_generation_call.partial_image"
):
    """An unfinished picture."""

    partial_image_index: int
    partial_image_b64: str
    size: str
    quality: str
    background: str
    output_format: str


class ImageCompleted(
    _ItemEvent, frozen=True, kw_only=True, tag="response.image_generation_call.completed"
):
    """A picture is done, or given up."""


class ErrorOccurred(_Event, frozen=True, kw_only=True, tag="error"):
    """Why the turn fails, in both forms that clients look for (`openai-contract.md` 1.4)."""

    code: str | None
    message: str
    param: str | None
    error: ErrorDetail


TerminalEvent: TypeAlias = ResponseCompleted | ResponseIncomplete | ResponseFailed
ResponseEvent: TypeAlias = (
    ResponseCreated
    | ResponseQueued
    | ResponseInProgress
    | TerminalEvent
    | ItemAdded
    | ItemDone
    | ContentPartAdded
    | ContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | AnnotationAdded
    | SummaryPartAdded
    | SummaryPartDone
    | SummaryDelta
    | SummaryDone
    | ArgumentsDelta
    | ArgumentsDone
    | InputDelta
    | InputDone
    | SearchInProgress
    | SearchSearching
    | SearchCompleted
    | ImageInProgress
    | ImageGenerating
    | ImagePartial
    | ImageCompleted
    | ErrorOccurred
)
