"""Chat completions by the OpenAI Python SDK, in strict validation, from a real server process."""

import base64
from typing import Any

import openai
import pytest
from openai import OpenAI

from clients.asking import TOOLS, City, base64url, tool, user

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_unary_answer_is_complete(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="grok-4", messages=[{"role": "user", "content": "Say hello to Lisbon"}]
    )

    assert "hello to Lisbon" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_streamed_text_equals_unary_text(client: OpenAI) -> None:
    messages = user("Say the same twice")
    unary: Any = client.chat.completions.create(model="grok-4-fast", messages=messages)
    stream = client.chat.completions.create(
        model="grok-4-fast", messages=messages, stream=True, stream_options={"include_usage": True}
    )

    chunks: Any = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == unary.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == unary.usage.completion_tokens
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_reasoning_arrives_beside_the_answer(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="grok-4-thinking",
        messages=[{"role": "user", "content": "Think about kites"}],
        stream=True,
    )

    deltas = [chunk.choices[0].delta for chunk in stream if chunk.choices]
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert reasoning
    assert "kites" in "".join(delta.content or "" for delta in deltas)


def test_reasoning_can_be_hidden(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="grok-4-thinking",
        messages=[{"role": "user", "content": "Think about kites"}],
        reasoning_effort="none",
    )

    assert not getattr(answer.choices[0].message, "reasoning_content", None)


def test_an_image_is_uploaded_with_the_prompt(client: OpenAI) -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    answer = client.chat.completions.create(
        model="grok-4",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": url}},
                ],
            }
        ],
    )

    assert "image/png" in (answer.choices[0].message.content or "")


LOOK = tool(strict=True)


def only_call(answer: Any) -> Any:
    (call,) = answer.choices[0].message.tool_calls
    return call


@pytest.mark.parametrize("style", ["valid", "nested", "broken repair=1"])
def test_tool_call(client: OpenAI, style: str) -> None:
    answer = client.chat.completions.create(
        model="grok-4", messages=user(f"{TOOLS} style={style}"), tools=[LOOK]
    )

    call = only_call(answer)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.type == "function"
    assert call.id.startswith("call_")
    assert (call.function.name, call.function.arguments) == ("lookup_city", '{"city":"Lisbon"}')


@pytest.mark.parametrize("style", ["fenced", "undeclared", "broken repair=0"])
def test_what_is_no_tool_call_is_text(client: OpenAI, style: str) -> None:
    answer = client.chat.completions.create(
        model="grok-4", messages=user(f"{TOOLS} style={style}"), tools=[LOOK]
    )

    (choice,) = answer.choices
    assert (choice.finish_reason, choice.message.tool_calls) == ("stop", None)
    assert "<tool_calls>" in (choice.message.content or "")


def test_streamed_parallel_calls(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="grok-4", messages=user(f"{TOOLS} calls=3"), tools=[LOOK], stream=True
    )

    choices = [chunk.choices[0] for chunk in stream if chunk.choices]
    calls = [call for choice in choices for call in choice.delta.tool_calls or ()]
    assert "".join(choice.delta.content or "" for choice in choices) == "I look that up."
    assert [call.index for call in calls] == [0, 1, 2]
    assert len({call.id for call in calls}) == 3
    assert {call.function and call.function.arguments for call in calls} == {'{"city":"Lisbon"}'}
    assert choices[-1].finish_reason == "tool_calls"


def test_only_one_call_if_asked_so(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="grok-4", messages=user(f"{TOOLS} calls=3"), tools=[LOOK], parallel_tool_calls=False
    )

    assert len(answer.choices[0].message.tool_calls or ()) == 1


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "lookup_city"}}]
)
def test_a_required_call_that_does_not_come_is_an_error(client: OpenAI, choice: Any) -> None:
    made = client.chat.completions.create(
        model="grok-4", messages=user(TOOLS), tools=[LOOK], tool_choice=choice
    )
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(
            model="grok-4", messages=user("Just talk"), tools=[LOOK], tool_choice=choice
        )

    assert made.choices[0].finish_reason == "tool_calls"
    assert caught.value.code == "empty_response"


def test_custom_tool(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="grok-4",
        messages=user(f"{TOOLS} name=run_note args={base64url('free <text>')}"),
        tools=[{"type": "custom", "custom": {"name": "run_note"}}],
    )

    call = only_call(answer)
    assert call.type == "custom"
    assert (call.custom.name, call.custom.input) == ("run_note", "free <text>")


def test_a_tool_result_is_answered(client: OpenAI) -> None:
    messages: Any = user(TOOLS)
    first = client.chat.completions.create(model="grok-4", messages=messages, tools=[LOOK])
    call = only_call(first)
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "It is sunny."},
        *user("So?\n@sim scenario=echo"),
    ]
    second = client.chat.completions.create(model="grok-4", messages=messages, tools=[LOOK])

    assert second.choices[0].finish_reason == "stop"
    assert "So?" in (second.choices[0].message.content or "")


def test_parse_reads_tool_arguments(client: OpenAI) -> None:
    tool = openai.pydantic_function_tool(City, name="lookup_city")
    answer = client.chat.completions.parse(model="grok-4", messages=user(TOOLS), tools=[tool])

    call = only_call(answer)
    assert call.function.parsed_arguments == City(city="Lisbon")


def test_parse_reads_structured_output(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="grok-4",
        messages=user('It is:\n```json\n{"city": "Porto"}\n```'),
        response_format=City,
    )

    assert answer.choices[0].message.parsed == City(city="Porto")


def test_streamed_structured_output(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="grok-4", messages=user('{"city": "Porto"}'), response_format=City
    ) as stream:
        final = stream.get_final_completion()

    assert final.choices[0].message.parsed == City(city="Porto")


def test_structured_output_that_does_not_come_is_an_error(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.parse(
            model="grok-4", messages=user("No\n@sim scenario=long tokens=5"), response_format=City
        )

    assert caught.value.code == "structured_output_failed"


def test_json_object(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="grok-4",
        messages=user('Sure: {"a": [1, 2]} is it.'),
        response_format={"type": "json_object"},
    )

    assert answer.choices[0].message.content == '{"a": [1, 2]}'


def test_streamed_choices(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="grok-4",
        messages=user("Tell me\n@sim scenario=long tokens=30"),
        n=2,
        stream=True,
        stream_options={"include_usage": True},
    )

    texts, reasons = {0: "", 1: ""}, {}
    for chunk in stream:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason
    assert texts[0] == texts[1] != ""
    assert reasons == {0: "stop", 1: "stop"}
    assert chunk.usage
    assert chunk.usage.completion_tokens > 30


def test_stop_and_length(client: OpenAI) -> None:
    text = user("Tell me\n@sim scenario=long tokens=200")
    stopped = client.chat.completions.create(model="grok-4", messages=text, stop=["wire"])
    cut = client.chat.completions.create(model="grok-4", messages=text, max_tokens=10)

    assert stopped.choices[0].message.content == "Tokens flow down the "
    assert stopped.choices[0].finish_reason == "stop"
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage
    assert cut.usage.completion_tokens == 10


def test_models_are_listed_and_found(client: OpenAI) -> None:
    ids = [model.id for model in client.models.list()]

    assert "grok-4" in ids
    assert client.models.retrieve("grok-4.1-fast").id == "grok-4.1-fast"


def test_wrong_key_is_an_authentication_error(client: OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="sk-wrong").models.list()

    assert caught.value.code == "invalid_api_key"


def test_unknown_model_is_a_not_found_error(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(
            model="grok-99", messages=[{"role": "user", "content": "hi"}]
        )

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_bad_value_is_a_bad_request_error(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="grok-4", messages=[{"role": "user", "content": "hi"}], temperature=9
        )

    assert (caught.value.code, caught.value.param) == (
        "decimal_above_max_value",
        "temperature",
    )


def test_a_route_without_equivalent_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model="grok-4", input="x")

    assert (caught.value.status_code, caught.value.code) == (404, "endpoint_not_supported")


def test_request_id_is_exposed(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="grok-4", messages=[{"role": "user", "content": "hi"}]
    )

    assert answer._request_id
    assert answer._request_id.startswith("req_")
