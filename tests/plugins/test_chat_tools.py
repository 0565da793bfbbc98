"""Tools, JSON forms, limits and alternatives, through a whole gateway with a scripted upstream."""

import json
from typing import Any

import pytest

from grokgate.testing import RunningGateway
from grokgate.upstream import (
    Conversation,
    Kind,
    ThinkingDelta,
)
from plugins.chat_world import (
    BROKEN,
    CITY,
    GOOD,
    LISBON,
    LOOK,
    ask,
    asked,
    block,
    call,
    choice_of,
    joined,
    says,
    slowly,
    stream,
)

pytestmark = pytest.mark.anyio


NOTE = {"type": "custom", "custom": {"name": "note"}}


SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY}}


STRICT = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY, "strict": True}}


WRONG = block(call('{"city":1}'))


OUTCOMES = [
    ("called", [slowly(GOOD)], {}, ("I look.", [("look", LISBON)], "tool_calls")),
    ("not called", [says("No need.")], {}, ("No need.", [], "stop")),
    (
        "several",
        [says(block(call(), call('{"city":"Porto"}')))],
        {},
        ("", [("look", LISBON), ("look", '{"city":"Porto"}')], "tool_calls"),
    ),
    (
        "one at most",
        [says(block(call(), call("{")))],
        {"parallel_tool_calls": False},
        ("", [("look", LISBON)], "tool_calls"),
    ),
    (
        "repaired",
        [slowly(BROKEN), says(block())],
        {},
        ("I look.", [("look", LISBON)], "tool_calls"),
    ),
    ("repaired type", [says(WRONG), says(GOOD)], {}, ("", [("look", LISBON)], "tool_calls")),
    ("still broken", [slowly(BROKEN), says(BROKEN)], {}, (BROKEN, [], "stop")),
    ("repair is text", [says(BROKEN), says("Sorry.")], {}, (BROKEN, [], "stop")),
    ("repair fails", [says(BROKEN), Kind.BAD_REQUEST], {}, (BROKEN, [], "stop")),
    (
        "required",
        [says("No."), says(GOOD)],
        {"tool_choice": "required"},
        ("I look.", [("look", LISBON)], "tool_calls"),
    ),
    (
        "named",
        [slowly(GOOD)],
        {"tool_choice": {"type": "function", "function": {"name": "look"}}},
        ("I look.", [("look", LISBON)], "tool_calls"),
    ),
    ("none", [slowly(GOOD)], {"tool_choice": "none"}, ("I look.", [], "stop")),
    (
        "not allowed",
        [says("Well. " + block(call("text", "note"), call()))],
        {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "look"}}],
                },
            }
        },
        ("Well.", [("look", LISBON)], "tool_calls"),
    ),
    (
        "only calls that are not allowed",
        [says(block()), says("Then not.")],
        {"tool_choice": "none"},
        ("Then not.", [], "stop"),
    ),
    ("cut in the block", [slowly(GOOD)], {"max_tokens": 8}, ("I look.", [], "length")),
    ("stopped in the block", [slowly(GOOD)], {"stop": "city"}, ("I look.", [], "stop")),
    ("stopped in the tag", [slowly(GOOD)], {"stop": "calls>"}, ("I look.", [], "stop")),
    (
        "cut before a required call",
        [slowly(GOOD)],
        {"max_tokens": 8, "tool_choice": "required"},
        ("I look.", [], "length"),
    ),
]


FORMS = [
    ("object", [slowly(f"Here:\n```json\n{LISBON}\n```")], {"type": "json_object"}, LISBON),
    ("schema", [slowly(LISBON)], SCHEMA, LISBON),
    ("repaired", [says("Lisbon"), slowly(LISBON)], STRICT, LISBON),
    ("repaired value", [says('{"city":1}'), says(LISBON)], SCHEMA, LISBON),
    ("given up", [says("Lisbon"), says("Lisbon!")], SCHEMA, "Lisbon"),
    ("no object at all", [says("Lisbon"), says("Porto")], {"type": "json_object"}, "Lisbon"),
]


FAILURES = [
    ("required", [says("No."), says("No!")], {"tools": [LOOK], "tool_choice": "required"}),
    ("required, broken", [says(BROKEN)] * 2, {"tools": [LOOK], "tool_choice": "required"}),
    ("strict", [says("No."), says('{"city":1}')], {"response_format": STRICT}),
    ("nothing allowed", [says(block())] * 2, {"tools": [LOOK], "tool_choice": "none"}),
]


@pytest.mark.parametrize(
    ("answers", "fields", "outcome"),
    [row[1:] for row in OUTCOMES],
    ids=[row[0] for row in OUTCOMES],
)
async def test_outcome_of_tools(
    running: RunningGateway, answers: list[Any], fields: dict[str, Any], outcome: tuple[Any, ...]
) -> None:
    fields = {"tools": [LOOK, NOTE], **fields}

    unary = choice_of(await ask(running, *answers, **fields))
    streamed = joined(await stream(running, *answers, **fields))

    content, calls, reason = outcome
    assert unary == (content or (None if calls else ""), calls, reason)
    assert streamed == outcome
    assert len(running.fake.asked) == 2 * len(answers)
    assert running.pool.open_leases == 0


@pytest.mark.parametrize(
    ("answers", "form", "content"), [row[1:] for row in FORMS], ids=[row[0] for row in FORMS]
)
async def test_json_form(
    running: RunningGateway, answers: list[Any], form: dict[str, Any], content: str
) -> None:
    unary = choice_of(await ask(running, *answers, response_format=form))
    chunks = await stream(running, *answers, response_format=form)

    assert unary == (content, [], "stop")
    deltas = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]
    assert deltas == ["", content, None]


@pytest.mark.parametrize(
    ("answers", "fields"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
async def test_what_cannot_be_had_is_an_error(
    running: RunningGateway, answers: list[Any], fields: dict[str, Any]
) -> None:
    code = "structured_output_failed" if "response_format" in fields else "empty_response"

    unary = await ask(running, *answers, **fields)
    chunks = await stream(running, *answers, **fields)

    assert (unary["error"]["code"], unary["error"]["type"]) == (code, "server_error")
    assert chunks[-1]["error"]["code"] == code
    shown = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert all(not delta.get("content") and "tool_calls" not in delta for delta in shown)
    assert running.pool.open_leases == 0


async def test_nothing_comes_before_a_required_call(running: RunningGateway) -> None:
    answer = [ThinkingDelta(text="Hm"), *slowly(GOOD)]

    chunks = await stream(running, answer, tools=[LOOK], tool_choice="required")

    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[1] == {"reasoning_content": "Hm"}
    assert joined(chunks) == ("I look.", [("look", LISBON)], "tool_calls")


async def test_the_model_is_told_of_the_tools_and_of_its_mistake(running: RunningGateway) -> None:
    await ask(running, says(BROKEN), says(GOOD), tools=[LOOK])

    first, second = asked(running, 0), asked(running, 1)
    assert '"name":"look"' in first
    assert first.endswith("user: Hi")
    assert f"assistant: {BROKEN}" in second
    assert "not valid JSON" in second.split("user: ")[-1]


async def test_free_text_tool(running: RunningGateway) -> None:
    reply = await ask(running, says(block(call("a <b> c", "note"))), tools=[LOOK, NOTE])

    (made,) = reply["choices"][0]["message"]["tool_calls"]
    assert (made["type"], made["custom"]) == ("custom", {"name": "note", "input": "a <b> c"})
    assert made["id"].startswith("call_")


@pytest.mark.parametrize(
    ("fields", "search"),
    [
        ({}, True),
        ({"tools": [LOOK]}, False),
        ({"response_format": {"type": "json_object"}}, False),
        ({"tools": [LOOK], "web_search_options": {}}, True),
    ],
    ids=["plain", "tools", "json", "asked for"],
)
async def test_search_is_off_beside_tools(
    running: RunningGateway, fields: dict[str, Any], *, search: bool
) -> None:
    await ask(running, says("{}"), **fields)

    request = running.fake.asked[0].request
    assert isinstance(request, Conversation)
    assert request.search is search


async def test_a_repair_is_a_call_of_its_own(running: RunningGateway) -> None:
    await ask(running, says(BROKEN), says(GOOD), tools=[LOOK])

    assert [record.outcome for record in running.records] == ["completed", "completed"]
    assert len({record.request_id for record in running.records}) == 1


async def test_usage_counts_tools_and_the_repair(running: RunningGateway) -> None:
    plain = await ask(running, says("Hello"))
    tools = await ask(running, says("Hello"), tools=[LOOK])
    repaired = await ask(running, says(BROKEN), says(GOOD), tools=[LOOK])

    read = [reply["usage"]["prompt_tokens"] for reply in (plain, tools, repaired)]
    assert read[1] - read[0] == -(-len(json.dumps(LOOK, separators=(",", ":"))) * 27 // 100)
    assert read[2] > 2 * read[1]
    assert all(
        reply["usage"]["total_tokens"]
        == reply["usage"]["prompt_tokens"] + reply["usage"]["completion_tokens"]
        for reply in (plain, tools, repaired)
    )
