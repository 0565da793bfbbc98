from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest

from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate.openai import Source
from grokgate_responses.request.chat_items import read_messages
from grokgate_responses.request.items import Item, Read, read_items
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.schema_items import read_input

URL = "https://example.com/cat.png"
DATA = "data:image/png;base64,AAAA"
CALL = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}


def numbered() -> Callable[[str], str]:
    numbers = count(1)
    return lambda prefix: f"{prefix}{next(numbers)}"


def read(given: Any, **resolved: Item) -> Read:
    return read_items(read_input(given), resolved=resolved, new_id=numbered())


def only(given: Any) -> Item:
    (item,) = read([given]).items
    return item


def said(*texts: str, role: str = "user") -> dict[str, Any]:
    content = [{"type": "input_text", "text": text} for text in texts]
    return {"type": "message", "role": role, "status": "completed", "content": content}


def without_ids(items: tuple[Item, ...]) -> list[dict[str, Any]]:
    return [{name: value for name, value in item.items() if name != "id"} for item in items]


@pytest.mark.parametrize(
    ("given", "items"),
    [
        ("Hi", [said("Hi")]),
        (["Hi", "there"], [said("Hi"), said("there")]),
        ({"role": "user", "content": "Hi"}, [said("Hi")]),
        ({"type": "input_text", "text": "Hi"}, [said("Hi")]),
        ([{"role": "system", "content": "Be brief."}], [said("Be brief.", role="system")]),
        ([{"type": None, "role": "developer", "content": "A"}], [said("A", role="developer")]),
        ([{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}], [said("a", "b")]),
        ([{"type": "text", "text": "a"}, "b"], [said("a"), said("b")]),
    ],
    ids=["text", "texts", "item", "part", "items", "no type", "parts", "parts and text"],
)
def test_input_has_many_forms(given: Any, items: list[Any]) -> None:
    assert without_ids(read(given).items) == items


def test_missing_ids_are_made_and_given_ones_stay() -> None:
    items = read(["Hi", {"role": "user", "content": "x", "id": "msg_mine"}, CALL]).items

    assert [item["id"] for item in items] == ["msg_1", "msg_mine", "fc_2"]


def test_answer_is_output_text_and_keeps_its_phase() -> None:
    parts = [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}]
    item = only({"role": "assistant", "content": parts, "phase": "commentary", "extra": 1})

    assert item["content"] == [
        {"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
        {"type": "refusal", "refusal": "no"},
    ]
    assert item["phase"] == "commentary"
    assert "extra" not in item


def test_codex_sends_reasoning_with_null_content() -> None:
    given = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "content": None,
        "encrypted_content": "sealed",
    }

    assert only(given)["summary"] == [{"type": "summary_text", "text": "hm"}]


@pytest.mark.parametrize(
    ("part", "kept", "field"),
    [
        ({"type": "input_image", "image_url": URL}, {"image_url": URL}, "image_url"),
        ({"type": "input_image", "image_url": {"url": URL}}, {"image_url": URL}, "image_url.url"),
        ({"type": "input_image", "url": URL}, {"image_url": URL}, "url"),
        ({"type": "input_image", "file_id": "file-1"}, {"file_id": "file-1"}, "file_id"),
        ({"type": "image_url", "image_url": {"url": DATA}}, {"image_url": DATA}, "image_url.url"),
    ],
)
def test_pictures_have_one_form(part: dict[str, Any], kept: dict[str, Any], field: str) -> None:
    found = read([{"role": "user", "content": [part]}])

    assert found.items[0]["content"] == [{"type": "input_image", "detail": "auto", **kept}]
    assert found.attached[0].param == f"input[0].content[0].{field}"


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        (
            {"type": "input_file", "file_data": "AAAA", "filename": "a.txt"},
            {"file_data": "AAAA", "filename": "a.txt"},
        ),
        ({"type": "input_file", "file_url": URL}, {"file_url": URL}),
        ({"type": "file", "file": {"file_id": "file-1"}}, {"file_id": "file-1"}),
    ],
)
def test_files_have_one_form(part: dict[str, Any], kept: dict[str, Any]) -> None:
    assert only({"role": "user", "content": [part]})["content"] == [{"type": "input_file", **kept}]


def test_attachments_are_listed_in_order_with_their_places() -> None:
    picture = {"type": "input_image", "image_url": DATA}
    found = read(
        [
            picture,
            {"type": "function_call_output", "call_id": "c1", "output": [picture]},
            {"type": "computer_call_output", "call_id": "c2", "output": {"image_url": URL}},
            {"type": "image_generation_call", "result": "AAAA"},
        ]
    )

    assert found.attached == (
        Source(text=DATA, param="input[0].image_url", kind="image"),
        Source(text=DATA, param="input[1].output[0].image_url", kind="image"),
        Source(text=URL, param="input[2].output.image_url", kind="image"),
        Source(text="AAAA", param="input[3].result", kind="image"),
    )


def test_a_clients_own_mark_of_storage_means_nothing() -> None:
    part = {"type": "input_image", "image_url": URL, "stored": "0" * 64}

    assert "stored" not in only({"role": "user", "content": [part]})["content"][0]


@pytest.mark.parametrize(
    ("part", "code", "param"),
    [
        ({"type": "input_video"}, "unsupported_value", "input[0].content[0].type"),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA"}},
            "unsupported_value",
            "input[0].content[0].type",
        ),
        ({"type": "input_image"}, "missing_required_parameter", "input[0].content[0].image_url"),
        ({"type": "input_file"}, "missing_required_parameter", "input[0].content[0].file_data"),
    ],
)
def test_unusable_part_is_refused(part: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read([{"role": "user", "content": [part]}])

    assert (caught.value.code, caught.value.param) == (code, param)


def test_unknown_kinds_are_named_and_known_ones_without_use_dropped() -> None:
    found = read([{"type": "mcp_list_tools", "tools": []}, {"type": "telepathy", "x": 1}, "Hi"])

    assert found.ignored == ("input[1].type",)
    assert without_ids(found.items) == [said("Hi")]


def test_other_calls_keep_their_fields() -> None:
    given = {"type": "shell_call", "call_id": "c1", "action": {"commands": ["ls"]}, "note": None}

    assert only(given) == {
        "type": "shell_call",
        "id": "fc_1",
        "status": "completed",
        "call_id": "c1",
        "action": {"commands": ["ls"]},
    }


def test_reference_is_replaced_by_the_stored_item() -> None:
    stored = {"type": "image_generation_call", "id": "ig_7", "stored": "a1"}
    found = read([{"id": "ig_7"}], ig_7=stored)

    assert (found.items, found.attached) == ((stored,), ())


def test_unknown_reference_is_not_found() -> None:
    with pytest.raises(ObjectNotFound) as caught:
        read([{"type": "item_reference", "id": "msg_7"}])

    assert (caught.value.code, caught.value.param) == ("item_not_found", "input[0].id")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": 5}]},
            "Expected `str | object | null`, got `int` - at `$.input[0].content[0].image_url`",
        ),
        ({"role": "tool", "content": "x"}, "Invalid enum value 'tool' - at `$.input[0].role`"),
        ({"type": "message"}, "Object missing required field `role` - at `$.input[0]`"),
        (
            {"role": "user", "content": []},
            "Expected `array` of length >= 1 - at `$.input[0].content`",
        ),
        (
            {"role": "user", "content": [{"type": "x"}]},
            "Invalid value 'x' - at `$.input[0].content[0].type`",
        ),
        (
            {**CALL, "arguments": {}},
            "Expected `str`, got `object` - at `$.input[0].arguments`",
        ),
        (
            {"type": "custom_tool_call", "call_id": "c", "name": "n"},
            "Object missing required field `input` - at `$.input[0]`",
        ),
        (
            {"type": "reasoning", "content": "x"},
            "Expected `array | null`, got `str` - at `$.input[0].content`",
        ),
    ],
)
def test_faults_name_their_place(given: Any, complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read([given])

    assert str(caught.value) == complaint


def of_messages(*messages: dict[str, Any]) -> Read:
    request = msgspec.convert({"model": "grok-4", "messages": messages}, ResponsesRequest)
    new_id = numbered()
    entries = read_messages(request.messages or (), new_id=new_id)
    return read_items(entries, resolved={}, new_id=new_id)


def test_chat_messages_become_items() -> None:
    function = {"name": "look", "arguments": "{}"}
    calls = [
        {"id": "c1", "type": "function", "function": function},
        {"id": "c2", "type": "custom", "custom": {"name": "note", "input": "x"}},
    ]
    found = of_messages(
        {"role": "user", "content": [{"type": "image_url", "image_url": URL}]},
        {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "done"}]},
    )

    assert [item["type"] for item in found.items] == [
        "message",
        "message",
        "function_call",
        "custom_tool_call",
        "function_call_output",
        "custom_tool_call_output",
    ]
    assert found.attached[0].param == "messages[0].content[0].image_url"


def test_deprecated_function_message_answers_the_latest_call() -> None:
    call = {"name": "look", "arguments": "{}"}
    found = of_messages(
        {"role": "assistant", "function_call": call},
        {"role": "function", "name": "look", "content": "sunny"},
    )

    assert found.items[0]["call_id"] == found.items[1]["call_id"]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "tool", "tool_call_id": "c9", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "assistant", "content": None}, "messages[0].content"),
    ],
)
def test_chat_messages_have_their_own_rules(message: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        of_messages(message)

    assert caught.value.param == param
