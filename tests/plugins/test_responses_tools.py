from typing import Any

import msgspec
import pytest

from grokgate.errors import InvalidRequest
from grokgate.openai.emulate import Choice
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.tools import Tools, to_tools

LOOK = {"type": "function", "name": "look"}
NOTE = {"type": "custom", "name": "note"}
SEARCH = {"type": "web_search"}
PICTURE = {"type": "image_generation", "size": "1024x1024"}
MCP = {"type": "mcp", "server_label": "s", "authorization": "secret", "headers": {"a": "b"}}


def space(name: str, *tools: dict[str, Any]) -> dict[str, Any]:
    return {"type": "namespace", "name": name, "description": "Things.", "tools": tools}


def tools(*declared: dict[str, Any], **fields: Any) -> Tools:
    body = {"model": "grok-4", "input": "Hi", "tools": declared, **fields}
    return to_tools(msgspec.json.decode(msgspec.json.encode(body), type=ResponsesRequest))


def offered(found: Tools) -> list[str]:
    return [tool.name for tool in found.tools]


def test_function_is_flat() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    (tool,) = tools({**LOOK, "description": "Looks.", "parameters": schema}).tools

    assert (tool.name, tool.description, tool.parameters) == ("look", "Looks.", schema)
    assert tool.checked is not None


def test_grammar_is_told_as_text() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /x+/"}
    (tool,) = tools({**NOTE, "description": "Notes.", "format": grammar}).tools

    assert tool.custom
    assert tool.description == ("Notes.\nThe input must follow this lark grammar:\nstart: /x+/")


def test_tools_of_a_namespace_keep_their_names() -> None:
    found = tools(space("mcp__git", {**LOOK, "description": "Looks."}, NOTE))

    assert offered(found) == ["look", "note"]
    assert found.namespaces == {"look": "mcp__git", "note": "mcp__git"}
    assert [tool.description for tool in found.tools] == ["mcp__git: Looks.", "mcp__git: Things."]
    assert found.called("look") == ("look", "mcp__git")


def test_equal_names_of_two_namespaces_are_told_apart() -> None:
    found = tools(space("a", LOOK), space("b", LOOK), space("c", NOTE))

    assert offered(found) == ["a__look", "b__look", "note"]
    assert found.called("b__look") == ("look", "b")
    assert found.offered("look", "a") == "a__look"


def test_tool_outside_of_namespaces_keeps_its_name() -> None:
    found = tools(LOOK, space("a", LOOK))

    assert offered(found) == ["look", "a__look"]
    assert found.called("look") == ("look", None)


def test_made_up_name_fits_and_is_unique() -> None:
    taken = {"type": "function", "name": "a_b__look"}
    found = tools(LOOK, taken, space("a.b", LOOK), space("x" * 100, LOOK))

    assert len(set(offered(found))) == 4
    assert all(len(name) <= 64 for name in offered(found))


@pytest.mark.parametrize(
    ("declared", "param"),
    [
        ((LOOK, {**NOTE, "name": "look"}), "tools[1].name"),
        ((space("a", LOOK, LOOK),), "tools[0].tools[1].name"),
        (({**LOOK, "parameters": {"type": 5}},), "tools[0].parameters"),
        ((space("a", {**LOOK, "parameters": {"type": 5}}),), "tools[0].tools[0].parameters"),
    ],
    ids=["same name", "same name inside", "schema", "schema inside"],
)
def test_bad_declaration_is_refused(declared: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tools(*declared)

    assert (caught.value.code, caught.value.param) == ("invalid_value", param)


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ({"type": "function"}, "Object missing required field `name` - at `$.tools[0]`"),
        ({"name": "look"}, "Object missing required field `type` - at `$.tools[0]`"),
        ({**LOOK, "strict": 1}, "Expected `bool | null`, got `int` - at `$.tools[0].strict`"),
        ({**LOOK, "name": "x" * 65}, "Expected `str` of length <= 64 - at `$.tools[0].name`"),
        (space("a", {"type": 1}), "Expected `str`, got `int` - at `$.tools[0].tools[0].type`"),
        (
            {**PICTURE, "partial_images": 4},
            "Expected `int` <= 3 - at `$.tools[0].partial_images`",
        ),
        (
            {"type": "web_search_preview", "external_web_access": 1},
            "Expected `bool | null`, got `int` - at `$.tools[0].external_web_access`",
        ),
    ],
)
def test_faults_name_their_place(declared: dict[str, Any], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        tools(declared)

    assert str(caught.value) == complaint


def test_echo_completes_functions_and_hides_secrets() -> None:
    found = tools({**LOOK, "defer_loading": True}, {**NOTE, "format": None}, MCP, space("a", LOOK))
    function = {**LOOK, "description": None, "parameters": None, "strict": True}

    assert found.echo == [
        {**function, "defer_loading": True},
        {**NOTE, "format": None},
        {"type": "mcp", "server_label": "s"},
        {**space("a"), "tools": [function]},
    ]


def test_tools_without_effect_are_named() -> None:
    found = tools(LOOK, MCP, {"type": "telepathy"}, space("a", MCP))

    assert found.ignored == ("tools[1].type", "tools[2].type", "tools[3].tools[0].type")


@pytest.mark.parametrize(
    ("declared", "search"),
    [
        (SEARCH, True),
        ({"type": "web_search_2025_08_26", "filters": {"allowed_domains": ["x.org"]}}, True),
        ({"type": "web_search_preview_2025_03_11"}, True),
        ({**SEARCH, "external_web_access": False}, False),
    ],
)
def test_search_is_allowed_where_declared(declared: dict[str, Any], *, search: bool) -> None:
    found = tools(declared)

    assert (found.declares_search, found.search) == (True, search)


ALL = (LOOK, NOTE, SEARCH, PICTURE)


def allowed(mode: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"type": "allowed_tools", "mode": mode, "tools": entries}


@pytest.mark.parametrize(
    ("asked", "choice", "search", "images"),
    [
        (None, Choice(), True, True),
        ("auto", Choice(), True, True),
        ("none", Choice(mode="none"), False, False),
        ("required", Choice(mode="required"), True, True),
        (LOOK, Choice(mode="required", allowed=frozenset({"look"})), False, False),
        (NOTE, Choice(mode="required", allowed=frozenset({"note"})), False, False),
        (
            allowed("auto", LOOK, SEARCH),
            Choice(mode="auto", allowed=frozenset({"look"})),
            True,
            False,
        ),
        (allowed("required", {"type": "image_generation"}), Choice(mode="none"), False, True),
        ({"type": "web_search_preview"}, Choice(mode="none"), True, False),
        ({"type": "image_generation"}, Choice(mode="none"), False, True),
    ],
)
def test_choice(asked: Any, choice: Choice, *, search: bool, images: bool) -> None:
    found = tools(*ALL, tool_choice=asked)

    assert found.choice == choice
    assert (found.search, found.images is not None) == (search, images)


def test_only_one_call_at_a_time() -> None:
    assert not tools(LOOK, parallel_tool_calls=False).choice.parallel


def test_what_the_upstream_does_itself_is_asked_for_in_words() -> None:
    assert tools(SEARCH, tool_choice="required").demand == "Search the web before you answer."
    assert tools(PICTURE, tool_choice={"type": "image_generation"}).demand
    assert not tools(*ALL, tool_choice="required").demand


def test_forced_name_means_the_tool_in_any_namespace() -> None:
    asked = {"type": "function", "name": "look"}
    found = tools(space("a", LOOK), space("b", LOOK), tool_choice=asked)

    assert found.choice.allowed == frozenset({"a__look", "b__look"})


@pytest.mark.parametrize(
    ("declared", "asked", "code", "param"),
    [
        ((), "required", "invalid_value", "tool_choice"),
        ((MCP,), "required", "unsupported_value", "tool_choice"),
        ((LOOK,), {"type": "function", "name": "x"}, "invalid_value", "tool_choice.name"),
        ((LOOK,), {"type": "custom", "name": "look"}, "invalid_value", "tool_choice.name"),
        ((LOOK,), {"type": "function"}, "missing_required_parameter", "tool_choice.name"),
        ((LOOK,), SEARCH, "invalid_value", "tool_choice.type"),
        ((LOOK,), {"type": "telepathy"}, "invalid_value", "tool_choice.type"),
        ((MCP,), {"type": "mcp", "server_label": "s"}, "unsupported_value", "tool_choice.type"),
        ((), {"type": "computer_use_preview"}, "unsupported_value", "tool_choice.type"),
        (
            ({**SEARCH, "external_web_access": False},),
            SEARCH,
            "unsupported_value",
            "tool_choice.type",
        ),
        ((LOOK,), allowed("auto", NOTE), "invalid_value", "tool_choice.tools[0].name"),
        ((MCP,), allowed("required", MCP), "unsupported_value", "tool_choice.tools"),
        (
            (LOOK,),
            {"type": "allowed_tools", "tools": [LOOK]},
            "missing_required_parameter",
            "tool_choice.mode",
        ),
    ],
)
def test_impossible_choice_is_refused(declared: Any, asked: Any, code: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tools(*declared, tool_choice=asked)

    assert (caught.value.code, caught.value.param) == (code, param)
