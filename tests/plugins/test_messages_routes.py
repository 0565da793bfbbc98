"""Messages through a whole gateway with a scripted upstream."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import httpx
import pytest

import grokgate_messages
from grammar.messages import Told, read
from grokgate.app import api_document
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import (
    Conversation,
    Event,
    Finished,
    Kind,
    Text,
    TextDelta,
    ThinkingDelta,
)

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
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
FORM = {"format": {"type": "json_schema", "schema": CITY}}
BLOCK = '<tool_calls>\n<tool_call name="look">{"city":"Lisbon"}</tool_call>\n</tool_calls>'
ON = {"downstream.enable_messages": True}
PNG = "iVBORw0KGgo="


def opened_gateway() -> AbstractAsyncContextManager[RunningGateway]:
    return running_gateway(grokgate_messages, upstream=FakeUpstream(), settings=ON)


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


def says(*texts: str) -> list[Event]:
    return [TextDelta(text=text) for text in texts]


async def post(running: RunningGateway, *answers: Any, **fields: Any) -> httpx.Response:
    running.fake.add(*answers)
    return await running.client.post(PATH, json={**HELLO, **fields})


async def stream(running: RunningGateway, *answers: Any, **fields: Any) -> Told:
    reply = await post(running, *answers, **fields, stream=True)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    return read(reply.text)


def asked(running: RunningGateway, place: int = -1) -> Conversation:
    request = running.fake.asked[place].request
    assert isinstance(request, Conversation)
    return request


async def test_whole_answer(running: RunningGateway) -> None:
    reply = await post(running, says("Hel", "lo"))

    message = reply.json()
    assert reply.status_code == 200
    assert (message["model"], message["content"][0]["text"]) == ("claude-sonnet-5", "Hello")
    assert reply.headers["request-id"] == reply.headers["x-request-id"]
    assert running.pool.open_leases == 0


async def test_off_unless_turned_on() -> None:
    async with running_gateway(grokgate_messages) as running:
        refused = await running.client.post(PATH, json=HELLO)
        await running.change(downstream={"enable_messages": True})
        served = await post(running, says("Hello"))

    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "not_found_error")
    assert served.status_code == 200


async def test_key_of_the_anthropic_clients_is_taken(own: RunningGateway) -> None:
    own.fake.add(says("Hello"))
    del own.client.headers["authorization"]
    headers = {"x-api-key": own.key, "anthropic-beta": "a,b"}

    good = await own.client.post(f"{PATH}?beta=true", json=HELLO, headers=headers)
    bad = await own.client.post(PATH, json=HELLO, headers={"x-api-key": "sk-wrong"})

    assert good.status_code == 200
    assert (bad.status_code, bad.json()["error"]["type"]) == (401, "authentication_error")


async def test_reasoning_is_shown_only_when_asked_for(running: RunningGateway) -> None:
    answer = [ThinkingDelta(text="Hm"), TextDelta(text="Hello")]

    hidden = await stream(running, answer)
    shown = await stream(running, answer, thinking={"type": "enabled", "budget_tokens": 2048})

    assert [block["type"] for block in hidden.blocks] == ["text"]
    assert [block["type"] for block in shown.blocks] == ["thinking", "text"]


async def test_upstream_searches_where_the_request_allows_it(running: RunningGateway) -> None:
    await post(running, says("a"), tools=[LOOK])
    await post(running, says("a"), tools=[LOOK, SEARCH])

    assert (asked(running, 0).search, asked(running, 1).search) == (False, True)


async def test_picture_is_attached(running: RunningGateway) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content = [{"type": "text", "text": "What?"}, {"type": "image", "source": source}]

    await post(running, says("A dot."), messages=[{"role": "user", "content": content}])

    text, picture = asked(running).messages[-1].parts
    assert isinstance(text, Text)
    assert not isinstance(picture, Text)
    assert (picture.kind, picture.blob.mime) == ("image", "image/png")


async def test_model_map_is_followed_at_once(own: RunningGateway) -> None:
    await own.change(messages={"model_map": {"gpt-?": "grok-4"}})

    mapped = await post(own, says("a"), model="gpt-5")
    unmapped = await post(own)

    assert mapped.json()["model"] == "gpt-5"
    assert unmapped.status_code == 404
    assert unmapped.json()["error"]["message"] == "model: claude-sonnet-5"


async def test_count_is_that_of_the_answer(running: RunningGateway) -> None:
    source = {"type": "url", "url": "https://a.example/b.png"}
    fields: dict[str, Any] = {"system": "Be brief.", "tools": [LOOK], "thinking": None}
    asking = {key: value for key, value in {**HELLO, **fields}.items() if key != "max_tokens"}
    pictured = [{"role": "user", "content": [{"type": "image", "source": source}]}]

    plain = await running.client.post(f"{PATH}/count_tokens", json=asking)
    more = await running.client.post(f"{PATH}/count_tokens", json={**asking, "messages": pictured})
    answer = await post(running, says("a"), **fields)

    assert plain.json() == {"input_tokens": answer.json()["usage"]["input_tokens"]}
    assert more.json()["input_tokens"] > 512


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no length": ({"max_tokens": ...}, "max_tokens: Field required"),
    "no messages": ({"messages": []}, "messages: Expected `array` of length >= 1."),
    "no content": ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    "role": (
        {"messages": [{"role": "tool", "content": "a"}]},
        "messages.0.role: Invalid enum value 'tool'.",
    ),
    "block": (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "messages.0.content.0.text: Field required",
    ),
    "tool": ({"tools": [{"name": "a"}]}, "tools.0.input_schema: Field required"),
    "model": ({"model": "grok-9"}, "model: grok-9"),
}


@pytest.mark.parametrize(("fields", "message"), REFUSED.values(), ids=REFUSED)
async def test_refusal_names_the_place(
    running: RunningGateway, fields: dict[str, Any], message: str
) -> None:
    body = {key: value for key, value in {**HELLO, **fields}.items() if value is not ...}

    reply = await running.client.post(PATH, json=body)

    error = reply.json()
    assert (error["type"], error["error"]["message"]) == ("error", message)
    assert error["request_id"] == reply.headers["request-id"]
    assert running.fake.asked == []


async def test_lack_of_accounts_is_an_overload() -> None:
    async with running_gateway(grokgate_messages, settings=ON, tokens={}) as running:
        reply = await post(running)

    assert (reply.status_code, reply.json()["error"]["type"]) == (529, "overloaded_error")


async def test_failure_in_mid_stream_is_an_error_event(running: RunningGateway) -> None:
    async def breaks(_request: Any) -> AsyncGenerator[Event, None]:
        yield TextDelta(text="Hel")

    told = await stream(running, breaks)

    assert told.text == "Hel"
    assert told.error is not None
    assert told.error["type"] == "api_error"


async def test_ignored_fields_are_named(running: RunningGateway) -> None:
    reply = await post(running, says("a"), top_k=5, metadata={"user_id": "u"}, betas=["x"])

    ignored = reply.headers["x-grokgate-ignored"].split(",")
    assert sorted(ignored) == ["betas", "metadata", "top_k"]


async def test_silence_is_filled_with_pings(own: RunningGateway) -> None:
    async def late(_request: Any) -> AsyncGenerator[Event, None]:
        yield TextDelta(text="Hel")
        await anyio.sleep(0.3)
        yield TextDelta(text="lo")
        yield Finished()

    await own.change(grok={"sse_keepalive_sec": 0.1})
    own.fake.add(late)
    async with own.serve() as client:
        reply = await client.post(PATH, json={**HELLO, "stream": True})

    told = read(reply.text)
    assert told.text == "Hello"
    assert told.pings > 1


@pytest.mark.parametrize("fails", [False, True])
async def test_silence_before_a_whole_answer_is_filled_with_blanks(
    own: RunningGateway, *, fails: bool
) -> None:
    """Where the operator wants that (F-API-09)."""

    async def late(_request: Any) -> AsyncGenerator[Event, None]:
        yield TextDelta(text="Hello")
        await anyio.sleep(0.3)
        if not fails:
            yield Finished()

    await own.change(grok={"sse_keepalive_sec": 0.1, "unary_keepalive": True})
    own.fake.add(late)
    async with own.serve() as client:
        reply = await client.post(PATH, json=HELLO)

    assert reply.text.startswith(" ")
    assert reply.json()["type"] == ("error" if fails else "message")
    assert own.pool.open_leases == 0


async def test_client_that_leaves_frees_the_account(own: RunningGateway) -> None:
    async def endless(_request: Any) -> AsyncGenerator[Event, None]:
        while True:
            yield TextDelta(text="I ")
            await anyio.sleep(0.01)

    own.fake.add(endless)
    async with own.serve() as client:
        async with client.stream("POST", PATH, json={**HELLO, "stream": True}) as reply:
            await anext(reply.aiter_lines())

        with anyio.fail_after(2):
            while own.pool.open_leases:  # noqa: ASYNC110 - the pool tells nobody
                await anyio.sleep(0.01)
    assert own.records[-1].outcome == "cancelled"


@pytest.mark.parametrize("kind", [Kind.TOO_LONG, Kind.MODERATION])
async def test_refusal_before_output_is_an_error(running: RunningGateway, kind: Kind) -> None:
    reply = await post(running, kind, kind, kind, stream=True)

    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_batches_and_completions_are_not_there(running: RunningGateway) -> None:
    for path in (f"{PATH}/batches", "/v1/complete"):
        reply = await running.client.post(path, json={})

        assert (reply.status_code, reply.json()["error"]["type"]) == (404, "not_found_error")


async def test_document_describes_requests_answers_and_events(running: RunningGateway) -> None:
    document = api_document(running.gateway)
    operation = document["paths"][PATH]["post"]
    content = operation["responses"]["200"]["content"]
    schemas = document["components"]["schemas"]

    assert {"MessagesRequest", "CountRequest", "MessageReply", "MessageCount"} <= set(schemas)
    assert "max_tokens" in schemas["MessagesRequest"]["required"]
    assert list(content) == ["application/json", "text/event-stream"]
    assert len(content["text/event-stream"]["schema"]["anyOf"]) == 7
