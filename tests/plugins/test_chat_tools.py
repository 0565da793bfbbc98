"""Tools, JSON forms, limits and alternatives, through a whole gateway with a scripted upstream."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any

import anyio
import pytest

import grokgate_chat
from grokgate.plugin import Settings, hookimpl
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import (
    Citation,
    Conversation,
    Event,
    Finished,
    Kind,
    Text,
    TextDelta,
    ThinkingDelta,
)

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
LOOK = {"type": "function", "function": {"name": "look", "parameters": CITY}}
NOTE = {"type": "custom", "custom": {"name": "note"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY}}
STRICT = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY, "strict": True}}
LISBON = '{"city":"Lisbon"}'


def call(arguments: str = LISBON, name: str = "look") -> str:
    return f'<tool_call name="{name}">{arguments}</tool_call>'


def block(*calls: str) -> str:
    return "\n".join(("<tool_calls>", *(calls or (call(),)), "</tool_calls>"))


GOOD = f"I look.\n\n{block()}"
BROKEN = f"I look.\n\n{block(call('{'))}"
WRONG = block(call('{"city":1}'))


class Chat:
    """The plugin without its cards, so that the stock model is offered."""

    @hookimpl
    def grokgate_settings(self) -> type[Settings]:
        return grokgate_chat.grokgate_settings()

    @hookimpl
    def grokgate_routes(self) -> Iterable[Any]:
        return grokgate_chat.grokgate_routes()


@pytest.fixture
async def running(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    upstream = FakeUpstream()
    async with running_gateway(Chat(), upstream=upstream, tokens={"t1": 50, "t2": 50}) as gateway:
        yield gateway


def says(*texts: str) -> list[Event]:
    return [TextDelta(text=text) for text in texts]


def slowly(text: str) -> list[Event]:
    return says(*text)


async def ask(running: RunningGateway, *answers: Any, **fields: Any) -> Any:
    running.fake.add(*answers)
    body = {"model": "grok-4", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return (await running.client.post(PATH, json=body)).json()


async def stream(running: RunningGateway, *answers: Any, **fields: Any) -> list[Any]:
    running.fake.add(*answers)
    body = {
        "model": "grok-4",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        **fields,
    }
    reply = await running.client.post(PATH, json=body)
    frames = reply.text.removesuffix("\n\n").split("\n\n")
    assert frames[-1] == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-1]]


def choice_of(reply: Any) -> tuple[str | None, list[tuple[str, str]], str]:
    (choice,) = reply["choices"]
    message = choice["message"]
    calls = [
        (one["function"]["name"], one["function"]["arguments"])
        for one in message.get("tool_calls", [])
    ]
    return message["content"], calls, choice["finish_reason"]


def joined(chunks: list[Any]) -> tuple[str, list[tuple[str, str]], str]:
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    content = "".join(choice["delta"].get("content") or "" for choice in choices)
    calls = [
        (one["function"]["name"], one["function"]["arguments"])
        for choice in choices
        for one in choice["delta"].get("tool_calls", [])
    ]
    return content, calls, choices[-1]["finish_reason"]


def asked(running: RunningGateway, place: int) -> str:
    request = running.fake.asked[place].request
    assert isinstance(request, Conversation)
    return "\n".join(
        f"{message.role}: {part.text}"
        for message in request.messages
        for part in message.parts
        if isinstance(part, Text)
    )


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


FORMS = [
    ("object", [slowly(f"Here:\n```json\n{LISBON}\n```")], {"type": "json_object"}, LISBON),
    ("schema", [slowly(LISBON)], SCHEMA, LISBON),
    ("repaired", [says("Lisbon"), slowly(LISBON)], STRICT, LISBON),
    ("repaired value", [says('{"city":1}'), says(LISBON)], SCHEMA, LISBON),
    ("given up", [says("Lisbon"), says("Lisbon!")], SCHEMA, "Lisbon"),
    ("no object at all", [says("Lisbon"), says("Porto")], {"type": "json_object"}, "Lisbon"),
]


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


FAILURES = [
    ("required", [says("No."), says("No!")], {"tools": [LOOK], "tool_choice": "required"}),
    ("required, broken", [says(BROKEN)] * 2, {"tools": [LOOK], "tool_choice": "required"}),
    ("strict", [says("No."), says('{"city":1}')], {"response_format": STRICT}),
    ("nothing allowed", [says(block())] * 2, {"tools": [LOOK], "tool_choice": "none"}),
]


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


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("most", [1, 5, 40])
async def test_length_limit(running: RunningGateway, field: str, most: int) -> None:
    text = "Grüße aus Łódź. " * 20

    unary = await ask(running, slowly(text), **{field: most})
    chunks = await stream(running, slowly(text), **{field: most})

    content, _, reason = choice_of(unary)
    assert content
    assert text.startswith(content)
    assert (reason, unary["usage"]["completion_tokens"]) == ("length", most)
    assert joined(chunks)[::2] == (content, "length")
    assert running.fake.closed == 2


async def test_reasoning_is_part_of_the_length(running: RunningGateway) -> None:
    events = [ThinkingDelta(text="t" * 100), TextDelta(text="a" * 100)]

    reply = await ask(running, events, max_tokens=20)

    (choice,) = reply["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")
    assert reply["usage"]["completion_tokens"] <= 20


@pytest.mark.parametrize(
    ("stop", "content"),
    [
        ("END", "one two "),
        (["END", "two"], "one "),
        (["three", "ND"], "one two E"),
        ("never", "one two END three"),
        (["one two END three"], ""),
        ("", "one two END three"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3, 100])
async def test_stop(running: RunningGateway, stop: Any, content: str, pieces: int) -> None:
    text = "one two END three"
    answer = says(*(text[start : start + pieces] for start in range(0, len(text), pieces)))

    unary = await ask(running, answer, stop=stop)
    streamed = await stream(running, answer, stop=stop)

    assert choice_of(unary) == (content, [], "stop")
    assert joined(streamed) == (content, [], "stop")


async def test_citations_follow_the_text(running: RunningGateway) -> None:
    answer = [
        *says("\n\nSee ", "[[1]](https://a)"),
        Citation(number=1, url="https://a", start=6, end=22),
        Citation(number=2, url="https://b", start=24, end=28),
        *says(". More"),
    ]

    reply = await ask(running, answer, tools=[LOOK], stop="More", web_search_options={})

    message = reply["choices"][0]["message"]
    (cited,) = [each["url_citation"] for each in message["annotations"]]
    assert message["content"][cited["start_index"] : cited["end_index"]] == "[[1]](https://a)"


async def test_choices_are_calls_of_one_request(running: RunningGateway) -> None:
    reply = await ask(running, says("a"), says("b"), says("c"), n=3)

    contents = [(each["index"], each["message"]["content"]) for each in reply["choices"]]
    assert [index for index, _ in contents] == [0, 1, 2]
    assert {content for _, content in contents} == {"a", "b", "c"}
    assert len({record.request_id for record in running.records}) == 1


async def test_choices_of_a_stream_keep_their_order(running: RunningGateway) -> None:
    chunks = await stream(
        running,
        slowly("first"),
        slowly("second"),
        n=2,
        stream_options={"include_usage": True},
    )

    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    for index in (0, 1):
        own = [choice for choice in choices if choice["index"] == index]
        assert own[0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
        assert [choice["finish_reason"] for choice in own] == [None] * (len(own) - 1) + ["stop"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 4
    assert running.pool.open_leases == 0


async def test_choices_are_all_or_none(running: RunningGateway) -> None:
    reply = await ask(running, says("a"), Kind.BAD_REQUEST, n=2)

    assert "error" in reply
    assert running.pool.open_leases == 0


async def test_a_choice_that_fails_ends_the_stream(running: RunningGateway) -> None:
    async def failing(_request: Any) -> AsyncIterator[Event]:
        yield TextDelta(text="half")
        raise RuntimeError

    chunks = await stream(running, slowly("whole " * 50), failing, n=2)

    assert "error" in chunks[-1]
    assert running.pool.open_leases == 0


async def test_what_the_session_does_itself_is_left_alone() -> None:
    upstream = FakeUpstream(says(GOOD))
    upstream.native = frozenset({"tools", "stop", "max_output", "schema"})
    async with running_gateway(Chat(), upstream=upstream) as running:
        reply = await ask(running, tools=[LOOK], stop="look", max_tokens=2)

        request = upstream.asked[0].request
        assert isinstance(request, Conversation)
        assert asked(running, 0) == "user: Hi"
        assert (request.tools, request.stop, request.max_output) == ((LOOK,), ("look",), 2)
        assert choice_of(reply) == (GOOD, [], "stop")


async def test_moderation_in_a_block_shows_nothing_of_it(running: RunningGateway) -> None:
    answer = [*says("I look. <tool_calls><tool"), Finished(reason="refused")]

    reply = await ask(running, answer, tools=[LOOK])

    assert choice_of(reply) == ("I look.", [], "content_filter")


async def test_a_client_that_leaves_during_the_repair_frees_the_account(
    running: RunningGateway,
) -> None:
    asked_again = anyio.Event()

    async def endless(_request: Any) -> AsyncGenerator[Event, None]:
        asked_again.set()
        while True:
            yield TextDelta(text="I ")
            await anyio.sleep(0.01)

    running.fake.add(says(BROKEN), endless)
    body = {
        "model": "grok-4",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "tools": [LOOK],
    }
    async with running.serve() as client:
        async with client.stream("POST", PATH, json=body) as reply:
            await anext(reply.aiter_lines())
            with anyio.fail_after(5):
                await asked_again.wait()

        with anyio.fail_after(2):
            while running.pool.open_leases:  # noqa: ASYNC110 - the pool tells nobody
                await anyio.sleep(0.01)
    assert running.records[-1].outcome == "cancelled"


async def test_the_stream_stays_open_during_the_repair(running: RunningGateway) -> None:
    async def late(_request: Any) -> AsyncGenerator[Event, None]:
        await anyio.sleep(0.3)
        yield TextDelta(text=block())
        yield Finished()

    await running.change(grok={"sse_keepalive_sec": 0.1})
    running.fake.add(says(BROKEN), late)
    body = {
        "model": "grok-4",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "tools": [LOOK],
    }
    async with running.serve() as client:
        reply = await client.post(PATH, json=body)

    assert ": ping\n\n" in reply.text
    assert '"tool_calls"' in reply.text


async def test_a_further_call_has_only_the_time_that_is_left(running: RunningGateway) -> None:
    async def endless(_request: Any) -> AsyncGenerator[Event, None]:
        while True:
            yield TextDelta(text="I ")
            await anyio.sleep(0.01)

    await running.change(grok={"timeout": 1})

    with anyio.fail_after(5):
        reply = await ask(running, says(BROKEN), endless, tools=[LOOK])

    assert choice_of(reply) == (BROKEN, [], "stop")
