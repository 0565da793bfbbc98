"""The OpenAI Agents SDK with its three models, against a real server process."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import pytest
from agents import (
    Agent,
    Model,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    OpenAIResponsesWSModel,
    RunConfig,
    Runner,
    WebSearchTool,
    function_tool,
)
from agents.models.openai_responses import ResponsesWebSocketError
from openai import APIError, AsyncOpenAI, NotFoundError
from openai.types.shared import Reasoning

from clients.asking import ECHO, MODEL, PORTO, RESULT, SEARCH, THINKER, TOOLS, City

pytestmark = pytest.mark.anyio

Build: TypeAlias = Callable[[str], Model]
QUIET = RunConfig(tracing_disabled=True)
CHAT = pytest.param(OpenAIChatCompletionsModel, id="chat")
RESPONSES = pytest.param(OpenAIResponsesModel, id="responses")
SOCKET = pytest.param(OpenAIResponsesWSModel, id="websocket")

every_model = pytest.mark.parametrize("build", [CHAT, RESPONSES, SOCKET], indirect=True)
item_models = pytest.mark.parametrize("build", [RESPONSES, SOCKET], indirect=True)
http_models = pytest.mark.parametrize("build", [CHAT, RESPONSES], indirect=True)


@pytest.fixture
async def build(
    request: pytest.FixtureRequest, base: str, key: str
) -> AsyncIterator[Callable[[str], Model]]:
    """Makes models of the kind a test is run with, and closes them."""
    async with (
        AsyncOpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0) as client,
        AsyncExitStack() as stack,
    ):

        def built(name: str) -> Model:
            model: Model = request.param(name, client)
            stack.push_async_callback(model.close)
            return model

        yield built


@function_tool
def lookup_city(city: str) -> str:
    """Tell how the weather of a city is."""
    return f"{city}: {RESULT}"


@every_model
async def test_agent_answers(build: Build) -> None:
    agent = Agent(name="Guide", instructions="Be brief.", model=build(MODEL))
    result = await Runner.run(agent, f"Say hello to Lisbon{ECHO}", run_config=QUIET)

    assert "hello to Lisbon" in result.final_output
    assert result.context_wrapper.usage.output_tokens > 0


@every_model
async def test_agent_runs_its_tool(build: Build) -> None:
    agent = Agent(name="Guide", tools=[lookup_city], model=build(MODEL))
    result = await Runner.run(agent, TOOLS, run_config=QUIET)

    assert [item.type for item in result.new_items if item.type.startswith("tool")] == [
        "tool_call_item",
        "tool_call_output_item",
    ]
    assert "Lisbon: It is sunny." in result.final_output


@every_model
async def test_streamed_agent_runs_its_tool(build: Build) -> None:
    agent = Agent(name="Guide", tools=[lookup_city], model=build(MODEL))
    result = Runner.run_streamed(agent, TOOLS, run_config=QUIET)
    kinds = [event.type async for event in result.stream_events()]

    assert {"raw_response_event", "run_item_stream_event"} <= set(kinds)
    assert "sunny" in result.final_output


@every_model
async def test_agent_hands_over(build: Build) -> None:
    second = Agent(name="Second", model=build(MODEL))
    first = Agent(name="First", handoffs=[second], model=build(MODEL))
    result = await Runner.run(first, f"{TOOLS} name=transfer_to_second args=e30", run_config=QUIET)

    assert result.last_agent.name == "Second"


@every_model
async def test_agent_with_an_output_type(build: Build) -> None:
    agent = Agent(name="Guide", output_type=City, model=build(MODEL))
    result = await Runner.run(agent, PORTO, run_config=QUIET)

    assert result.final_output == City(city="Porto")


@every_model
async def test_conversation_goes_on_from_its_items(build: Build) -> None:
    agent = Agent(name="Guide", tools=[lookup_city], model=build(MODEL))
    first = await Runner.run(agent, TOOLS, run_config=QUIET)
    history: Any = [*first.to_input_list(), {"role": "user", "content": f"And now?{ECHO}"}]
    second = await Runner.run(agent, history, run_config=QUIET)

    assert "And now?" in second.final_output


@item_models
async def test_conversation_goes_on_from_its_id(build: Build) -> None:
    agent = Agent(name="Guide", model=build(MODEL))
    first = await Runner.run(agent, f"Begin{ECHO}", run_config=QUIET)
    second = await Runner.run(
        agent, f"Go on{ECHO}", previous_response_id=first.last_response_id, run_config=QUIET
    )

    assert "Go on" in second.final_output
    assert second.last_response_id != first.last_response_id


@item_models
async def test_reasoning_is_an_item(build: Build) -> None:
    shown = ModelSettings(reasoning=Reasoning(effort="high", summary="auto"))
    agent = Agent(name="Guide", model=build(THINKER), model_settings=shown)
    result = await Runner.run(agent, "Think about kites", run_config=QUIET)

    assert [item.type for item in result.new_items] == ["reasoning_item", "message_output_item"]


@item_models
async def test_hosted_search(build: Build) -> None:
    agent = Agent(name="Guide", tools=[WebSearchTool()], model=build(MODEL))
    result = await Runner.run(agent, SEARCH, run_config=QUIET)

    kinds = [item.type for item in result.new_items]
    assert kinds[-2:] == ["tool_call_item", "message_output_item"]


@http_models
async def test_unknown_model_is_not_found(build: Build) -> None:
    agent = Agent(name="Guide", model=build("grok-99"))

    with pytest.raises(NotFoundError):
        await Runner.run(agent, "hi", run_config=QUIET)


@every_model
async def test_a_broken_stream_raises(build: Build) -> None:
    agent = Agent(name="Guide", model=build(MODEL))
    prompt = "Break\n@sim scenario=long tokens=60 fault=cut lines=20"
    result = Runner.run_streamed(agent, prompt, run_config=QUIET)

    with pytest.raises((APIError, ResponsesWebSocketError)):
        _ = [event async for event in result.stream_events()]
