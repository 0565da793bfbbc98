"""Requests in the shape in which Claude Code sends them."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

import grokgate_messages
from grammar.messages import Told, read
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Conversation, Text, TextDelta, ThinkingDelta

pytestmark = pytest.mark.anyio

HEADERS = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,"
    "context-management-2025-06-27,prompt-caching-scope-2026-01-05",
    "x-app": "cli",
    "x-stainless-lang": "js",
    "user-agent": "claude-cli/2.1.197 (external, cli)",
}
CACHED = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
PNG = "iVBORw0KGgo="
LS = '<tool_calls>\n<tool_call name="Bash">{"command": "ls"}</tool_call>\n</tool_calls>'


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def tool(name: str, *fields: str, size: int = 400) -> dict[str, Any]:
    properties = {
        field: {"type": "string", "description": "What it is for. " * (size // 100)}
        for field in fields
    }
    return {
        "name": name,
        "description": "Does something with the files of the project. " * (size // 50),
        "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": list(fields[:1]),
            "additionalProperties": False,
        },
    }


TOOLS = [
    tool("Bash", "command", "description", size=4000),
    tool("Read", "file_path", "offset", "limit", size=2000),
    tool("Edit", "file_path", "old_string", "new_string", size=2000),
    {**tool("TodoWrite", "todos"), "eager_input_streaming": True},
    *(tool(f"mcp__server_{n}__do", "a", "b", "c", size=1000) for n in range(32)),
    {**tool("WebFetch", "url", "prompt"), "defer_loading": True, **CACHED},
]
SYSTEM = [
    text("x-anthropic-billing-header: cc_version=2.1.197.0d9; cc_entrypoint=cli; cch=fa690;"),
    text("You are Claude Code, Anthropic's official CLI for Claude.", **CACHED),
    text("You help with software. " * 400, **CACHED),
]


def body(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "model": "claude-opus-5",
        "messages": list(messages),
        "system": SYSTEM,
        "tools": TOOLS,
        "metadata": {"user_id": "user_0_account__session_1"},
        "max_tokens": 32000,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "speed": None,
        "diagnostics": {"previous_message_id": None},
        "stream": True,
        **fields,
    }


FIRST = {
    "role": "user",
    "content": [
        text("<system-reminder>\nThe date is 2026-11-20.\n</system-reminder>"),
        text("List the files.", **CACHED),
    ],
}


@pytest.fixture
async def running(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    upstream = FakeUpstream()
    settings = {"downstream.enable_messages": True}
    async with running_gateway(grokgate_messages, upstream=upstream, settings=settings) as gateway:
        yield gateway


async def send(running: RunningGateway, asked: dict[str, Any], *answers: Any) -> Told:
    running.fake.add(*answers)
    reply = await running.client.post("/v1/messages?beta=true", json=asked, headers=HEADERS)
    assert reply.status_code == 200, reply.text
    return read(reply.text)


def prompt(running: RunningGateway) -> str:
    request = running.fake.asked[-1].request
    assert isinstance(request, Conversation)
    parts = [(turn.role, part) for turn in request.messages for part in turn.parts]
    return "\n".join(f"{role}: {part.text}" for role, part in parts if isinstance(part, Text))


async def test_first_turn_calls_a_tool(running: RunningGateway) -> None:
    asked = body(FIRST)
    answer = [ThinkingDelta(text="Which files?"), TextDelta(text=f"I look.\n{LS}")]

    told = await send(running, asked, answer)

    assert len(msgspec.json.encode(TOOLS)) > 64 * 1024
    assert [block["type"] for block in told.blocks] == ["thinking", "text", "tool_use"]
    assert told.calls == [("Bash", {"command": "ls"})]
    assert "mcp__server_31__do" in prompt(running)
    assert "billing" not in prompt(running)


async def test_later_turn_brings_everything_back(running: RunningGateway) -> None:
    first = await send(running, body(FIRST), [ThinkingDelta(text="Hm"), TextDelta(text=LS)])
    call = first.blocks[-1]
    image = {"type": "base64", "media_type": "image/png", "data": PNG}
    results = [
        {
            "type": "tool_result",
            "tool_use_id": call["id"],
            "content": [text("a.py"), {"type": "image", "source": image}],
            "is_error": False,
            **CACHED,
        },
        text("<system-reminder>\nBe careful.\n</system-reminder>"),
    ]
    asked = body(
        FIRST,
        {"role": "assistant", "content": first.blocks},
        {"role": "user", "content": results},
        {"role": "system", "content": "The user left plan mode."},
    )

    told = await send(running, asked, [TextDelta(text="There is a.py.")])

    said = prompt(running)
    assert (told.text, told.stop_reason) == ("There is a.py.", "end_turn")
    assert 'assistant: <tool_calls>\n<tool_call name="Bash">{"command":"ls"}</tool_call>' in said
    assert "tool: [result of Bash]\na.py" in said
    assert "system: The user left plan mode." in said
    assert "Hm" not in said


async def test_search_of_the_web_tool(running: RunningGateway) -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
    question = {"role": "user", "content": [text("Perform a web search for the query: kites")]}
    choice = {"type": "tool", "name": "web_search"}

    told = await send(
        running, body(question, tools=[search], tool_choice=choice), [TextDelta(text="Kites fly.")]
    )

    request = running.fake.asked[-1].request
    assert isinstance(request, Conversation)
    assert (told.text, request.search) == ("Kites fly.", True)


async def test_title_is_made_without_reasoning(running: RunningGateway) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    config = {"effort": "max", "format": {"type": "json_schema", "schema": schema}}
    asked = body(FIRST, tools=[], thinking={"type": "disabled"}, output_config=config)

    told = await send(
        running, asked, [ThinkingDelta(text="Hm"), TextDelta(text='{"title": "Files"}')]
    )

    assert [block["type"] for block in told.blocks] == ["text"]
    assert told.text == '{"title": "Files"}'


async def test_length_is_asked_for_before_the_turn(running: RunningGateway) -> None:
    asked = {name: body(FIRST)[name] for name in ("model", "messages", "system", "tools")}

    reply = await running.client.post(
        "/v1/messages/count_tokens?beta=true", json=asked, headers=HEADERS
    )

    assert reply.json()["input_tokens"] > 64 * 1024 * 0.27
    assert running.fake.asked == []
