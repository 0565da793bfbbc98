"""The AI SDK with all its providers for these APIs: one case of ``node/ai_sdk.mjs`` per test."""

import time
from typing import Any

import pytest

from clients.asking import TOOLS
from clients.node_process import Node

CHAT = ["openai chat", "openai compatible", "xai chat"]
RESPONSES = ["openai responses", "xai responses", "open responses"]
OFFERED = {
    "6": [*CHAT, *RESPONSES, "anthropic"],
    "7": [*(name for name in CHAT if name != "xai chat"), *RESPONSES, "anthropic"],
}


def each(*without: str) -> pytest.MarkDecorator:
    """Run a test with every provider of each version."""
    rows = [(sdk, name) for sdk, names in OFFERED.items() for name in names if name not in without]
    return pytest.mark.parametrize(
        ("sdk", "provider"), rows, ids=[f"{name} of {sdk}" for sdk, name in rows]
    )


@each()
def test_answer(node: Node, sdk: str, provider: str) -> None:
    result = node.run("text", sdk, provider)

    assert "hello to Lisbon" in result["text"]
    assert result["finishReason"] == "stop"
    assert result["usage"]["outputTokens"] > 0


@each()
def test_streamed_answer(node: Node, sdk: str, provider: str) -> None:
    result = node.run("stream", sdk, provider)

    assert "hello to Porto" in result["text"]
    assert result["finishReason"] == "stop"


THINKING: dict[str, Any] = {
    "openai": {"reasoningSummary": "auto", "reasoningEffort": "high"},
    "anthropic": {"thinking": {"type": "enabled", "budgetTokens": 1024}},
}


@each("openai chat")  # that provider knows no reasoning text
def test_streamed_reasoning(node: Node, sdk: str, provider: str) -> None:
    result = node.run("reasoning", sdk, provider, THINKING)

    assert "reasoning-delta" in result["kinds"]
    assert "kites" in result["text"]


@each()
def test_tool_makes_the_round(node: Node, sdk: str, provider: str) -> None:
    result = node.run("tools", sdk, provider)

    assert result["inputs"] == [{"city": "Lisbon"}]
    assert "Lisbon is sunny" in result["text"]


@each()
def test_streamed_tools_make_the_round(node: Node, sdk: str, provider: str) -> None:
    result = node.run("toolStream", sdk, provider)

    assert (result["inputs"], result["errors"]) == ([{"city": "Lisbon"}] * 2, [])
    assert "Lisbon is sunny" in result["text"]


def place(provider: str) -> str:
    """Ask for a JSON object; the Anthropic provider wants it as the input of a tool."""
    return f"{TOOLS} name=json" if provider == "anthropic" else 'It is {"city": "Lisbon"}'


@each()
def test_object(node: Node, sdk: str, provider: str) -> None:
    assert node.run("object", sdk, provider, place(provider)) == {"city": "Lisbon"}


@each()
def test_streamed_output(node: Node, sdk: str, provider: str) -> None:
    assert node.run("output", sdk, provider, place(provider)) == {"city": "Lisbon"}


@pytest.mark.parametrize("sdk", OFFERED)
@pytest.mark.parametrize("provider", ["openai responses", "xai responses"])
def test_sources_of_a_search(node: Node, sdk: str, provider: str) -> None:
    urls = node.run("sources", sdk, provider)

    assert {"https://example.org/source-1", "https://example.org/source-2"} <= set(urls)


@each()
def test_aborted_stream(node: Node, sdk: str, provider: str) -> None:
    began = time.monotonic()

    assert node.run("abort", sdk, provider) < 20
    assert time.monotonic() - began < 10


@each()
def test_broken_stream_is_told(node: Node, sdk: str, provider: str) -> None:
    result = node.run("broken", sdk, provider)

    assert result["errors"] or result["finish"] == "error"
    assert result["finish"] != "stop"


@each()
def test_unknown_model(node: Node, sdk: str, provider: str) -> None:
    error = node.run("unknownModel", sdk, provider)

    assert (error["class"], error["status"]) == ("APICallError", 404)
    assert "grok-99" in error["message"]


@pytest.mark.parametrize("sdk", OFFERED)
def test_video_in_the_shape_of_xai(node: Node, sdk: str) -> None:
    video = node.run("video", sdk, "grok-imagine-1.0-video")

    assert video["type"] == "video/mp4"
    assert video["bytes"] > 1000
