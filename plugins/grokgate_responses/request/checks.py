"""Rules of requests that no type expresses (`openai-contract.md` 4.1, 4.2)."""

from collections.abc import Iterable

from grokgate_responses.request.item_parts import Item, attachments, parts
from grokgate_responses.request.reading import miss, refuse
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.schema_items import CALLS

_ANSWERED = CALLS | {"function_call", "custom_tool_call"}
_ANSWERS = frozenset({"function_call_output", "custom_tool_call_output"})
_WITHOUT_WORDS = frozenset({"reasoning"})
_MOST_SHOWN = 100
"""Characters of a client's own words in a message."""


def check_request(request: ResponsesRequest) -> None:
    """Apply the rules between fields, and refuse what would change the meaning if ignored.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    for field, is_used in _unsupported(request).items():
        if is_used:
            message = f"Unsupported parameter: '{field}' is not supported with this endpoint."
            refuse(field, message, "unsupported_parameter")
    if request.background and not request.is_stored:
        refuse("background", "'background' needs 'store' to be true.")
    if request.previous_response_id is None:
        if request.input is None and request.messages is None:
            miss("input")
        if request.input == []:
            refuse("input", "Invalid value for 'input': the list is empty.", "empty_array")


def check_calls(items: Iterable[Item], earlier: Iterable[Item]) -> None:
    """Refuse a result whose call is neither in *items* nor in *earlier* ones.

    Raises:
        InvalidRequest: Names the id of the call.
    """
    items = tuple(items)
    known = {item.get("call_id") for item in (*earlier, *items) if item["type"] in _ANSWERED}
    for item in items:
        if item["type"] in _ANSWERS and item["call_id"] not in known:
            refuse("input", f"No tool call found for the output of '{_shown(item['call_id'])}'.")


def check_substance(request: ResponsesRequest, items: Iterable[Item]) -> None:
    """Refuse a prompt without any text or attachment.

    Raises:
        InvalidRequest: ``invalid_value``.
    """
    if (request.instructions or "").strip() or any(map(_has_substance, items)):
        return
    field = "input" if request.input is not None or request.messages is None else "messages"
    refuse(field, "The input holds neither text nor an attachment.")


def _unsupported(request: ResponsesRequest) -> dict[str, bool]:
    return {
        "conversation": request.conversation is not None,
        "prompt": request.prompt is not None,
        "top_logprobs": bool(request.top_logprobs),
        "include": "message.output_text.logprobs" in (request.include or ()),
    }


def _has_substance(item: Item) -> bool:
    if item["type"] != "message":
        return item["type"] not in _WITHOUT_WORDS
    words = (part.get("text") or part.get("refusal") or "" for part in parts(item))
    return any(attachments(item)) or any(text.strip() for text in words)


def _shown(text: str) -> str:
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown if len(shown) <= _MOST_SHOWN else shown[:_MOST_SHOWN] + "…"
