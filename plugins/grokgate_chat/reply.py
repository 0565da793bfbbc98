"""What unary replies and streams of chat completions have in common (`openai-contract.md` 3.3)."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from grokgate.openai import Answer, count
from grokgate.plugin import Reading
from grokgate.upstream import Finished, ToolCall
from grokgate_chat.schema import (
    Annotation,
    CalledCustomReply,
    CalledFunctionReply,
    CallReply,
    CompletionDetails,
    CompletionUsage,
    FinishReason,
    Provenance,
    SearchSource,
    UrlCitation,
)

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "refused": "content_filter",
}


class Head(Struct, frozen=True, kw_only=True):
    """What a reply says whatever its answer."""

    id: str
    created: int
    model: str
    """As the client wrote it."""
    fingerprint: str | None
    input_units: int
    """Estimate of the prompt, for the usage numbers."""


def usage_of(
    ended: list[tuple[Answer, Finished]], readings: Iterable[Reading], head: Head
) -> CompletionUsage:
    """Count the alternatives together with what further calls read."""
    further = sum(reading.further_input for reading in readings)
    counts = count(ended, prompt=head.input_units + further)
    return CompletionUsage(
        prompt_tokens=counts.input,
        completion_tokens=counts.output,
        total_tokens=counts.input + counts.output,
        completion_tokens_details=CompletionDetails(reasoning_tokens=counts.reasoning),
        grokgate=Provenance(estimated=counts.estimated),
    )


def annotations(answer: Answer) -> list[Annotation]:
    """Render the links cited."""
    return [
        Annotation(
            url_citation=UrlCitation(
                start_index=cited.start, end_index=cited.end, title=cited.title, url=cited.url
            )
        )
        for cited in answer.citations
    ]


def pages(answer: Answer) -> list[SearchSource]:
    """Render the pages found."""
    return [SearchSource(title=page.title, url=page.url) for page in answer.sources]


def finish_reason(answer: Answer, finished: Finished) -> FinishReason:
    """Name the end of the answer as clients know it."""
    return "tool_calls" if answer.has_calls else _FINISH_REASONS[finished.reason]


def call_reply(call: ToolCall) -> CallReply:
    """Render a tool call."""
    if call.custom:
        custom = CalledCustomReply(name=call.name, input=call.arguments)
        return CallReply(id=call.id, type="custom", custom=custom)
    function = CalledFunctionReply(name=call.name, arguments=call.arguments)
    return CallReply(id=call.id, type="function", function=function)
