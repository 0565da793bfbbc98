"""LangChain's OpenAI chat model over both APIs, against a real server process."""

from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from clients.asking import ECHO, MODEL, PORTO, RESULT, SEARCH, THINKER, TOOLS, City


@pytest.fixture(params=[False, True], ids=["chat", "responses"])
def over_responses(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def settings(base: str, key: str, *, over_responses: bool) -> dict[str, Any]:
    return {
        "model": MODEL,
        "base_url": f"{base}/v1",
        "api_key": SecretStr(key),
        "max_retries": 0,
        "use_responses_api": over_responses,
    }


@pytest.fixture
def model(settings: dict[str, Any]) -> ChatOpenAI:
    return ChatOpenAI(**settings)


@tool
def lookup_city(city: str) -> str:
    """Tell how the weather of a city is."""
    return f"{city}: {RESULT}"


def test_answer(model: ChatOpenAI) -> None:
    answer = model.invoke(f"Say hello to Lisbon{ECHO}")

    assert "hello to Lisbon" in answer.text
    assert answer.usage_metadata
    assert answer.usage_metadata["output_tokens"] > 0


def test_streamed_text_equals_unary_text(model: ChatOpenAI) -> None:
    unary = model.invoke("Say the same twice")
    chunks = list(model.stream("Say the same twice"))

    assert "".join(chunk.text for chunk in chunks) == unary.text


@pytest.mark.anyio
@pytest.mark.parametrize("over_responses", [False], ids=["both"], indirect=True)
async def test_async_stream(settings: dict[str, Any]) -> None:
    # Both in one test: LangChain keeps its connections, which belong to the event loop of a test.
    for over_responses in (False, True):
        model = ChatOpenAI(**{**settings, "use_responses_api": over_responses})
        chunks = [chunk async for chunk in model.astream(f"Say hello{ECHO}")]

        assert "Say hello" in "".join(chunk.text for chunk in chunks)


def test_tool_call_makes_the_round(model: ChatOpenAI) -> None:
    bound = model.bind_tools([lookup_city])
    messages: list[Any] = [HumanMessage(TOOLS)]
    messages.append(bound.invoke(messages))
    (call,) = messages[-1].tool_calls
    messages.append(ToolMessage(lookup_city.invoke(call["args"]), tool_call_id=call["id"]))

    assert (call["name"], call["args"]) == ("lookup_city", {"city": "Lisbon"})
    assert "Lisbon: It is sunny." in bound.invoke(messages).text


def test_streamed_parallel_calls(model: ChatOpenAI) -> None:
    whole: AIMessageChunk | None = None
    for chunk in model.bind_tools([lookup_city]).stream(f"{TOOLS} calls=2"):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk

    assert whole
    assert [call["args"] for call in whole.tool_calls] == [{"city": "Lisbon"}] * 2


def test_structured_output_by_schema(model: ChatOpenAI) -> None:
    place = model.with_structured_output(City, method="json_schema").invoke(PORTO)

    assert place == City(city="Porto")


def test_structured_output_by_a_call(model: ChatOpenAI) -> None:
    asked = model.with_structured_output(City, method="function_calling")

    assert asked.invoke(f"{TOOLS} name=City") == City(city="Lisbon")


def test_conversation_goes_on(model: ChatOpenAI) -> None:
    first = model.invoke(f"Begin{ECHO}")
    answer = model.invoke([HumanMessage("Begin"), first, HumanMessage(f"Go on{ECHO}")])

    assert "Go on" in answer.text


@pytest.mark.parametrize("over_responses", [True], ids=["responses"], indirect=True)
def test_conversation_goes_on_from_its_id(settings: dict[str, Any]) -> None:
    model = ChatOpenAI(**settings, use_previous_response_id=True)
    first = model.invoke([HumanMessage(f"Begin{ECHO}")])
    answer = model.invoke([HumanMessage("Begin"), first, HumanMessage(f"Go on{ECHO}")])

    assert "Go on" in answer.text


@pytest.mark.parametrize("over_responses", [True], ids=["responses"], indirect=True)
def test_reasoning_is_a_block(settings: dict[str, Any]) -> None:
    asked = {**settings, "model": THINKER, "reasoning": {"effort": "high", "summary": "auto"}}
    answer = ChatOpenAI(**asked).invoke("Think about kites")

    kinds = [block["type"] for block in answer.content_blocks]
    assert (kinds[0], kinds[-1]) == ("reasoning", "text")


@pytest.mark.parametrize("over_responses", [True], ids=["responses"], indirect=True)
def test_hosted_search_cites(model: ChatOpenAI) -> None:
    answer = model.bind_tools([{"type": "web_search"}]).invoke(SEARCH)

    text = next(block for block in answer.content_blocks if block["type"] == "text")
    assert {note["type"] for note in text["annotations"]} == {"citation"}
