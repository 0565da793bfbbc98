"""The Anthropic Node SDK against a real server process: a case of ``node/anthropic.mjs`` a test."""

import pytest

from clients.node_process import Node


def test_answer_is_complete(node: Node) -> None:
    answer = node.run("unary")

    (block,) = answer["content"]
    assert "hello to Lisbon" in block["text"]
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("end_turn", None)
    assert answer["usage"]["output_tokens"] > 0


def test_stream_is_whole(node: Node) -> None:
    assert node.run("stream") == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_stream_helper_accumulates_the_answer(node: Node) -> None:
    result = node.run("helper")

    assert "hello to Porto" in result["heard"]
    assert result["message"]["content"][0]["text"] == result["heard"]


def test_thinking_comes_first(node: Node) -> None:
    result = node.run("thinking")

    thinking, text = result["content"]
    assert thinking["thinking"] == result["thought"] != ""
    assert thinking["signature"]
    assert "kites" in text["text"]


def test_tool_use_makes_the_round(node: Node) -> None:
    result = node.run("tools")

    assert (result["reason"], result["use"]["input"]) == ("tool_use", {"city": "Lisbon"})
    assert "sunny" in result["text"]


def test_stream_helper_accumulates_tool_use(node: Node) -> None:
    text, *uses = node.run("toolStream")

    assert text["text"] == "I look that up."
    assert [use["input"] for use in uses] == [{"city": "Lisbon"}] * 2


def test_tokens_are_counted(node: Node) -> None:
    assert node.run("count")["input_tokens"] > 0


REFUSALS = [
    ("wrongKey", "AuthenticationError", 401, "authentication_error"),
    ("unknownModel", "NotFoundError", 404, "not_found_error"),
    ("badValue", "BadRequestError", 400, "invalid_request_error"),
]


@pytest.mark.parametrize(
    ("case", "name", "status", "kind"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
def test_a_refusal_has_its_own_class(
    node: Node, *, case: str, name: str, status: int, kind: str
) -> None:
    error = node.run(case)

    assert (error["class"], error["status"], error["type"]) == (name, status, kind)
    assert error["requestId"].startswith("req_")
