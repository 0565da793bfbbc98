"""Every event of every kind of responses stream, held against two published descriptions of it.

`openresponses-types` are the models made from the Open Responses specification, which knows
messages, function calls, reasoning and compaction. What OpenAI has beyond that (custom tools, web
search) is held against the types of the OpenAI SDK; these check all other events as well.
"""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import httpx
import openresponses_types as published
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter
from websockets.sync.client import connect

from clients.asking import CITY, ECHO, MODEL, PORTO, SEARCH, THINKER, TOOLS, base64url

Json: TypeAlias = Any

LOOK = {"type": "function", "name": "lookup_city", "parameters": CITY, "strict": True}
NOTE = {"type": "custom", "name": "run_note"}
SCHEMA = {"type": "json_schema", "name": "place", "schema": CITY, "strict": True}
ITEMS = {"message", "function_call", "function_call_output", "reasoning", "compaction"}
"""Types of items that Open Responses knows."""

STREAMS: dict[str, Json] = {
    "text": {"input": f"Say hello{ECHO}"},
    "reasoning": {"model": THINKER, "input": "Think about kites"},
    "sealed reasoning": {
        "model": THINKER,
        "input": "Think about kites",
        "include": ["reasoning.encrypted_content"],
        "store": False,
    },
    "function calls": {"input": f"{TOOLS} calls=3", "tools": [LOOK]},
    "custom call": {
        "input": f"{TOOLS} name=run_note args={base64url('text')}",
        "tools": [NOTE, LOOK],
    },
    "search": {"input": SEARCH, "tools": [{"type": "web_search"}]},
    "schema": {"input": PORTO, "text": {"format": SCHEMA}},
    "incomplete": {"input": "Tell me\n@sim scenario=long tokens=99", "max_output_tokens": 16},
    "background": {"input": f"Say hello{ECHO}", "background": True},
    "broken": {"input": "Break\n@sim scenario=long tokens=60 fault=cut lines=20"},
    "everything echoed": {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": f"Say{ECHO}"}]}],
        "instructions": "Be brief.",
        "tools": [LOOK],
        "tool_choice": {
            "type": "allowed_tools",
            "mode": "auto",
            "tools": [{"type": "function", "name": "lookup_city"}],
        },
        "metadata": {"a": "b"},
        "truncation": "auto",
        "reasoning": {"effort": "low", "summary": "detailed"},
        "temperature": 0.3,
        "prompt_cache_key": "k",
    },
}


@pytest.fixture(scope="module")
def http(base: str, key: str) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def models() -> Iterator[tuple[str, type[BaseModel]]]:
    """Return the published model of each event, by the only value of its ``type``."""
    for name, model in vars(published).items():
        if name.endswith("StreamingEvent"):
            (kind,) = model.model_fields["type"].annotation
            yield kind.value, model


EVENTS = dict(models())
OPENAI: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def frames(text: str) -> list[Json]:
    """Take a stream apart; the end marker stays as it is."""
    *found, rest = text.split("\n\n")
    assert rest == ""
    events = []
    for frame in found:
        if frame == "data: [DONE]":
            events.append("[DONE]")
        elif not frame.startswith(":"):
            name, data = frame.split("\n")
            event = json.loads(data.removeprefix("data: "))
            assert name == f"event: {event['type']}"
            events.append(event)
    return events


def known_part(event: Json) -> Json | None:
    """Return what Open Responses can describe of an event; None: it has no such event."""
    if event["type"] not in EVENTS or event.get("item", {}).get("type", "message") not in ITEMS:
        return None
    if "response" not in event:
        return event
    whole = dict(event["response"])
    whole["output"] = [item for item in whole["output"] if item["type"] in ITEMS]
    whole["tools"] = [tool for tool in whole["tools"] if tool["type"] == "function"]
    if whole["text"]["format"]["type"] == "json_schema":
        # The published model takes nothing but null for a schema, against the text beside it.
        whole["text"] = {"format": {**whole["text"]["format"], "schema": None}}
    return {**event, "response": whole}


def hold(event: Json) -> None:
    """Hold one event against both descriptions."""
    OPENAI.validate_python(event)
    if (known := known_part(event)) is not None:
        EVENTS[event["type"]].model_validate(known)


@pytest.mark.parametrize("name", STREAMS)
def test_stream_is_as_published(http: httpx.Client, name: str) -> None:
    asked = {"model": MODEL, "stream": True, **STREAMS[name]}
    answer = http.post("/v1/responses", json=asked)

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *events, end = frames(answer.text)
    for event in events:
        hold(event)
    assert end == "[DONE]"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "broken"])
def test_unary_answer_is_as_published(http: httpx.Client, name: str) -> None:
    answer = http.post("/v1/responses", json={"model": MODEL, **STREAMS[name]}).json()

    Response.model_validate(answer)
    completed = {"type": "response.completed", "sequence_number": 0, "response": answer}
    published.ResponseResource.model_validate((known_part(completed) or {})["response"])


def test_socket_frames_are_as_published(base: str, key: str) -> None:
    url = f"{base.replace('http', 'ws', 1)}/v1/responses"
    headers = {"Authorization": f"Bearer {key}"}
    kinds: list[str] = []
    with connect(url, additional_headers=headers, proxy=None) as socket:
        asked = {"type": "response.create", "model": THINKER, "input": "Think about kites"}
        socket.send(json.dumps(asked))
        while not kinds or kinds[-1] != "response.completed":
            event = json.loads(socket.recv(timeout=10))
            hold(event)
            kinds.append(event["type"])

    assert kinds[:2] == ["response.created", "response.in_progress"]


def test_socket_errors_are_as_published(base: str, key: str) -> None:
    url = f"{base.replace('http', 'ws', 1)}/v1/responses"
    headers = {"Authorization": f"Bearer {key}"}
    with connect(url, additional_headers=headers, proxy=None) as socket:
        socket.send('{"type": "response.create", "model": "grok-99", "input": "hi"}')
        error = json.loads(socket.recv(timeout=10))

    published.WebSocketErrorEvent.model_validate(error)
    assert (error["status"], error["error"]["code"]) == (404, "model_not_found")
