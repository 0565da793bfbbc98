"""The response object, and what of its request it repeats."""

from typing import Any

import msgspec
import pytest

from grammar.played import CREATED, asked, reply_to
from grammar.responses import KEYS
from grokgate.errors import (
    ContentRefused,
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    LimitExceeded,
    UpstreamError,
)
from grokgate_responses.answer.echo import error_code
from grokgate_responses.answer.objects import (
    CustomCallItem,
    FunctionCallItem,
    ImageItem,
    MessageItem,
    OutputItem,
    OutputText,
    ReasoningItem,
    ResponseObject,
    SearchAction,
    WebSearchItem,
    in_full,
)
from grokgate_responses.request.tools import Tools

ITEMS: tuple[OutputItem, ...] = (
    ReasoningItem(id="rs_1", status="completed", encrypted_content="x"),
    WebSearchItem(id="ws_1", status="completed", action=SearchAction(query="a")),
    MessageItem(id="msg_1", status="completed", content=(OutputText(text="Lis"),)),
    MessageItem(id="msg_2", status="incomplete", content=(OutputText(text="bon."),)),
    ImageItem(id="ig_1", status="failed"),
    FunctionCallItem(id="fc_1", status="completed", call_id="c1", name="f", arguments="{}"),
    CustomCallItem(id="ctc_1", status="completed", call_id="c2", name="g", input="x"),
)


def told(**fields: Any) -> dict[str, Any]:
    """Return the object of a turn that was just asked for with *fields*."""
    response = reply_to(asked(**fields)).response()
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(response))
    return found


def test_all_keys_are_there_from_the_beginning() -> None:
    assert set(told()) == KEYS


def test_defaults_are_those_of_the_contract() -> None:
    response = told()

    assert {field: value for field, value in response.items() if value is not None} == {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "background": False,
        "model": "grok-4",
        "output": [],
        "parallel_tool_calls": True,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1,
        "top_p": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "truncation": "disabled",
        "metadata": {},
    }


def test_what_was_asked_is_repeated() -> None:
    fields = {
        "instructions": "Be brief.",
        "max_output_tokens": 9,
        "max_tool_calls": 2,
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "reasoning": {"effort": "low", "summary": "auto"},
        "store": False,
        "temperature": 0,
        "top_p": 0.5,
        "presence_penalty": 1,
        "frequency_penalty": -1,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "tool_choice": "none",
        "truncation": "auto",
        "metadata": {"a": "b"},
        "user": "u",
    }

    response = told(**fields)

    assert {field: response[field] for field in fields} == fields


def test_older_name_of_the_summary_is_repeated_under_the_new_one() -> None:
    assert told(reasoning={"generate_summary": "concise"})["reasoning"]["summary"] == "concise"


def test_form_is_repeated_whole() -> None:
    form = {"type": "json_schema", "name": "place", "schema": {"type": "object"}}

    assert told(text={"format": form})["text"]["format"] == {
        **form,
        "description": None,
        "strict": False,
    }


def test_tools_are_repeated_as_the_request_side_shows_them() -> None:
    tool = {"type": "function", "name": "f", "description": None, "parameters": None}

    assert told(tools=Tools(echo=[tool]))["tools"] == [tool]


def test_object_survives_being_stored() -> None:
    response = msgspec.structs.replace(reply_to().response(), output=ITEMS)

    stored = msgspec.msgpack.encode(response)

    assert msgspec.msgpack.decode(stored, type=ResponseObject) == response


def test_text_of_all_messages_is_joined_outside_of_events() -> None:
    response = in_full(msgspec.structs.replace(reply_to().response(), output=ITEMS))

    assert (response.output_text, response.created) == ("Lisbon.", CREATED)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LimitExceeded(), "rate_limit_exceeded"),
        (ContentRefused(), "invalid_prompt"),
        (ContextTooLong(), "invalid_prompt"),
        (InvalidRequest(code="invalid_image"), "invalid_image"),
        (InvalidRequest(code="invalid_image_url"), "failed_to_download_image"),
        (UpstreamError(), "server_error"),
    ],
)
def test_errors_have_one_of_few_codes(error: GatewayError, code: str) -> None:
    assert error_code(error) == code
