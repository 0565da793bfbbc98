import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokgate.errors import InvalidRequest
from grokgate.upstream import Blob
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.translate import History, ask, conversation, references, sources

HELLO = {"model": "grok-4", "input": "Hi"}


class Options(msgspec.Struct):
    thinking: bool = True
    thinking_format: Any = "reasoning_content"
    thinking_summary: bool = False
    show_search_sources: bool = False


def read(**fields: Any) -> ResponsesRequest:
    return msgspec.json.decode(msgspec.json.encode({**HELLO, **fields}), type=ResponsesRequest)


def test_null_is_absence_in_every_optional_field() -> None:
    optional = {name: None for name in ResponsesRequest.__struct_fields__ if name not in HELLO}

    assert read(**optional) == read()


def test_ignored_fields_are_fields() -> None:
    assert ResponsesRequest.__ignored__ <= set(ResponsesRequest.__struct_fields__)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"input": 5}, "Expected `str | object | array | null`, got `int` - at `$.input`"),
        ({"input": ""}, "Expected `str` of length >= 1 - at `$.input`"),
        ({"input": {"type": 5}}, "Expected `str`, got `int` - at `$.input.type`"),
        ({"input": [5]}, "Expected `object`, got `int` - at `$.input[0]`"),
        ({"input": ["a", {}]}, "Object missing required field `type` - at `$.input[1]`"),
        ({"messages": []}, "Expected `array` of length >= 1 - at `$.messages`"),
        ({"model": 4}, "Expected `str`, got `int` - at `$.model`"),
        ({"background": "yes"}, "Expected `bool | null`, got `str` - at `$.background`"),
        ({"max_output_tokens": 0}, "Expected `int` >= 1 - at `$.max_output_tokens`"),
        ({"max_tool_calls": 0}, "Expected `int` >= 1 - at `$.max_tool_calls`"),
        ({"temperature": 2.5}, "Expected `float` <= 2.0 - at `$.temperature`"),
        ({"top_p": -0.5}, "Expected `float` >= 0.0 - at `$.top_p`"),
        ({"frequency_penalty": -3}, "Expected `float` >= -2.0 - at `$.frequency_penalty`"),
        ({"truncation": "never"}, "Invalid enum value 'never' - at `$.truncation`"),
        ({"include": ["all"]}, "Invalid enum value 'all' - at `$.include[0]`"),
        ({"reasoning": {"effort": "x"}}, "Invalid enum value 'x' - at `$.reasoning.effort`"),
        ({"reasoning": {"summary": "x"}}, "Invalid enum value 'x' - at `$.reasoning.summary`"),
        ({"thinking": "maybe"}, "Invalid enum value 'maybe' - at `$.thinking`"),
        ({"text": {"verbosity": "x"}}, "Invalid enum value 'x' - at `$.text.verbosity`"),
        ({"text": {"format": {"type": "x"}}}, "Invalid value 'x' - at `$.text.format.type`"),
        (
            {"text": {"format": {"type": "json_schema", "name": "a"}}},
            "Object missing required field `schema` - at `$.text.format`",
        ),
        ({"metadata": {"a": "b" * 513}}, "Expected `str` of length <= 512 - at `$.metadata[...]`"),
        ({"tools": {}}, "Expected `array | null`, got `object` - at `$.tools`"),
        ({"tool_choice": "some"}, "Invalid enum value 'some' - at `$.tool_choice`"),
    ],
)
def test_faults_are_found_by_the_decoder(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(**fields)

    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": {"effort": None, "summary": "auto", "context": "all", "mode": 1}},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"metadata": {str(number): "x" * 512 for number in range(16)}},
        {"client_metadata": {"x-codex-turn": "1"}, "prompt_cache_key": "thread"},
        {"include": ["reasoning.encrypted_content", "file_search_call.results"]},
        {"context_management": [{"type": "compaction"}], "unheard_of": {"of": 1}},
        {"temperature": 1, "presence_penalty": 2, "service_tier": "auto"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_clients_send_is_accepted(fields: dict[str, Any]) -> None:
    assert read(**fields).model == "grok-4"


def test_thinking_has_two_forms() -> None:
    assert read(thinking="disabled").thinks == "disabled"
    assert read(thinking={"type": "disabled"}).thinks == "disabled"


ANSWER = {"type": "output_text", "text": "Look.", "annotations": []}
PICTURE = {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: X"}
FULL: dict[str, Any] = {
    "model": "grok-4",
    "input": [
        "Hi",
        {"type": "input_text", "text": "a part"},
        {"role": "user", "content": [{"type": "input_text", "text": "see"}, PICTURE]},
        {"type": "message", "role": "assistant", "phase": "commentary", "content": [ANSWER]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"text": "hm"}], "content": None},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [PICTURE]},
        {"type": "custom_tool_call", "call_id": "c2", "name": "note", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
        {"type": "shell_call", "call_id": "c3", "action": {"commands": ["ls"]}},
        {"type": "shell_call_output", "call_id": "c3", "output": [{"stdout": "a"}]},
        {"type": "computer_call_output", "call_id": "c4", "output": {"file_id": "file-1"}},
        {"type": "image_generation_call", "id": "ig_1", "result": "AA=="},
        {"type": "web_search_call", "action": {"type": "search", "sources": []}},
        {"type": "compaction", "encrypted_content": "sealed"},
        {"type": "item_reference", "id": "msg_1"},
        {"type": "unheard_of", "role": "x"},
    ],
    "tools": [
        {"type": "function", "name": "look", "parameters": {"type": "object"}},
        {"type": "custom", "name": "note", "format": GRAMMAR},
        {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "look"}]},
        {"type": "web_search", "external_web_access": True},
        {"type": "image_generation", "partial_images": 1},
        {"type": "mcp", "server_label": "s", "headers": {}},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]},
    "text": {"format": {"type": "json_schema", "name": "a", "schema": {}}},
}
WORDS = st.sampled_from(
    ["", "\0", "user", "function", "message", "input_text", "input_file", "web_search", "required"]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(-9, 9), WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["type", "text", "stored", "name"]), inner, max_size=3),
    ),
    max_leaves=4,
)
CHANGES = st.lists(st.tuples(st.integers(0, 500), st.booleans(), VALUES), max_size=3)


def changed(body: Any, place: int, value: Any, *, remove: bool) -> Any:
    """Copy *body* with the value at the *place* of its tree replaced or removed."""
    whole = json.loads(json.dumps(body))
    nodes = [whole]
    spots = []
    while nodes:
        node = nodes.pop()
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        spots += [(node, key) for key in keys]
        nodes += [node[key] for key in keys if isinstance(node[key], dict | list)]
    node, key = spots[place % len(spots)]
    if remove:
        del node[key]
    else:
        node[key] = value
    return whole


@settings(max_examples=200, deadline=None)
@given(changes=CHANGES)
def test_any_json_is_answered_or_refused(changes: list[tuple[int, bool, Any]]) -> None:
    body: Any = FULL
    for place, remove, value in changes:
        body = changed(body, place, value, remove=remove)
    try:
        request = msgspec.json.decode(json.dumps(body), type=ResponsesRequest)
        resolved = History(
            items=tuple({"id": item_id, "type": "reasoning"} for item_id in references(request))
        )
        asked = ask(request, options=Options(), history=None, resolved=resolved, unseal=str)
    except (msgspec.ValidationError, InvalidRequest):
        return
    blobs = [Blob.of_bytes(b"x", mime="text/plain", name="x")] * len(sources(asked))
    conversation(asked, None, blobs)
    assert msgspec.json.encode([asked.items, asked.tools.echo])
