from typing import Any

import pytest

from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate_responses.request.ids import response_of
from grokgate_responses.request.translate import (
    History,
    ask,
    conversation,
    references,
    sources,
)
from plugins.asked_world import Options, asked, request, turn, turns

PICTURE = {"type": "input_image", "image_url": "https://example.com/cat.png"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
LOOK = {"type": "function", "name": "look"}
JSON_FORM = {"format": {"type": "json_object"}}


def refusal(history: History | None = None, **fields: Any) -> tuple[str | None, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        asked(history, **fields)
    return caught.value.code, caught.value.param


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"conversation": "conv_1"}, "unsupported_parameter", "conversation"),
        ({"prompt": {"id": "p"}}, "unsupported_parameter", "prompt"),
        ({"top_logprobs": 3}, "unsupported_parameter", "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "unsupported_parameter", "include"),
        ({"background": True, "store": False}, "invalid_value", "background"),
        ({"input": None}, "missing_required_parameter", "input"),
        ({"input": []}, "empty_array", "input"),
        ({"input": " \n"}, "invalid_value", "input"),
        ({"input": [{"type": "reasoning"}]}, "invalid_value", "input"),
        ({"messages": [{"role": "user", "content": " "}]}, "invalid_value", "messages"),
        (
            {"text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": 5}}}},
            "invalid_value",
            "text.format.schema",
        ),
    ],
)
def test_rules_between_fields(fields: dict[str, Any], code: str, param: str) -> None:
    assert refusal(**fields) == (code, param)


def test_messages_stand_in_for_an_absent_input() -> None:
    found = asked(messages=[{"role": "user", "content": "Hello"}])

    assert turns(found) == [turn("user", "Hello")]


@pytest.mark.parametrize("nothing", [None, []], ids=["absent", "empty"])
def test_continuation_needs_no_input(nothing: Any) -> None:
    history = History(items=asked().items)
    found = asked(history, previous_response_id="resp_1", input=nothing)

    assert turns(found, history=history) == [turn("user", "Hi")]


def test_result_without_its_call_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'c1'") as caught:
        asked(input=["Hi", RESULT])

    assert (caught.value.code, caught.value.param) == ("invalid_value", "input")


def test_foreign_compaction_is_refused() -> None:
    item = {"type": "compaction", "encrypted_content": "other"}

    assert refusal(input=[item]) == ("invalid_value", "input[0].encrypted_content")


def test_references_are_listed_once_and_resolved() -> None:
    references_twice = [{"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}, "Hi"]
    wanted = request(input=references_twice)
    (stored,) = asked(input="Stored").items
    kept = History(items=({**stored, "id": "msg_1"},))
    found = ask(wanted, options=Options(), history=None, resolved=kept)

    assert references(wanted) == ["msg_1"]
    assert turns(found) == [turn("user", "Stored"), turn("user", "Stored"), turn("user", "Hi")]


def test_only_so_many_items_are_referred_to() -> None:
    wanted = request(input=[{"type": "item_reference", "id": "msg_1"}] * 101)

    with pytest.raises(InvalidRequest) as caught:
        references(wanted)
    assert caught.value.code == "array_above_max_length"


def test_ids_of_items_lead_to_their_response() -> None:
    found = asked(input=["A", "B"])
    ids = [str(item["id"]) for item in found.items]

    assert {response_of(item_id) for item_id in ids} == {found.ids.response_id}
    assert len(set(ids)) == 2
    assert response_of("msg_1") is None


def test_unresolved_reference_is_not_found() -> None:
    with pytest.raises(ObjectNotFound):
        asked(input=[{"type": "item_reference", "id": "msg_1"}])


@pytest.mark.parametrize(
    ("fields", "search"),
    [
        ({}, True),
        ({"tools": [LOOK]}, False),
        ({"text": JSON_FORM}, False),
        ({"tools": [LOOK, {"type": "web_search"}]}, True),
        ({"tools": [{"type": "web_search"}], "text": JSON_FORM}, True),
        ({"tools": [{"type": "web_search", "external_web_access": False}]}, False),
        ({"tools": [{"type": "web_search"}], "tool_choice": "none"}, False),
        ({"tools": [{"type": "mcp"}]}, True),
    ],
)
def test_search(fields: dict[str, Any], *, search: bool) -> None:
    assert conversation(asked(**fields), None, ()).search == search


@pytest.mark.parametrize(
    ("fields", "effort", "reasoning", "summary"),
    [
        ({}, None, True, False),
        ({"reasoning": {"effort": "minimal"}}, "minimal", False, False),
        ({"reasoning": {"effort": "high", "summary": "concise"}}, "high", True, True),
        ({"thinking": {"type": "disabled"}}, "none", False, False),
        ({"reasoning": {"effort": "low"}, "thinking": "disabled"}, "low", True, False),
    ],
)
def test_reasoning(
    fields: dict[str, Any], effort: str | None, *, reasoning: bool, summary: bool
) -> None:
    found = asked(**fields)

    assert found.effort == effort
    assert (found.view.reasoning, found.view.summary) == (reasoning, summary)


def test_form_and_limit_are_wanted() -> None:
    form = {"type": "json_schema", "name": "a", "schema": {"type": "object"}, "strict": True}
    wanted = asked(text={"format": form}, max_output_tokens=5).wanted

    assert wanted.format is not None
    assert (wanted.format.name, wanted.format.strict, wanted.most) == ("a", True, 5)


def test_what_is_ignored_is_named_or_in_strict_mode_refused() -> None:
    fields: Any = {"input": ["Hi", {"type": "telepathy"}], "tools": [{"type": "shell"}]}

    assert asked(**fields).ignored == ("input[1].type", "tools[0].type")
    with pytest.raises(InvalidRequest) as caught:
        ask(request(**fields), options=Options(), history=None, strict=True)
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "input[1].type")


def test_sources_are_those_of_the_new_items() -> None:
    assert [source.param for source in sources(asked(input=[PICTURE]))] == ["input[0].image_url"]
