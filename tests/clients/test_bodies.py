"""Requests as clients send them that are not installed here, replayed: ``bodies/CLIENT.json``.

Each request has a name, path, headers and body, and what the answer must hold: ``text`` that it
contains, or its ``calls`` as name and arguments. ``tools_kb`` fills the tool list up to that size.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from grammar import messages as messages_grammar
from grammar import responses as responses_grammar

Json: TypeAlias = Any

BODIES = Path(__file__).with_name("bodies")


def recorded() -> Iterator[Any]:
    for path in sorted(BODIES.glob("*.json")):
        for request in json.loads(path.read_text()):
            yield pytest.param(request, id=f"{path.stem}: {request['name']}")


@pytest.fixture(scope="module")
def http(base: str, key: str) -> Iterator[httpx.Client]:
    # Claude Code and Codex CLI both send their key this way when the base address is set.
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("request_", list(recorded()))
def test_replayed_request_is_answered(http: httpx.Client, request_: Json) -> None:
    body = filled(request_["body"], request_.get("tools_kb", 0))
    answer = http.post(request_["path"], headers=request_["headers"], json=body)

    assert answer.status_code == 200, answer.text
    text, calls = read(request_["path"], answer)
    assert request_["expect"].get("text", "") in text
    assert calls == [tuple(call) for call in request_["expect"].get("calls", [])]


SOCKET = [request for request in recorded() if request.id.startswith("codex")]


@pytest.mark.parametrize("request_", SOCKET)
def test_request_of_codex_over_a_socket(base: str, key: str, request_: Json) -> None:
    """Codex CLI with ``supports_websockets`` warms up first, then has nothing to add."""
    url = f"{base.replace('http', 'ws', 1)}/v1/responses"
    headers = {"Authorization": f"Bearer {key}"}
    with connect(url, additional_headers=headers, proxy=None) as socket:
        asked = {"type": "response.create", **request_["body"]}
        warm = turn(socket, {**asked, "generate": False})
        rest = {"input": [], "previous_response_id": warm["id"]}
        text, calls = read_response(turn(socket, {**asked, **rest}))

    assert warm["output"] == []
    assert request_["expect"].get("text", "") in text
    assert calls == [tuple(call) for call in request_["expect"].get("calls", [])]


def turn(socket: Connection, asked: Json) -> Json:
    """Send one request and return the response object that its turn ends with."""
    socket.send(json.dumps(asked))
    events = [json.loads(socket.recv(timeout=10))]
    while events[-1]["type"] not in ("response.completed", "error"):
        events.append(json.loads(socket.recv(timeout=10)))
    assert events[-1]["type"] == "response.completed", events[-1]
    responses_grammar.check_events(events)
    return events[-1]["response"]


def filled(body: Json, kilobytes: int) -> Json:
    """Repeat the declared tools under new names until they are of that size."""
    tools = list(body.get("tools", []))
    while len(json.dumps(tools)) < kilobytes * 1024:
        model = tools[len(tools) % 2]
        tools.append({**model, "name": f"mcp__server__{model['name'].lower()}_{len(tools)}"})
    return {**body, "tools": tools} if kilobytes else body


Said: TypeAlias = tuple[str, list[tuple[str, Json]]]
"""Text and calls of an answer."""


def read(path: str, answer: httpx.Response) -> Said:
    """Read an answer, streamed or not, by the rules of its family."""
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    match path.removeprefix("/v1/").partition("?")[0]:
        case "chat/completions":
            return read_chat(answer, "delta" if streamed else "message")
        case "responses":
            return read_response(streamed_response(answer.text) if streamed else answer.json())
        case "messages" if streamed:
            told = messages_grammar.read(answer.text)
            return told.text, told.calls
        case "messages":
            return read_blocks(answer.json()["content"])
        case _:
            assert answer.json()["input_tokens"] > 0
            return "", []


def objects(text: str) -> list[Json]:
    """Return the objects of a stream without its end marker."""
    lines = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def read_chat(answer: httpx.Response, part: str) -> Said:
    whole = objects(answer.text) if part == "delta" else [answer.json()]
    said = [choice[part] for chunk in whole for choice in chunk["choices"]]
    calls = [call["function"] for delta in said for call in delta.get("tool_calls") or ()]
    text = "".join(delta.get("content") or "" for delta in said)
    return text, [(call["name"], json.loads(call["arguments"])) for call in calls]


def streamed_response(text: str) -> Json:
    events = objects(text)
    responses_grammar.check_events(events)
    return events[-1]["response"]


def read_response(response: Json) -> Said:
    assert response["status"] == "completed"
    text, calls = "", []
    for item in response["output"]:
        match item["type"]:
            case "message":
                text += "".join(part["text"] for part in item["content"])
            case "function_call":
                calls.append((item["name"], json.loads(item["arguments"])))
            case "custom_tool_call":
                calls.append((item["name"], item["input"]))
    return text, calls


def read_blocks(blocks: list[Json]) -> Said:
    text = "".join(block["text"] for block in blocks if block["type"] == "text")
    uses = [block for block in blocks if block["type"] == "tool_use"]
    return text, [(use["name"], use["input"]) for use in uses]
