"""Every way a chat request can be refused, with its status, code and param."""

from collections.abc import Iterable
from typing import Any

import pytest

import grokgate_chat
from grokgate.plugin import Settings, hookimpl
from grokgate.testing import FakeUpstream, running_gateway

pytestmark = pytest.mark.anyio

HELLO: dict[str, Any] = {"model": "grok-4", "messages": [{"role": "user", "content": "Hi"}]}
LOOK = {"type": "function", "function": {"name": "look"}}
NOTE = {"type": "custom", "custom": {"name": "note"}}
TWICE = {"$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)}}


def function(**fields: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "f", **fields}}]}


def schema(**fields: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": fields}}


def says(*parts: Any, role: str = "user", **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": list(parts), **fields}]}


def turn(**message: Any) -> dict[str, Any]:
    return {"messages": [message]}


def allowed(*tools: Any, **fields: Any) -> dict[str, Any]:
    choice = {"mode": "auto", "tools": list(tools), **fields}
    return {"tools": [LOOK], "tool_choice": {"type": "allowed_tools", "allowed_tools": choice}}


PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
ROWS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"model": None}, "invalid_type", "model"),
    ({"messages": None}, "invalid_type", "messages"),
    ({"messages": []}, "empty_array", "messages"),
    ({"messages": "Hi"}, "invalid_type", "messages"),
    (turn(role="robot", content="Hi"), "invalid_value", "messages[0].role"),
    (turn(content="Hi"), "missing_required_parameter", "messages[0].role"),
    (turn(role="user"), "missing_required_parameter", "messages[0].content"),
    (turn(role="user", content=1), "invalid_type", "messages[0].content"),
    (turn(role="user", content=[]), "empty_array", "messages[0].content"),
    (turn(role="user", content=" "), "invalid_value", "messages"),
    (turn(role="assistant"), "missing_required_parameter", "messages[0].content"),
    (turn(role="tool", content="x"), "missing_required_parameter", "messages[0].tool_call_id"),
    (
        turn(role="tool", content="x", tool_call_id="call_1"),
        "invalid_value",
        "messages[0].tool_call_id",
    ),
    (turn(role="function", content="x"), "missing_required_parameter", "messages[0].name"),
    (says({"type": "video"}), "invalid_value", "messages[0].content[0].type"),
    (says({"type": "text"}), "missing_required_parameter", "messages[0].content[0].text"),
    (
        says({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}),
        "unsupported_value",
        "messages[0].content[0].type",
    ),
    (
        says({"type": "image_url", "image_url": {"url": "!"}}),
        "invalid_base64",
        "messages[0].content[0].image_url.url",
    ),
    (
        says({"type": "image_url", "image_url": {"url": "https://127.0.0.1/a.png"}}),
        "invalid_image_url",
        "messages[0].content[0].image_url.url",
    ),
    (says(*[PNG] * 21), "too_many_attachments", "messages"),
    ({"stream": "maybe"}, "invalid_type", "stream"),
    ({"stream_options": {}}, "invalid_value", "stream_options"),
    ({"n": 0}, "integer_below_min_value", "n"),
    ({"n": 5}, "integer_above_max_value", "n"),
    ({"n": 1.5}, "invalid_type", "n"),
    ({"max_tokens": 0}, "integer_below_min_value", "max_tokens"),
    ({"max_completion_tokens": 0}, "integer_below_min_value", "max_completion_tokens"),
    ({"stop": ["a"] * 5}, "array_above_max_length", "stop"),
    ({"stop": 1}, "invalid_type", "stop"),
    ({"temperature": 2.1}, "decimal_above_max_value", "temperature"),
    ({"temperature": -0.1}, "decimal_below_min_value", "temperature"),
    ({"top_p": 1.1}, "decimal_above_max_value", "top_p"),
    ({"presence_penalty": 3}, "decimal_above_max_value", "presence_penalty"),
    ({"frequency_penalty": -3}, "decimal_below_min_value", "frequency_penalty"),
    ({"seed": "a"}, "invalid_type", "seed"),
    ({"logprobs": True}, "unsupported_parameter", "logprobs"),
    ({"top_logprobs": 2}, "unsupported_parameter", "top_logprobs"),
    ({"functions": []}, "unsupported_parameter", "functions"),
    ({"function_call": "auto"}, "unsupported_parameter", "function_call"),
    ({"modalities": ["audio"]}, "unsupported_parameter", "modalities"),
    ({"audio": {}}, "unsupported_parameter", "audio"),
    ({"reasoning_effort": "huge"}, "invalid_value", "reasoning_effort"),
    ({"metadata": {"a": "b" * 513}}, "string_above_max_length", "metadata"),
    ({"tools": [LOOK] * 129}, "array_above_max_length", "tools"),
    ({"tools": [{}]}, "missing_required_parameter", "tools[0].type"),
    ({"tools": [{"type": "web_search"}]}, "unsupported_value", "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].function"),
    ({"tools": [{"type": "custom"}]}, "missing_required_parameter", "tools[0].custom"),
    (
        {"tools": [{"type": "function", "function": {}}]},
        "missing_required_parameter",
        "tools[0].function.name",
    ),
    ({"tools": [LOOK, LOOK]}, "invalid_value", "tools[1].function.name"),
    (function(name="a b"), "invalid_value", "tools[0].function.name"),
    (function(name=""), "invalid_value", "tools[0].function.name"),
    (function(name="a\n"), "invalid_value", "tools[0].function.name"),
    (function(name="a" * 65), "string_above_max_length", "tools[0].function.name"),
    (function(parameters=[]), "invalid_type", "tools[0].function.parameters"),
    (function(parameters={"type": 1}), "invalid_value", "tools[0].function.parameters"),
    (
        function(parameters={"$ref": "http://127.0.0.1/"}),
        "invalid_value",
        "tools[0].function.parameters",
    ),
    (
        function(parameters={**TWICE, "$ref": "#/$defs/d0"}),
        "invalid_value",
        "tools[0].function.parameters",
    ),
    ({"tool_choice": "sometimes"}, "invalid_value", "tool_choice"),
    ({"tool_choice": "required"}, "invalid_value", "tool_choice"),
    ({"tool_choice": LOOK}, "invalid_value", "tool_choice.function.name"),
    ({"tool_choice": NOTE, "tools": [LOOK]}, "invalid_value", "tool_choice.custom.name"),
    ({"tool_choice": {"type": "function"}}, "missing_required_parameter", "tool_choice.function"),
    ({"tool_choice": {"type": "x"}}, "invalid_value", "tool_choice.type"),
    (
        {"tool_choice": {"type": "allowed_tools"}},
        "missing_required_parameter",
        "tool_choice.allowed_tools",
    ),
    (allowed(NOTE), "invalid_value", "tool_choice.allowed_tools.tools[0].custom.name"),
    (allowed(), "empty_array", "tool_choice.allowed_tools.tools"),
    (allowed(LOOK, mode="x"), "invalid_value", "tool_choice.allowed_tools.mode"),
    ({"parallel_tool_calls": "no"}, "invalid_type", "parallel_tool_calls"),
    ({"response_format": {"type": "xml"}}, "invalid_value", "response_format.type"),
    ({"response_format": {}}, "missing_required_parameter", "response_format.type"),
    (
        {"response_format": {"type": "json_schema"}},
        "missing_required_parameter",
        "response_format.json_schema",
    ),
    (schema(schema={}), "missing_required_parameter", "response_format.json_schema.name"),
    (schema(name="a"), "missing_required_parameter", "response_format.json_schema.schema"),
    (
        schema(name="a", schema={"type": "strng"}),
        "invalid_value",
        "response_format.json_schema.schema",
    ),
]


class Chat:
    """The plugin without its cards, so that the stock model is offered."""

    @hookimpl
    def grokgate_settings(self) -> type[Settings]:
        return grokgate_chat.grokgate_settings()

    @hookimpl
    def grokgate_routes(self) -> Iterable[Any]:
        return grokgate_chat.grokgate_routes()


async def test_every_refusal_names_its_place_and_costs_nothing() -> None:
    upstream = FakeUpstream()
    told = []

    async with running_gateway(Chat(), upstream=upstream) as running:
        for fields, _, _ in ROWS:
            reply = await running.client.post("/v1/chat/completions", json={**HELLO, **fields})
            error = reply.json()["error"]
            told.append((error["type"], error["code"], error["param"]))

    assert told == [("invalid_request_error", code, param) for _, code, param in ROWS]
    assert upstream.asked == []
