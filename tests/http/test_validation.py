"""Sentences of msgspec become the codes and places of the contract."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from grokgate.http.validation import invalid_request


class Text(Struct, tag="text", tag_field="type"):
    text: str


class Picture(Struct, tag="image_url", tag_field="type"):
    url: str


class Message(Struct):
    role: Literal["user", "assistant"]
    content: str | list[Text | Picture]


class Body(Struct, kw_only=True):
    messages: Annotated[list[Message], Meta(min_length=1, max_length=3)] | None = None
    n: Annotated[int, Meta(ge=1, le=4)] | None = None
    top: Annotated[float, Meta(ge=0, le=1)] | None = None
    name: Annotated[str, Meta(max_length=3, pattern="^a")] | None = None
    labels: dict[str, str] | None = None
    any: Any = None


CASES = [
    (b"", "invalid_json", None),
    (b"[]", "invalid_json", None),
    (b'"x"', "invalid_json", None),
    (b"3", "invalid_json", None),
    (b"null", "invalid_json", None),
    (b'{"n":', "invalid_json", None),
    (b'{"any":NaN}', "invalid_json", None),
    (b'{"n":"1"}', "invalid_type", "n"),
    (b'{"n":1.5}', "invalid_type", "n"),
    (b'{"n":0}', "integer_below_min_value", "n"),
    (b'{"n":5}', "integer_above_max_value", "n"),
    (b'{"n":100000000000000000000000000}', "integer_above_max_value", "n"),
    (b'{"top":-0.1}', "decimal_below_min_value", "top"),
    (b'{"top":1.1}', "decimal_above_max_value", "top"),
    (b'{"top":1e999}', "invalid_value", "top"),
    (b'{"name":"abcd"}', "string_above_max_length", "name"),
    (b'{"name":"b"}', "invalid_value", "name"),
    (b'{"messages":[]}', "empty_array", "messages"),
    (b'{"messages":{}}', "invalid_type", "messages"),
    (b'{"messages":[{}]}', "missing_required_parameter", "messages[0].role"),
    (b'{"messages":[{"role":"x"}]}', "invalid_value", "messages[0].role"),
    (
        b'{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}',
        "missing_required_parameter",
        "messages[0].content[0].url",
    ),
    (
        b'{"messages":[{"role":"user","content":[{"type":"film"}]}]}',
        "invalid_value",
        "messages[0].content[0].type",
    ),
    (b'{"labels":{"a":1}}', "invalid_type", "labels"),
]


@pytest.mark.parametrize(("body", "code", "param"), CASES)
def test_first_fault_has_its_code_and_place(body: bytes, code: str, param: str | None) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(body, type=Body)
    error = invalid_request(caught.value)

    assert (error.code, error.param) == (code, param)
    assert error.message


def test_too_long_array_is_named() -> None:
    message = '{"role":"user","content":"x"}'
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(f'{{"messages":[{message},{message},{message},{message}]}}', type=Body)

    assert invalid_request(caught.value).code == "array_above_max_length"


def test_words_of_the_client_are_quoted_printable_and_short() -> None:
    text = "{\\u0000\\u202e" + "x" * 5000 + "}"
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(f'{{"messages":[{{"role":"{text}"}}]}}', type=Body)
    error = invalid_request(caught.value)

    assert error.message.isprintable()
    assert len(error.message) < 500
