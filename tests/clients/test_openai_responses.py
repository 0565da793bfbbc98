"""Responses by the OpenAI Python SDK, in strict validation, from a real server process."""

from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from clients.asking import (
    CITY,
    ECHO,
    MODEL,
    PORTO,
    RESULT,
    SEARCH,
    THINKER,
    TOOLS,
    City,
    base64url,
)

LOOK: Any = {"type": "function", "name": "lookup_city", "parameters": CITY, "strict": True}
NOTE: Any = {"type": "custom", "name": "run_note"}


def items(response: Any, kind: str) -> list[Any]:
    """Return the output items of one type."""
    return [item for item in response.output if item.type == kind]


def test_answer_is_complete(client: OpenAI) -> None:
    answer = client.responses.create(model=MODEL, input="Say hello to Lisbon")

    assert "hello to Lisbon" in answer.output_text
    assert (answer.status, answer.error, answer.incomplete_details) == ("completed", None, None)
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer._request_id


def test_what_was_asked_is_echoed(client: OpenAI) -> None:
    answer = client.responses.create(
        model=MODEL,
        input="Echo my settings",
        instructions="Be brief.",
        metadata={"topic": "echo"},
        temperature=0.5,
        max_output_tokens=500,
        tools=[LOOK],
        tool_choice="auto",
        parallel_tool_calls=False,
        prompt_cache_key="k",
        safety_identifier="s",
    )

    assert (answer.instructions, answer.metadata) == ("Be brief.", {"topic": "echo"})
    assert (answer.temperature, answer.max_output_tokens) == (0.5, 500)
    assert (answer.tools[0].type, answer.parallel_tool_calls) == ("function", False)
    assert (answer.prompt_cache_key, answer.safety_identifier) == ("k", "s")


def test_streamed_text_equals_unary_text(client: OpenAI) -> None:
    unary = client.responses.create(model=MODEL, input="Say the same twice")
    events = list(client.responses.create(model=MODEL, input="Say the same twice", stream=True))

    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1]
    assert last.type == "response.completed"
    assert text == last.response.output_text == unary.output_text
    assert last.response.usage == unary.usage


def test_reasoning_is_a_summary_before_the_message(client: OpenAI) -> None:
    with client.responses.stream(model=THINKER, input="Think about kites") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()

    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert items(final, "reasoning")[0].summary[0].text
    assert kinds.index("response.reasoning_summary_text.delta") < kinds.index(
        "response.output_text.delta"
    )
    assert final.usage
    assert final.usage.output_tokens_details.reasoning_tokens > 0


def test_sealed_reasoning_comes_back_as_input(client: OpenAI) -> None:
    first = client.responses.create(
        model=THINKER,
        input="Think about kites",
        store=False,
        include=["reasoning.encrypted_content"],
    )
    kept: Any = [item.model_dump(exclude_none=True) for item in first.output]
    second = client.responses.create(
        model=THINKER, input=[*kept, {"role": "user", "content": "And now?"}], store=False
    )

    assert items(first, "reasoning")[0].encrypted_content
    assert "And now?" in second.output_text


def test_function_call_makes_the_round(client: OpenAI) -> None:
    messages: Any = [{"role": "user", "content": TOOLS}]
    first = client.responses.create(model=MODEL, input=messages, tools=[LOOK])
    (call,) = items(first, "function_call")
    messages += first.output
    messages += [{"type": "function_call_output", "call_id": call.call_id, "output": RESULT}]
    second = client.responses.create(model=MODEL, input=messages, tools=[LOOK])

    assert (call.name, call.arguments) == ("lookup_city", '{"city":"Lisbon"}')
    assert call.call_id.startswith("call_")
    assert "sunny" in second.output_text


def test_streamed_parallel_calls(client: OpenAI) -> None:
    with client.responses.stream(model=MODEL, input=f"{TOOLS} calls=3", tools=[LOOK]) as stream:
        done = [e for e in stream if e.type == "response.function_call_arguments.done"]
        final = stream.get_final_response()

    calls = items(final, "function_call")
    assert [event.arguments for event in done] == ['{"city":"Lisbon"}'] * 3
    assert len({call.call_id for call in calls}) == 3
    assert final.output_text == "I look that up."


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "lookup_city"}])
def test_a_required_call_that_does_not_come_is_an_error(client: OpenAI, choice: Any) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.responses.create(model=MODEL, input="Just talk", tools=[LOOK], tool_choice=choice)

    assert caught.value.code == "empty_response"


def test_custom_tool(client: OpenAI) -> None:
    answer = client.responses.create(
        model=MODEL,
        input=f"{TOOLS} name=run_note args={base64url('free <text>')}",
        tools=[NOTE],
    )

    (call,) = items(answer, "custom_tool_call")
    assert (call.name, call.input) == ("run_note", "free <text>")


def test_custom_tool_result_is_answered(client: OpenAI) -> None:
    first = client.responses.create(
        model=MODEL, input=f"{TOOLS} name=run_note args={base64url('x')}", tools=[NOTE]
    )
    (call,) = items(first, "custom_tool_call")
    result: Any = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": RESULT}
    second = client.responses.create(
        model=MODEL, previous_response_id=first.id, input=[result], tools=[NOTE]
    )

    assert "sunny" in second.output_text


def test_tool_in_a_namespace(client: OpenAI) -> None:
    answer = client.responses.create(
        model=MODEL,
        input=TOOLS,
        tools=[{"type": "namespace", "name": "places", "description": "Maps", "tools": [LOOK]}],
    )

    (call,) = items(answer, "function_call")
    assert (call.name, call.namespace) == ("lookup_city", "places")


def test_web_search_is_an_item_and_citations(client: OpenAI) -> None:
    answer = client.responses.create(
        model=MODEL,
        input=SEARCH,
        tools=[{"type": "web_search"}],
        include=["web_search_call.action.sources"],
    )

    (search,) = items(answer, "web_search_call")
    text = items(answer, "message")[0].content[0]
    assert search.action.sources
    assert [note.type for note in text.annotations] == ["url_citation"] * 2
    assert all(
        0 <= note.start_index <= note.end_index <= len(text.text) for note in text.annotations
    )


def test_streamed_search(client: OpenAI) -> None:
    events = client.responses.create(
        model=MODEL, input=SEARCH, tools=[{"type": "web_search"}], stream=True
    )

    kinds = [event.type for event in events]
    assert "response.web_search_call.completed" in kinds
    assert kinds.count("response.output_text.annotation.added") == 2


def test_parse_reads_structured_output(client: OpenAI) -> None:
    answer = client.responses.parse(model=MODEL, input=PORTO, text_format=City)

    assert answer.output_parsed == City(city="Porto")


def test_streamed_structured_output(client: OpenAI) -> None:
    with client.responses.stream(model=MODEL, input=PORTO, text_format=City) as stream:
        final = stream.get_final_response()

    assert final.output_parsed == City(city="Porto")


def test_parse_reads_tool_arguments(client: OpenAI) -> None:
    look: Any = openai.pydantic_function_tool(City, name="lookup_city")
    flat: Any = {"type": "function", **look["function"]}
    answer = client.responses.parse(model=MODEL, input=TOOLS, tools=[flat])

    (call,) = items(answer, "function_call")
    assert call.arguments == '{"city":"Lisbon"}'


def test_structured_output_that_does_not_come_is_an_error(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.responses.parse(
            model=MODEL, input="No\n@sim scenario=long tokens=5", text_format=City
        )

    assert caught.value.code == "structured_output_failed"


def test_length_limit_ends_incomplete(client: OpenAI) -> None:
    answer = client.responses.create(
        model=MODEL, input="Tell me\n@sim scenario=long tokens=200", max_output_tokens=16
    )

    assert answer.status == "incomplete"
    assert answer.incomplete_details
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage
    assert answer.usage.output_tokens <= 16


def test_an_image_goes_with_the_question(client: OpenAI) -> None:
    pixel = (
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
        "hgGAWjR9awAAAABJRU5ErkJggg=="
    )
    answer = client.responses.create(
        model=MODEL,
        input=[
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {"type": "input_image", "image_url": pixel, "detail": "auto"},
                ],
            }
        ],
    )

    assert "image/png" in answer.output_text


def test_a_broken_stream_raises(client: OpenAI) -> None:
    stream = client.responses.create(
        model=MODEL,
        input="Break\n@sim scenario=long tokens=60 fault=cut lines=20",
        stream=True,
    )

    kinds = []
    with pytest.raises(openai.APIError):
        kinds += [event.type for event in stream]
    assert "response.completed" not in kinds


@pytest.mark.anyio
async def test_async_client_streams(base: str, key: str) -> None:
    async with (
        AsyncOpenAI(base_url=f"{base}/v1", api_key=key, _strict_response_validation=True) as client,
        client.responses.stream(model=MODEL, input=f"Say hello{ECHO}") as stream,
    ):
        final = await stream.get_final_response()

    assert "Say hello" in final.output_text
