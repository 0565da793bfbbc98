from typing import Any

import msgspec
import pytest

from grokgate_chat.schema import ChatRequest

HELLO = {"model": "grok-4", "messages": [{"role": "user", "content": "Hi"}]}


def read(**fields: Any) -> ChatRequest:
    return msgspec.json.decode(msgspec.json.encode({**HELLO, **fields}), type=ChatRequest)


def test_null_is_absence_in_every_optional_field() -> None:
    optional = {name: None for name in ChatRequest.__struct_fields__ if name not in HELLO}

    assert read(**optional) == read()


def test_ignored_fields_are_fields() -> None:
    assert ChatRequest.__ignored__ <= set(ChatRequest.__struct_fields__)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"messages": []}, "Expected `array` of length >= 1 - at `$.messages`"),
        ({"model": 4}, "Expected `str`, got `int` - at `$.model`"),
        ({"stream": "yes"}, "Expected `bool | null`, got `str` - at `$.stream`"),
        ({"n": 0}, "Expected `int` >= 1 - at `$.n`"),
        ({"n": "3"}, "Expected `int | null`, got `str` - at `$.n`"),
        ({"max_tokens": 0}, "Expected `int` >= 1 - at `$.max_tokens`"),
        ({"max_completion_tokens": -1}, "Expected `int` >= 1 - at `$.max_completion_tokens`"),
        ({"temperature": 2.5}, "Expected `float` <= 2.0 - at `$.temperature`"),
        ({"top_p": -0.5}, "Expected `float` >= 0.0 - at `$.top_p`"),
        ({"presence_penalty": -3}, "Expected `float` >= -2.0 - at `$.presence_penalty`"),
        ({"stop": ["a"] * 5}, "Expected `array` of length <= 4 - at `$.stop`"),
        ({"reasoning_effort": "huge"}, "Invalid enum value 'huge' - at `$.reasoning_effort`"),
        ({"thinking": "maybe"}, "Invalid enum value 'maybe' - at `$.thinking`"),
        ({"thinking": {"type": "x"}}, "Invalid enum value 'x' - at `$.thinking.type`"),
        ({"metadata": {"a": "b" * 513}}, "Expected `str` of length <= 512 - at `$.metadata[...]`"),
        ({"metadata": {"a": 1}}, "Expected `str`, got `int` - at `$.metadata[...]`"),
        (
            {"tools": [{"type": "function"}] * 129},
            "Expected `array` of length <= 128 - at `$.tools`",
        ),
        ({"verbosity": "loud"}, "Invalid enum value 'loud' - at `$.verbosity`"),
        ({"response_format": {}}, "Object missing required field `type` - at `$.response_format`"),
        ({"stream_options": 1}, "Expected `object | null`, got `int` - at `$.stream_options`"),
    ],
)
def test_faults_are_found_by_the_decoder(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(**fields)

    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 1},
        {"stop": "END"},
        {"metadata": {str(number): "x" * 512 for number in range(16)}},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"seed": -7},
        {"logit_bias": {"50256": -100}},
        {"user": "me", "unheard_of": {"of": 1}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_clients_send_is_accepted(fields: dict[str, Any]) -> None:
    assert read(**fields).model == "grok-4"
