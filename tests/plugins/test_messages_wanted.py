"""Tools, forms and limits of requests."""

from typing import Any

import msgspec
import pytest

from grokgate.errors import InvalidRequest
from grokgate.openai.emulate import Choice
from grokgate_messages.schema import CountRequest, MessagesRequest
from grokgate_messages.wanted import may_search, to_wanted

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
LOOK = {"name": "look", "description": "Looks.", "input_schema": CITY}
NOTE = {"type": "custom", "name": "note", "input_schema": {"type": "object"}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
BASH = {"type": "bash_20250124", "name": "bash"}


def request(**fields: Any) -> MessagesRequest:
    body = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "Hi"}]}
    return msgspec.convert({**body, **fields}, MessagesRequest)


def test_tools_are_declared() -> None:
    look, note = to_wanted(request(tools=[LOOK, NOTE])).tools

    assert (look.name, look.description, look.parameters) == ("look", "Looks.", CITY)
    assert (note.name, note.custom) == ("note", False)


def test_server_tools_are_left_out() -> None:
    wanted = to_wanted(request(tools=[SEARCH, LOOK, BASH, {"type": "mcp_toolset"}]))

    assert [tool.name for tool in wanted.tools] == ["look"]


CHOICES: dict[str, tuple[dict[str, Any], list[Any], Choice]] = {
    "auto": ({"type": "auto"}, [LOOK], Choice()),
    "one": (
        {"type": "auto", "disable_parallel_tool_use": True},
        [LOOK],
        Choice(parallel=False),
    ),
    "none": ({"type": "none"}, [LOOK], Choice(mode="none")),
    "any": ({"type": "any"}, [LOOK, NOTE], Choice(mode="required")),
    "tool": (
        {"type": "tool", "name": "note", "disable_parallel_tool_use": True},
        [LOOK, NOTE],
        Choice(mode="required", allowed=frozenset({"note"}), parallel=False),
    ),
    "server tool": ({"type": "tool", "name": "web_search"}, [SEARCH], Choice()),
    "any server tool": ({"type": "any"}, [SEARCH], Choice()),
}


@pytest.mark.parametrize(("asked", "tools", "choice"), CHOICES.values(), ids=CHOICES)
def test_choice(asked: dict[str, Any], tools: list[Any], choice: Choice) -> None:
    assert to_wanted(request(tool_choice=asked, tools=tools)).choice == choice


FORM = {"format": {"type": "json_schema", "schema": CITY}}


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, True),
        ({"tools": [LOOK]}, False),
        ({"tools": [LOOK, SEARCH]}, True),
        ({"tools": [BASH]}, True),
        ({"output_config": FORM}, False),
    ],
    ids=["plain", "tools", "asked for", "server tool", "form"],
)
def test_search(fields: dict[str, Any], allowed: bool) -> None:  # noqa: FBT001 - a parameter of the table
    asked = request(**fields)

    assert may_search(asked, to_wanted(asked)) is allowed


def test_form_must_be_kept() -> None:
    form = to_wanted(request(output_config=FORM)).format

    assert form is not None
    assert (form.schema, form.strict) == (CITY, True)


def test_limits() -> None:
    wanted = to_wanted(request(stop_sequences=["a", "", "b"]))

    assert (wanted.stop, wanted.most) == (("a", "b"), 10)


def test_count_has_no_limits() -> None:
    asked = CountRequest(model="m", messages=request().messages)

    assert to_wanted(asked).most is None


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"tools": [{"input_schema": CITY}]}, "tools[0].name"),
    "no schema": ({"tools": [LOOK, {"name": "x"}]}, "tools[1].input_schema"),
    "bad schema": (
        {"tools": [{"name": "x", "input_schema": {"type": 3}}]},
        "tools[0].input_schema",
    ),
    "name twice": ({"tools": [LOOK, LOOK]}, "tools[1].name"),
    "undeclared": (
        {"tools": [LOOK], "tool_choice": {"type": "tool", "name": "x"}},
        "tool_choice.name",
    ),
    "unnamed": ({"tools": [LOOK], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
    "nothing to call": ({"tool_choice": {"type": "any"}}, "tool_choice"),
    "bad form": (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": 3}}}},
        "output_config.format.schema",
    ),
}


@pytest.mark.parametrize(("fields", "param"), FAULTS.values(), ids=FAULTS)
def test_fault_is_named_with_its_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        to_wanted(request(**fields))

    assert caught.value.param == param
