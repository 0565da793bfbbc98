"""What of an answer is shown, and who answers."""

from typing import Any

import msgspec
import pytest

from grokgate.upstream import Conversation
from grokgate_messages.schema import MessagesRequest
from grokgate_messages.translate import model_for, to_conversation, to_drafts, to_view


class Options:
    thinking_summary = False
    show_search_sources = False


def request(**fields: Any) -> MessagesRequest:
    body = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
    return msgspec.convert({**body, **fields}, MessagesRequest)


def conversation(**fields: Any) -> Conversation:
    asked = request(**fields)
    return to_conversation(asked, to_drafts(asked), ())


@pytest.mark.parametrize(
    ("thinking", "shown"),
    [
        (None, False),
        ({"type": "disabled"}, False),
        ({"type": "enabled", "budget_tokens": 1024}, True),
        ({"type": "enabled"}, True),
        ({"type": "adaptive"}, True),
        ({"type": "adaptive", "display": "omitted"}, False),
        ({"type": "between_tools"}, True),
    ],
)
def test_reasoning_is_shown_when_asked_for(thinking: Any, shown: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert to_view(request(thinking=thinking), Options()).reasoning is shown


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({"output_config": {"effort": "max"}}, "max"),
        ({"output_config": {"effort": "low"}, "thinking": {"type": "disabled"}}, "low"),
    ],
)
def test_effort(fields: dict[str, Any], effort: str | None) -> None:
    assert conversation(**fields).effort == effort


@pytest.mark.parametrize(
    ("model", "name"),
    [("claude-opus-5", "grok-4"), ("claude-haiku-5", "grok-3"), ("grok-4.1", "grok-4.1")],
)
def test_first_pattern_that_fits_names_the_model(model: str, name: str) -> None:
    assert model_for(model, {"claude-h*": "grok-3", "claude-*": "grok-4"}) == name
