from typing import Any

import msgspec
import pytest
from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.openai.answer import ThinkingFormat
from grokgate.upstream import Attachment, Blob, Message, Text
from grokgate_chat.schema import ChatRequest
from grokgate_chat.translate import (
    check,
    is_streamed,
    to_conversation,
    to_view,
    wants_usage,
)

USER = {"role": "user", "content": "Hi"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    ],
}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}


class Options(Struct, kw_only=True):
    thinking: bool = True
    thinking_format: ThinkingFormat = "reasoning_content"
    thinking_summary: bool = False
    show_search_sources: bool = False


def ask(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    body = {"model": "grok-4", "messages": messages or (USER,), **fields}
    return msgspec.json.decode(msgspec.json.encode(body), type=ChatRequest)


def turns(request: ChatRequest, *blobs: Blob) -> tuple[Message, ...]:
    return to_conversation(request, blobs).messages


@pytest.mark.parametrize(
    ("stream", "default", "accept", "streamed"),
    [
        (None, False, "text/event-stream", False),
        (None, True, "*/*", True),
        (None, True, "", True),
        (None, True, "application/json", False),
        (None, True, "application/json, text/event-stream", True),
        (False, True, "", False),
        (True, False, "application/json", True),
    ],
)
def test_reply_mode(stream: object, default: bool, accept: str, streamed: bool) -> None:  # noqa: FBT001 - a table
    assert is_streamed(ask(stream=stream), default=default, accept=accept) == streamed


@pytest.mark.parametrize(
    ("fields", "default", "shown", "effort"),
    [
        ({}, True, True, None),
        ({}, False, False, None),
        ({"thinking": "enabled"}, False, True, None),
        ({"thinking": {"type": "disabled"}}, True, False, "none"),
        ({"reasoning_effort": "none"}, True, False, "none"),
        ({"reasoning_effort": "minimal"}, True, False, "minimal"),
        ({"reasoning_effort": "high"}, False, True, "high"),
        ({"reasoning_effort": "low", "thinking": "disabled"}, False, True, "low"),
    ],
)
def test_reasoning_effort_wins_over_thinking_over_the_setting(
    fields: dict[str, Any],
    default: bool,  # noqa: FBT001 - a table
    shown: bool,  # noqa: FBT001 - a table
    effort: str | None,
) -> None:
    request = ask(**fields)

    assert to_view(request, Options(thinking=default)).reasoning == shown
    assert to_conversation(request, ()).effort == effort


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("functions", []),
        ("function_call", "auto"),
        ("logprobs", True),
        ("top_logprobs", 1),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "alloy", "format": "wav"}),
    ],
)
def test_what_would_change_the_meaning_is_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(ask(**{field: value}), streamed=False, most_choices=4)

    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", field)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": []},
        {"tool_choice": "none"},
        {"tool_choice": "auto"},
        {"response_format": {"type": "text"}},
        {"n": 1},
        {"stop": []},
        {"stop": ""},
        {"logprobs": False, "top_logprobs": 0},
        {"modalities": ["text"]},
        {"max_tokens": 10},
        {"web_search_options": {"search_context_size": "low"}},
    ],
    ids=str,
)
def test_harmless_values_are_accepted(fields: dict[str, Any]) -> None:
    check(ask(**fields), streamed=False, most_choices=4)


@pytest.mark.parametrize(
    ("messages", "code", "param"),
    [
        ([RESULT], "invalid_value", "messages[0].tool_call_id"),
        ([RESULT, CALL], "invalid_value", "messages[0].tool_call_id"),
        (
            [USER, {"role": "assistant", "content": None}],
            "missing_required_parameter",
            "messages[1].content",
        ),
        ([{"role": "user", "content": " \n"}], "invalid_value", "messages"),
        (
            [{"role": "user", "content": [{"type": "text", "text": ""}]}],
            "invalid_value",
            "messages",
        ),
        ([{"role": "assistant", "content": ""}], "invalid_value", "messages"),
    ],
)
def test_faulty_conversations_are_refused(
    messages: list[dict[str, Any]], code: str, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(ask(*messages), streamed=False, most_choices=4)

    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(
    "messages",
    [
        [USER, CALL, RESULT],
        [USER, {"role": "assistant", "content": None, "refusal": "No."}],
        [{"role": "user", "content": ""}, USER],
        [{"role": "assistant", "content": "I ended."}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": "https://a/b.png"}]}],
    ],
    ids=["tools", "refusal", "one_blank", "ends_with_assistant", "attachment_only"],
)
def test_usual_conversations_pass(messages: list[dict[str, Any]]) -> None:
    check(ask(*messages), streamed=False, most_choices=4)


def test_stream_options_need_a_stream() -> None:
    request = ask(stream_options={"include_usage": True})

    check(request, streamed=True, most_choices=4)
    with pytest.raises(InvalidRequest) as caught:
        check(request, streamed=False, most_choices=4)
    assert (caught.value.code, caught.value.param) == ("invalid_value", "stream_options")


@pytest.mark.parametrize(
    ("options", "wanted"), [(None, False), ({}, False), ({"include_usage": True}, True)]
)
def test_usage_is_streamed_when_asked_for(options: object, wanted: bool) -> None:  # noqa: FBT001 - a table
    assert wants_usage(ask(stream_options=options)) == wanted


def test_developer_messages_are_system_messages() -> None:
    (turn,) = turns(ask({"role": "developer", "content": "Be brief."}))

    assert turn == Message(role="system", parts=(Text(text="Be brief."),))


def test_parts_and_attachments_keep_their_places() -> None:
    first, second = (Blob.of_bytes(b"x", mime="image/png", name=name) for name in "ab")
    content = [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "text", "text": "and"},
        {"type": "file", "file": {"file_data": "AAAA"}},
    ]

    (turn,) = turns(ask({"role": "user", "content": content}), first, second)

    assert turn.parts == (
        Attachment(blob=first, kind="image"),
        Text(text="and"),
        Attachment(blob=second, kind="file"),
    )


def test_tool_calls_and_results_become_labelled_text() -> None:
    _, called, result = turns(ask(USER, CALL, RESULT))

    assert called.parts == (
        Text(text='<tool_calls>\n<tool_call name="look">{}</tool_call>\n</tool_calls>'),
    )
    assert result == Message(role="tool", parts=(Text(text="[result of look]\nsunny"),))


def test_deprecated_function_messages_read_like_tool_messages() -> None:
    called, result = turns(
        ask(
            {"role": "assistant", "function_call": {"name": "look", "arguments": "{}"}},
            {"role": "function", "name": "look", "content": "sunny"},
        )
    )

    assert called.parts == turns(ask(CALL))[0].parts
    assert result.parts == (Text(text="[result of look]\nsunny"),)


def test_custom_calls_keep_their_free_text() -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "note", "input": "a < b"}}

    (turn,) = turns(ask({"role": "assistant", "content": "So:", "tool_calls": [custom]}))

    assert turn.parts[0] == Text(text="So:")
    assert turn.parts[1] == Text(
        text='<tool_calls>\n<tool_call name="note">a < b</tool_call>\n</tool_calls>'
    )


def test_earlier_refusals_are_text() -> None:
    part = {"type": "refusal", "refusal": "No."}

    (turn,) = turns(ask({"role": "assistant", "content": [part], "refusal": "Never."}))

    assert turn.parts == (Text(text="No."), Text(text="Never."))


def test_more_choices_than_allowed_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(ask(n=5), streamed=False, most_choices=4)

    assert (caught.value.code, caught.value.param) == ("integer_above_max_value", "n")
