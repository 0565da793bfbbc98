"""How answers end: tools, stops, lengths and forms, through a whole gateway."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

import grokgate_messages
from grammar.messages import read
from grokgate.testing import RunningGateway, running_gateway
from grokgate.upstream import Event, Finished, TextDelta

pytestmark = pytest.mark.anyio

PATH = "/v1/messages"
HELLO: dict[str, Any] = {
    "model": "claude-sonnet-5",
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "Hi"}],
}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
LOOK = {"name": "look", "input_schema": CITY}
FORM = {"format": {"type": "json_schema", "schema": CITY}}
BLOCK = '<tool_calls>\n<tool_call name="look">{"city":"Lisbon"}</tool_call>\n</tool_calls>'


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    settings = {"downstream.enable_messages": True}
    async with running_gateway(grokgate_messages, settings=settings) as gateway:
        yield gateway


def says(*texts: str) -> list[Event]:
    return [TextDelta(text=text) for text in texts]


OUTCOMES: dict[str, tuple[list[Any], dict[str, Any], tuple[Any, ...]]] = {
    "text": ([says(*"Hello")], {}, ("Hello", [], "end_turn", None)),
    "call": (
        [says(*f"I look.\n\n{BLOCK}")],
        {"tools": [LOOK]},
        ("I look.", [("look", {"city": "Lisbon"})], "tool_use", None),
    ),
    "repaired call": (
        [says(BLOCK.replace('"Lisbon"', "1")), says(BLOCK)],
        {"tools": [LOOK]},
        ("", [("look", {"city": "Lisbon"})], "tool_use", None),
    ),
    "required call": (
        [says("No."), says(BLOCK)],
        {"tools": [LOOK], "tool_choice": {"type": "any"}},
        ("", [("look", {"city": "Lisbon"})], "tool_use", None),
    ),
    "one call": (
        [says(BLOCK.replace("</tool_calls>", '<tool_call name="look">{}</tool_call>'))],
        {
            "tools": [LOOK],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        },
        ("", [("look", {"city": "Lisbon"})], "tool_use", None),
    ),
    "stop": (
        [says(*"One. Two. Three.")],
        {"stop_sequences": ["Three", "Two"]},
        ("One. ", [], "stop_sequence", "Two"),
    ),
    "longest stop": (
        [says("One. Two.")],
        {"stop_sequences": ["wo", "Two", "o"]},
        ("One. ", [], "stop_sequence", "Two"),
    ),
    "length": ([says("word " * 99)], {"max_tokens": 3}, ("word word w", [], "max_tokens", None)),
    "refused": (
        [[TextDelta(text="We"), Finished(reason="refused")]],
        {},
        ("We", [], "refusal", None),
    ),
    "form": (
        [says('Here: {"city": "Lisbon"}')],
        {"output_config": FORM},
        ('{"city": "Lisbon"}', [], "end_turn", None),
    ),
}


@pytest.mark.parametrize(("answers", "fields", "outcome"), OUTCOMES.values(), ids=OUTCOMES)
async def test_outcome(
    running: RunningGateway, answers: list[Any], fields: dict[str, Any], outcome: tuple[Any, ...]
) -> None:
    running.fake.add(*answers, *answers)
    body = {**HELLO, **fields}

    whole = (await running.client.post(PATH, json=body)).json()
    told = read((await running.client.post(PATH, json={**body, "stream": True})).text)

    text = "".join(one["text"] for one in whole["content"] if one["type"] == "text")
    calls = [(one["name"], one["input"]) for one in whole["content"] if one["type"] == "tool_use"]
    assert (text, calls, whole["stop_reason"], whole["stop_sequence"]) == outcome
    assert (told.text, told.calls, told.stop_reason, told.stop_sequence) == outcome
    assert told.usage == whole["usage"]
    assert running.pool.open_leases == 0
