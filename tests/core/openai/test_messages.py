from typing import Any

import msgspec
import pytest

from grokgate.openai import (
    ChatMessage,
    DeveloperMessage,
    ImagePart,
    ImageUrl,
    SystemMessage,
    TextPart,
    UserMessage,
    calls_text,
    result_text,
)


def read(message: dict[str, Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(message), type=ChatMessage)


def test_developer_is_a_system_message() -> None:
    message = read({"role": "developer", "content": "Be brief."})

    assert isinstance(message, DeveloperMessage)
    assert isinstance(message, SystemMessage)


@pytest.mark.parametrize("kind", ["text", "input_text", "output_text"])
def test_text_parts_have_aliases_and_may_have_extra_keys(kind: str) -> None:
    part = {"type": kind, "text": "Hi", "cache_control": {"type": "ephemeral"}}
    message = read({"role": "user", "content": [part]})

    assert isinstance(message, UserMessage)
    assert isinstance(message.content[0], TextPart)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("https://a", "https://a"),
        ({"url": "https://a", "detail": "low"}, ImageUrl(url="https://a")),
    ],
    ids=["string", "object"],
)
def test_image_url_is_a_string_or_an_object(given: object, wanted: object) -> None:
    message = read({"role": "user", "content": [{"type": "image_url", "image_url": given}]})

    assert message.content == [ImagePart(image_url=wanted)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({"role": "robot", "content": ""}, "Invalid value 'robot' - at `$.role`"),
        ({"content": ""}, "Object missing required field `role`"),
        ({"role": "user", "content": []}, "Expected `array` of length >= 1 - at `$.content`"),
        ({"role": "user", "content": None}, "Expected `str | array`, got `null` - at `$.content`"),
        ({"role": "tool", "content": ""}, "Object missing required field `tool_call_id`"),
        (
            {"role": "system", "content": [{"type": "image_url", "image_url": "x"}]},
            "Invalid value 'image_url' - at `$.content[0].type`",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
            "Object missing required field `url` - at `$.content[0].image_url`",
        ),
    ],
)
def test_faults_are_found_at_their_place(message: dict[str, Any], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(message)

    assert str(caught.value) == complaint


def test_earlier_calls_are_one_block() -> None:
    assert calls_text([("look", '{"a":1}'), ("note", "free text")]) == (
        "<tool_calls>\n"
        '<tool_call name="look">{"a":1}</tool_call>\n'
        '<tool_call name="note">free text</tool_call>\n'
        "</tool_calls>"
    )


def test_result_names_its_tool() -> None:
    assert result_text("look", "sunny") == "[result of look]\nsunny"
