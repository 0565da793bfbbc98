"""Messages by the Anthropic Python SDK, in strict validation, from a real server process."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

from clients.asking import CITY, ECHO, MODEL, PORTO, RESULT, SEARCH, THINKER, TOOLS, user

LOOK: Any = {"name": "lookup_city", "description": "Where it is.", "input_schema": CITY}


@pytest.fixture(scope="module")
def messages(base: str, key: str) -> Iterator[Anthropic]:
    with Anthropic(
        base_url=base, api_key=key, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


def blocks(message: Any, kind: str) -> list[Any]:
    """Return the content blocks of one type."""
    return [block for block in message.content if block.type == kind]


def test_answer_is_complete(messages: Anthropic) -> None:
    answer = messages.messages.create(
        model=MODEL, max_tokens=500, messages=user("Say hello to Lisbon")
    )

    (text,) = blocks(answer, "text")
    assert "hello to Lisbon" in text.text
    assert (answer.role, answer.stop_reason, answer.stop_sequence) == (
        "assistant",
        "end_turn",
        None,
    )
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert answer._request_id


def test_streamed_text_equals_unary_text(messages: Anthropic) -> None:
    asked: Any = {"model": MODEL, "max_tokens": 500, "messages": user("Say the same twice")}
    unary = messages.messages.create(**asked)
    with messages.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert text == blocks(unary, "text")[0].text
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == unary.usage.output_tokens


def test_stream_is_whole(messages: Anthropic) -> None:
    stream = messages.messages.create(
        model=MODEL, max_tokens=500, messages=user("Say it in order"), stream=True
    )

    kinds = [event.type for event in stream]
    blocked = [kind for kind in kinds if kind != "content_block_delta"]
    assert blocked == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_thinking_comes_first(messages: Anthropic) -> None:
    answer = messages.messages.create(
        model=THINKER,
        max_tokens=2000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=user("Think about kites"),
    )

    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking  # type: ignore[union-attr]
    assert answer.content[0].signature  # type: ignore[union-attr]


def test_streamed_thinking(messages: Anthropic) -> None:
    with messages.messages.stream(
        model=THINKER,
        max_tokens=2000,
        thinking={"type": "adaptive"},
        messages=user("Think about kites"),
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()

    assert {"thinking", "signature", "text"} <= set(kinds)
    assert blocks(final, "thinking")[0].signature


def test_thinking_is_not_shown_unasked(messages: Anthropic) -> None:
    answer = messages.messages.create(
        model=THINKER,
        max_tokens=2000,
        thinking={"type": "disabled"},
        messages=user("Think about kites"),
    )

    assert [block.type for block in answer.content] == ["text"]


def test_thinking_comes_back_as_input(messages: Anthropic) -> None:
    asked: Any = {
        "model": THINKER,
        "max_tokens": 2000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    first = messages.messages.create(messages=user("Think about kites"), **asked)
    history: Any = [
        *user("Think about kites"),
        {"role": "assistant", "content": first.content},
        *user("And now?"),
    ]
    second = messages.messages.create(messages=history, **asked)

    assert "And now?" in blocks(second, "text")[0].text


def test_tool_use_makes_the_round(messages: Anthropic) -> None:
    asked: Any = {"model": MODEL, "max_tokens": 500, "tools": [LOOK]}
    history: Any = user(TOOLS)
    first = messages.messages.create(messages=history, **asked)
    (use,) = blocks(first, "tool_use")
    result = {"type": "tool_result", "tool_use_id": use.id, "content": RESULT}
    history += [{"role": "assistant", "content": first.content}, *user([result])]
    second = messages.messages.create(messages=history, **asked)

    assert (use.name, use.input, first.stop_reason) == (
        "lookup_city",
        {"city": "Lisbon"},
        "tool_use",
    )
    assert use.id.startswith("toolu_")
    assert "sunny" in blocks(second, "text")[0].text


def test_streamed_parallel_tool_use(messages: Anthropic) -> None:
    with messages.messages.stream(
        model=MODEL, max_tokens=500, messages=user(f"{TOOLS} calls=2"), tools=[LOOK]
    ) as stream:
        final = stream.get_final_message()

    uses = blocks(final, "tool_use")
    assert [use.input for use in uses] == [{"city": "Lisbon"}] * 2
    assert len({use.id for use in uses}) == 2
    assert blocks(final, "text")[0].text == "I look that up."


def test_only_one_tool_use_if_asked_so(messages: Anthropic) -> None:
    answer = messages.messages.create(
        model=MODEL,
        max_tokens=500,
        messages=user(f"{TOOLS} calls=3"),
        tools=[LOOK],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
    )

    assert len(blocks(answer, "tool_use")) == 1


def test_a_named_tool_that_does_not_come_is_an_error(messages: Anthropic) -> None:
    with pytest.raises(anthropic.InternalServerError):
        messages.messages.create(
            model=MODEL,
            max_tokens=500,
            messages=user("Just talk"),
            tools=[LOOK],
            tool_choice={"type": "tool", "name": "lookup_city"},
        )


def test_structured_output(messages: Anthropic) -> None:
    answer = messages.messages.create(
        model=MODEL,
        max_tokens=500,
        messages=user(PORTO),
        output_config={"format": {"type": "json_schema", "schema": CITY}},
    )

    assert blocks(answer, "text")[0].text == '{"city": "Porto"}'


def test_stop_sequence_and_length(messages: Anthropic) -> None:
    prompt = user("Tell me\n@sim scenario=long tokens=200")
    stopped = messages.messages.create(
        model=MODEL, max_tokens=500, messages=prompt, stop_sequences=["wire"]
    )
    cut = messages.messages.create(model=MODEL, max_tokens=10, messages=prompt)

    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "wire")
    assert blocks(stopped, "text")[0].text.strip() == "Tokens flow down the"
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 10)


def test_an_image_goes_with_the_question(messages: Anthropic) -> None:
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
        "gg=="
    )
    source = {"type": "base64", "media_type": "image/png", "data": pixel}
    answer = messages.messages.create(
        model=MODEL,
        max_tokens=500,
        messages=user(
            [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
        ),
    )

    assert "image/png" in blocks(answer, "text")[0].text


def test_web_search_is_allowed(messages: Anthropic) -> None:
    answer = messages.messages.create(
        model=MODEL,
        max_tokens=500,
        messages=user(SEARCH),
        tools=[{"type": "web_search_20250305", "name": "web_search"}],
    )

    assert "Source 1 says so" in blocks(answer, "text")[0].text


def test_system_text_and_unknown_claude_model(messages: Anthropic) -> None:
    answer = messages.messages.create(
        model="claude-sonnet-5",
        max_tokens=500,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=user("Say hello"),
        metadata={"user_id": "u"},
    )

    assert answer.model == "claude-sonnet-5"
    assert "Say hello" in blocks(answer, "text")[0].text


def test_tokens_are_counted(messages: Anthropic) -> None:
    short = messages.messages.count_tokens(model=MODEL, messages=user("Short"))
    long = messages.messages.count_tokens(model=MODEL, messages=user("Long " * 100), tools=[LOOK])

    assert 0 < short.input_tokens < long.input_tokens


@pytest.mark.anyio
async def test_async_client_streams(base: str, key: str) -> None:
    async with (
        AsyncAnthropic(base_url=base, auth_token=key, api_key=None) as client,
        client.messages.stream(
            model=MODEL, max_tokens=500, messages=user(f"Say hello{ECHO}")
        ) as stream,
    ):
        final = await stream.get_final_message()

    assert "Say hello" in final.content[0].text  # type: ignore[union-attr]


def test_a_broken_stream_raises(messages: Anthropic) -> None:
    stream = messages.messages.create(
        model=MODEL,
        max_tokens=500,
        messages=user("Break\n@sim scenario=long tokens=60 fault=cut lines=20"),
        stream=True,
    )

    kinds = []
    with pytest.raises(anthropic.APIStatusError):
        kinds += [event.type for event in stream]
    assert "message_stop" not in kinds


def create(client: Anthropic, **asked: Any) -> Any:
    return client.messages.create(
        **{"model": MODEL, "max_tokens": 50, "messages": user("hi"), **asked}
    )


def test_wrong_key_is_an_authentication_error(messages: Anthropic) -> None:
    with pytest.raises(anthropic.AuthenticationError) as caught:
        create(messages.with_options(api_key="sk-wrong"))

    assert caught.value.type == "authentication_error"


def test_unknown_model_is_a_not_found_error(messages: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        create(messages, model="grok-99")

    assert caught.value.type == "not_found_error"
    assert caught.value.request_id


@pytest.mark.parametrize(
    "asked",
    [
        {"max_tokens": 0},
        {"messages": []},
        {"messages": user([{"type": "tool_result", "tool_use_id": "toolu_x", "content": "?"}])},
        {"tools": [LOOK], "tool_choice": {"type": "tool", "name": "other"}},
    ],
    ids=["no length", "no message", "result without use", "undeclared choice"],
)
def test_what_makes_no_sense_is_a_bad_request(messages: Anthropic, asked: Any) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        create(messages, **asked)

    assert caught.value.type == "invalid_request_error"


def test_batches_are_not_found(messages: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        messages.messages.batches.list()


def test_models_are_listed(messages: Anthropic) -> None:
    models = list(messages.models.list())

    assert MODEL in {model.id for model in models}
    assert all(model.type == "model" for model in models)
