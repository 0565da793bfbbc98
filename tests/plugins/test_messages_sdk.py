"""The Anthropic Python SDK, in strict validation, on a served gateway with a scripted upstream."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator
from types import ModuleType
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from pydantic import BaseModel

import grokgate_messages
import grokgate_models
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Conversation, Event, Kind, TextDelta, ThinkingDelta

pytestmark = pytest.mark.anyio

PLUGINS: tuple[ModuleType, ...] = (grokgate_messages, grokgate_models)
ON = {"downstream.enable_messages": True}
LOOK: Any = {
    "name": "look",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
BLOCK = '<tool_calls>\n<tool_call name="look">{"city":"Lisbon"}</tool_call>\n</tool_calls>'
PNG = "iVBORw0KGgo="
HI: Any = {
    "model": "claude-sonnet-5",
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "Hi"}],
}


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with running_gateway(*PLUGINS, upstream=FakeUpstream(), settings=ON) as gateway:
        yield gateway


@pytest.fixture
async def client(running: RunningGateway) -> AsyncIterator[AsyncAnthropic]:
    async with (
        running.serve() as http,
        AsyncAnthropic(
            base_url=str(http.base_url),
            api_key=running.key,
            max_retries=0,
            _strict_response_validation=True,
        ) as client,
    ):
        yield client


def says(*texts: str) -> list[Event]:
    return [TextDelta(text=text) for text in texts]


async def test_whole_message(running: RunningGateway, client: AsyncAnthropic) -> None:
    running.fake.add(says("Hel", "lo"))

    message = await client.messages.create(**HI)

    assert message.content[0].type == "text"
    assert message.content[0].text == "Hello"
    assert (message.stop_reason, message.model) == ("end_turn", "claude-sonnet-5")
    assert message._request_id


async def test_streamed_message(running: RunningGateway, client: AsyncAnthropic) -> None:
    running.fake.add([ThinkingDelta(text="Hm"), *says("Hel", "lo")])

    async with client.messages.stream(**HI, thinking={"type": "adaptive"}) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        message = await stream.get_final_message()

    assert text == "Hello"
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.usage.output_tokens > 1


async def test_raw_events(running: RunningGateway, client: AsyncAnthropic) -> None:
    running.fake.add(says("Hello"))

    events = [event.type async for event in await client.messages.create(**HI, stream=True)]

    assert events == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


async def test_tool_round_trip(running: RunningGateway, client: AsyncAnthropic) -> None:
    running.fake.add([ThinkingDelta(text="Hm"), *says("I look.\n", BLOCK)], says("Sunny."))
    asked: Any = {**HI, "tools": [LOOK], "thinking": {"type": "enabled", "budget_tokens": 1024}}

    async with client.messages.stream(**asked) as stream:
        first = await stream.get_final_message()
    call = first.content[-1]
    assert call.type == "tool_use"
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "18 °C", "is_error": False}
    asked["messages"] = [
        *HI["messages"],
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = await client.messages.create(**asked)

    assert (first.stop_reason, call.input) == ("tool_use", {"city": "Lisbon"})
    assert second.stop_reason == "end_turn"


async def test_pictures_and_documents(running: RunningGateway, client: AsyncAnthropic) -> None:
    running.fake.add(says("A dot."))
    pdf = base64.b64encode(b"%PDF-1.4").decode()
    content: Any = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": pdf},
            "title": "Report",
        },
        {"type": "text", "text": "What is this?"},
    ]

    await client.messages.create(**{**HI, "messages": [{"role": "user", "content": content}]})

    request = running.fake.asked[0].request
    assert isinstance(request, Conversation)
    kinds = [getattr(part, "kind", "text") for part in request.messages[0].parts]
    assert kinds == ["image", "file", "text"]


class City(BaseModel):
    """Where somebody is."""

    city: str


async def test_parsed_output(running: RunningGateway, client: AsyncAnthropic) -> None:
    running.fake.add(says('{"city": "Porto"}'))

    message = await client.messages.parse(**HI, output_format=City)

    assert message.parsed_output == City(city="Porto")


async def test_stop_sequence(running: RunningGateway, client: AsyncAnthropic) -> None:
    running.fake.add(says("One. Two."))

    message = await client.messages.create(**HI, stop_sequences=["Two"])

    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "Two")


async def test_count_tokens(client: AsyncAnthropic) -> None:
    count = await client.messages.count_tokens(
        model="claude-sonnet-5", messages=HI["messages"], tools=[LOOK], system="Be brief."
    )

    assert count.input_tokens > 10


async def test_beta_messages(running: RunningGateway, client: AsyncAnthropic) -> None:
    running.fake.add(says("Hello"))

    message = await client.beta.messages.create(
        **HI,
        betas=["context-management-2025-06-27"],
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
    )

    assert message.stop_reason == "end_turn"


async def test_models(client: AsyncAnthropic) -> None:
    listed = [model.id async for model in client.models.list()]

    assert "grok-4" in listed
    assert (await client.models.retrieve("grok-4")).display_name == "grok-4"


ERRORS: dict[str, tuple[dict[str, Any], type[anthropic.APIStatusError]]] = {
    "bad value": ({"max_tokens": 0}, anthropic.BadRequestError),
    "unknown model": ({"model": "grok-99"}, anthropic.NotFoundError),
}


@pytest.mark.parametrize(("fields", "kind"), ERRORS.values(), ids=ERRORS)
async def test_refusal(
    client: AsyncAnthropic, fields: dict[str, Any], kind: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(kind) as caught:
        await client.messages.create(**{**HI, **fields})

    assert caught.value.request_id


async def test_wrong_key(client: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        await client.with_options(api_key="sk-wrong").messages.create(**HI)


async def test_failure_in_mid_stream(running: RunningGateway, client: AsyncAnthropic) -> None:
    async def breaks(_request: Any) -> AsyncGenerator[Event, None]:
        yield TextDelta(text="Hel")

    running.fake.add(breaks)
    texts = []

    with pytest.raises(anthropic.APIStatusError):  # noqa: PT012 - the text before the error counts
        async with client.messages.stream(**HI) as stream:
            async for text in stream.text_stream:
                texts.append(text)  # noqa: PERF401 - what came before the error counts
    assert texts == ["Hel"]


async def test_upstream_failure(running: RunningGateway, client: AsyncAnthropic) -> None:
    running.fake.add(Kind.BAD_REQUEST)

    with pytest.raises(anthropic.APIStatusError) as caught:
        await client.messages.create(**HI)

    assert caught.value.status_code == 502
