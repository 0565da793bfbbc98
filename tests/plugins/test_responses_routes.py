"""`POST /v1/responses` through a whole gateway with a scripted upstream."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

import grokgate_responses
from grammar.responses import Event, check_reply, text_of
from grokgate.plugin import Settings, hookimpl
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import (
    Activity,
    Citation,
    Kind,
    Observation,
    Source,
    Stage,
    TextDelta,
    ThinkingDelta,
    UpstreamFailure,
)
from grokgate.upstream import Event as Upstream

pytestmark = pytest.mark.anyio

PATH = "/v1/responses"
SHAPE = {"type": "json_schema", "name": "a"}
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}}
BLOCK = '<tool_calls>\n<tool_call name="look">{"city":"Lisbon"}</tool_call>\n</tool_calls>'


@pytest.fixture
async def crowded(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    tokens = {f"t{number}": 50 for number in range(20)}
    async with running_gateway(Responses(), upstream=FakeUpstream(), tokens=tokens) as gateway:
        yield gateway


class Responses:
    """The plugin's hooks."""

    @hookimpl
    def grokgate_settings(self) -> type[Settings]:
        return grokgate_responses.grokgate_settings()

    @hookimpl
    def grokgate_routes(self) -> Iterable[Any]:
        return grokgate_responses.grokgate_routes()


def opened_gateway() -> AbstractAsyncContextManager[RunningGateway]:
    return running_gateway(Responses(), upstream=FakeUpstream(), tokens={"t1": 500})


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with opened_gateway() as gateway:
        yield gateway


@pytest.fixture
async def own() -> AsyncIterator[RunningGateway]:
    """One for a test that changes it."""
    async with opened_gateway() as gateway:
        yield gateway


async def ask(running: RunningGateway, *answers: Any, **fields: Any) -> Any:
    running.fake.add(*answers)
    body = {"model": "grok-4", "input": "Hi", **fields}
    return await running.client.post(PATH, json=body)


async def stream(running: RunningGateway, *answers: Any, **fields: Any) -> list[Event]:
    reply = await ask(running, *answers, stream=True, **fields)
    return check_reply(reply.headers["content-type"], [reply.content])


def prompts(running: RunningGateway) -> list[list[str]]:
    """Return the texts of each conversation the upstream was asked to continue."""
    asked: list[Any] = [call.request for call in running.fake.asked]
    return [[part.text for turn in one.messages for part in turn.parts] for one in asked]


def says(*texts: str) -> list[Upstream]:
    return [TextDelta(text=text) for text in texts]


async def broken(_: Any) -> AsyncGenerator[Upstream, None]:
    """Answer in part, then break off."""
    yield TextDelta(text="Half")
    raise UpstreamFailure(
        Observation(operation="converse", kind=Kind.TRUNCATED, stage=Stage.CONTENT)
    )


async def test_unary_answer_has_its_extras(running: RunningGateway) -> None:
    reply = await ask(running, [ThinkingDelta(text="Hm"), *says("Lis", "bon.")])

    body = reply.json()
    assert (reply.status_code, body["status"], body["output_text"]) == (200, "completed", "Lisbon.")
    assert [item["type"] for item in body["output"]] == ["reasoning", "message"]
    assert body["created"] == body["created_at"]
    assert running.pool.open_leases == 0


async def test_streamed_answer_keeps_to_the_grammar(running: RunningGateway) -> None:
    events = await stream(running, [ThinkingDelta(text="Hm"), *says("Lis", "bon.")])

    assert text_of(events) == "Lisbon."
    assert events[-1]["response"]["status"] == "completed"
    assert running.pool.open_leases == 0


async def test_stream_and_unary_reply_hold_the_same(running: RunningGateway) -> None:
    answer = [ThinkingDelta(text="Hm"), *says("a", "b")]
    streamed = (await stream(running, answer))[-1]["response"]
    unary = (await ask(running, answer)).json()

    for response in (streamed, unary):
        for item in response["output"]:
            del item["id"]
    fields = ("output", "usage", "status", "tools", "text", "reasoning")
    assert [streamed[field] for field in fields] == [unary[field] for field in fields]


async def test_function_call_is_an_item(running: RunningGateway) -> None:
    events = await stream(running, says(f"I look.\n\n{BLOCK}"), tools=[LOOK])

    message, call = events[-1]["response"]["output"]
    assert message["content"][0]["text"] == "I look."
    assert (call["name"], json.loads(call["arguments"])) == ("look", {"city": "Lisbon"})
    assert call["call_id"].startswith("call_")


async def test_call_of_a_namespace_names_it(running: RunningGateway) -> None:
    tools = [{"type": "namespace", "name": "maps", "description": "", "tools": [LOOK]}]
    reply = await ask(running, says(BLOCK), tools=tools)

    (call,) = reply.json()["output"]
    assert (call["name"], call["namespace"]) == ("look", "maps")


async def test_length_is_kept(running: RunningGateway) -> None:
    events = await stream(running, says("word " * 50), max_output_tokens=5)

    response = events[-1]["response"]
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][-1]["status"] == "incomplete"
    assert response["usage"]["output_tokens"] <= 5


async def test_declared_search_is_one_item_before_the_message(running: RunningGateway) -> None:
    answer = [
        Activity(tool="web_search", text="capital"),
        Source(url="https://a.example", title="A"),
        *says("Lisbon."),
        Citation(number=1, url="https://a.example", start=0, end=7),
    ]
    include = ["web_search_call.action.sources"]
    events = await stream(running, answer, tools=[{"type": "web_search"}], include=include)

    output = events[-1]["response"]["output"]
    search, message = output[-2:]
    assert search["action"]["queries"] == ["capital"]
    assert search["action"]["sources"] == [{"type": "url", "url": "https://a.example"}]
    assert message["content"][0]["annotations"][0]["title"] == "A"


async def test_failure_in_mid_stream_ends_with_both_forms(running: RunningGateway) -> None:
    events = await stream(running, broken)

    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert events[-1]["response"]["error"]["code"] == "server_error"


async def test_failure_before_output_is_an_http_error(running: RunningGateway) -> None:
    reply = await ask(running, Kind.TOO_LONG, stream=True)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "context_length_exceeded")


async def test_long_input_is_shortened_once_where_that_is_wanted(running: RunningGateway) -> None:
    turns = [{"role": "user", "content": f"{number} " * 20} for number in range(4)]
    reply = await ask(running, Kind.TOO_LONG, says("ok"), input=turns, truncation="auto")

    assert reply.json()["output_text"] == "ok"
    assert [len(texts) for texts in prompts(running)] == [4, 2]


async def test_reasoning_is_sealed_for_its_client(running: RunningGateway) -> None:
    reply = await ask(
        running,
        [ThinkingDelta(text="Hm"), *says("ok")],
        include=["reasoning.encrypted_content"],
        store=False,
    )

    body = reply.json()
    assert body["output"][0]["encrypted_content"]
    assert body["store"] is False


async def test_stored_turn_is_continued(running: RunningGateway) -> None:
    first = (await ask(running, says("One."))).json()
    second = (await ask(running, says("Two."), previous_response_id=first["id"])).json()

    assert second["previous_response_id"] == first["id"]
    assert prompts(running)[1] == ["Hi", "One.", "Hi"]


@pytest.mark.parametrize("stored", [True, False])
async def test_conversation_sent_again_or_continued_stays_with_its_account(
    crowded: RunningGateway, *, stored: bool
) -> None:
    told: Any = {"instructions": "Be brief.", "store": stored}
    first = (await ask(crowded, says("One."), **told)).json()
    await ask(crowded, says("Else."), input="Something else")
    said = [{"role": "user", "content": "Hi"}, *first["output"], {"role": "user", "content": "B"}]
    await ask(crowded, says("Two."), input=said, **told)
    if stored:
        await ask(crowded, says("Two."), input="B", previous_response_id=first["id"])

    begun, _, *later = [call.account for call in crowded.fake.asked]
    assert set(later) == {begun}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "mcp", "most": 10**30}]}, "tools[0]"),
        ({"input": [{"type": "shell_call", "action": 10**30}, "Hi"]}, "input[0]"),
        ({"text": {"format": {**SHAPE, "schema": {"maximum": 10**30}}}}, "text.format.schema"),
        ({"tool_choice": {"type": "function", "name": "f", "x": 10**30}}, "tool_choice"),
        ({"max_tool_calls": 10**30}, "max_tool_calls"),
    ],
)
async def test_number_that_cannot_be_repeated_is_refused(
    running: RunningGateway, fields: dict[str, Any], param: str
) -> None:
    reply = await ask(running, **fields)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


async def test_what_has_no_effect_is_named(running: RunningGateway) -> None:
    items = [{"role": "user", "content": "Hi"}, {"type": "novelty"}]
    reply = await ask(running, says("ok"), temperature=0.5, tools=[{"type": "mcp"}], input=items)

    ignored = reply.headers["x-grokgate-ignored"].split(",")
    assert ignored == ["temperature", "input[1].type", "tools[0].type"]


async def test_leaving_closes_the_exchange_and_forgets_the_turn(own: RunningGateway) -> None:
    left = anyio.Event()

    async def endless(_: Any) -> AsyncGenerator[Upstream, None]:
        try:
            while True:
                yield TextDelta(text="more ")
                await anyio.sleep(0.001)
        finally:
            left.set()

    own.fake.add(endless)
    body = {"model": "grok-4", "input": "Hi", "stream": True}
    async with own.serve() as client:
        async with client.stream("POST", PATH, json=body) as reply:
            lines = reply.aiter_lines()
            first = [await anext(lines) for _ in range(2)][1]
        with anyio.fail_after(5):
            await left.wait()

    response_id = json.loads(first.removeprefix("data: "))["response"]["id"]
    assert (await own.client.get(f"{PATH}/{response_id}")).status_code == 404
