"""What a response repeats of its request, and how it names a failure (`openai-contract.md` 4.4)."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from grokgate.errors import ContentRefused, ContextTooLong, GatewayError
from grokgate_responses.answer.objects import ErrorCode, ReasoningEcho, ResponseObject, TextEcho
from grokgate_responses.request.schema import (
    ObjectForm,
    Reasoning,
    SchemaForm,
    TextForm,
    TextOptions,
)
from grokgate_responses.request.translate import Asked

_TOO_MANY = 429
_CODES: Mapping[str | None, ErrorCode] = {
    "content_policy_violation": "image_content_policy_violation",
    "invalid_image": "invalid_image",
    "invalid_image_url": "failed_to_download_image",
    "image_content_policy_violation": "image_content_policy_violation",
}


def to_response(
    asked: Asked,
    *,
    id: str,  # noqa: A002 - the field's name on the wire
    created_at: int,
    background: bool = False,
    previous: str | None = None,
) -> ResponseObject:
    """Make the response object of a turn that begins."""
    request = asked.request
    return ResponseObject(
        id=id,
        created_at=created_at,
        status="queued" if background else "in_progress",
        background=background,
        instructions=request.instructions,
        max_output_tokens=request.max_output_tokens,
        max_tool_calls=request.max_tool_calls,
        model=request.model,
        parallel_tool_calls=request.parallel_tool_calls is not False,
        previous_response_id=previous,
        prompt_cache_key=request.prompt_cache_key,
        safety_identifier=request.safety_identifier,
        reasoning=_reasoning(request.reasoning or Reasoning()),
        store=request.is_stored,
        text=_text(request.text or TextOptions()),
        tool_choice=request.tool_choice or "auto",
        tools=list(asked.tools.echo),
        truncation=request.truncation or "disabled",
        metadata=request.metadata or {},
        user=request.user if request.user is not None else UNSET,
        temperature=_or(request.temperature, 1),
        top_p=_or(request.top_p, 1),
        presence_penalty=_or(request.presence_penalty, 0),
        frequency_penalty=_or(request.frequency_penalty, 0),
    )


def error_code(error: GatewayError) -> ErrorCode:
    """Name *error* with one of the few words that a response object may have."""
    if error.status == _TOO_MANY:
        return "rate_limit_exceeded"
    if isinstance(error, ContentRefused | ContextTooLong):
        return "invalid_prompt"
    return _CODES.get(error.code, "server_error")


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _reasoning(asked: Reasoning) -> ReasoningEcho:
    return ReasoningEcho(effort=asked.effort, summary=asked.summary or asked.generate_summary)


def _text(asked: TextOptions) -> TextEcho:
    return TextEcho(format=_form(asked.format), verbosity=asked.verbosity or "medium")


def _form(form: TextForm | ObjectForm | SchemaForm | None) -> dict[str, Any]:
    match form:
        case SchemaForm():
            return {
                "type": "json_schema",
                "name": form.name,
                "description": form.description,
                "schema": form.schema,
                "strict": bool(form.strict),
            }
        case ObjectForm():
            return {"type": "json_object"}
        case _:
            return {"type": "text"}
