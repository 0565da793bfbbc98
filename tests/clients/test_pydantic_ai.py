"""Pydantic AI with its three models for these APIs, against a real server process."""

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest
from openai import AsyncOpenAI
from pydantic_ai import (
    Agent,
    AgentRunResultEvent,
    ModelHTTPError,
    NativeOutput,
    PromptedOutput,
    ThinkingPart,
)
from pydantic_ai.models.openai import (
    OpenAIChatModel,
    OpenAIResponsesModel,
    OpenAIResponsesModelSettings,
)
from pydantic_ai.providers.openai import OpenAIProvider

from clients.asking import ECHO, MODEL, PORTO, RESULT, THINKER, TOOLS, City

pytestmark = pytest.mark.anyio

Build: TypeAlias = Callable[..., Any]
every_model = pytest.mark.parametrize(
    "build", [OpenAIChatModel, OpenAIResponsesModel], ids=["chat", "responses"]
)


@pytest.fixture
async def provider(base: str, key: str) -> AsyncIterator[OpenAIProvider]:
    async with AsyncOpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0) as client:
        yield OpenAIProvider(openai_client=client)


def lookup_city(city: str) -> str:
    """Tell how the weather of a city is."""
    return f"{city}: {RESULT}"


@every_model
async def test_agent_answers(provider: OpenAIProvider, build: Build) -> None:
    agent = Agent(build(MODEL, provider=provider), instructions="Be brief.")
    result = await agent.run(f"Say hello to Lisbon{ECHO}")

    assert "hello to Lisbon" in result.output
    assert result.usage.output_tokens > 0


@every_model
async def test_streamed_answer(provider: OpenAIProvider, build: Build) -> None:
    agent = Agent(build(MODEL, provider=provider))
    async with agent.run_stream(f"Say hello to Porto{ECHO}") as stream:
        texts = [text async for text in stream.stream_text(debounce_by=None)]

    assert "hello to Porto" in texts[-1]
    assert len(texts) > 1


@every_model
async def test_agent_runs_its_tool(provider: OpenAIProvider, build: Build) -> None:
    agent = Agent(build(MODEL, provider=provider), tools=[lookup_city])
    result = await agent.run(TOOLS)

    assert "Lisbon: It is sunny." in result.output


@every_model
async def test_streamed_agent_runs_its_tools(provider: OpenAIProvider, build: Build) -> None:
    agent = Agent(build(MODEL, provider=provider), tools=[lookup_city])
    async with agent.run_stream_events(f"{TOOLS} calls=2") as stream:
        events = [event async for event in stream]

    results = [event for event in events if event.event_kind == "function_tool_result"]
    assert len(results) == 2
    assert isinstance(events[-1], AgentRunResultEvent)
    assert "sunny" in events[-1].result.output


@every_model
async def test_output_by_a_call(provider: OpenAIProvider, build: Build) -> None:
    agent = Agent(build(MODEL, provider=provider), output_type=City)
    result = await agent.run(f"{TOOLS} name=final_result")

    assert result.output == City(city="Lisbon")


@every_model
@pytest.mark.parametrize("form", [NativeOutput, PromptedOutput])
async def test_output_by_schema(provider: OpenAIProvider, build: Build, form: Any) -> None:
    agent = Agent(build(MODEL, provider=provider), output_type=form(City))
    result = await agent.run(PORTO)

    assert result.output == City(city="Porto")


@every_model
async def test_conversation_goes_on(provider: OpenAIProvider, build: Build) -> None:
    agent = Agent(build(MODEL, provider=provider), tools=[lookup_city])
    first = await agent.run(TOOLS)
    second = await agent.run(f"And now?{ECHO}", message_history=first.all_messages())

    assert "And now?" in second.output


async def test_conversation_goes_on_from_its_id(provider: OpenAIProvider) -> None:
    chained = OpenAIResponsesModelSettings(openai_previous_response_id="auto")
    agent = Agent(OpenAIResponsesModel(MODEL, provider=provider), model_settings=chained)
    first = await agent.run(f"Begin{ECHO}")
    second = await agent.run(f"Go on{ECHO}", message_history=first.all_messages())

    assert "Go on" in second.output


async def test_reasoning_is_a_part(provider: OpenAIProvider) -> None:
    shown = OpenAIResponsesModelSettings(
        openai_reasoning_effort="high", openai_reasoning_summary="auto"
    )
    agent = Agent(OpenAIResponsesModel(THINKER, provider=provider), model_settings=shown)
    result = await agent.run("Think about kites")

    assert any(isinstance(part, ThinkingPart) and part.content for part in result.response.parts)


@every_model
async def test_unknown_model_is_an_http_error(provider: OpenAIProvider, build: Build) -> None:
    agent = Agent(build("grok-99", provider=provider))

    with pytest.raises(ModelHTTPError) as caught:
        await agent.run("hi")
    assert caught.value.status_code == 404
