"""The OpenAI Node SDK against a real server process: one case of ``node/openai.mjs`` per test."""

import json
import time
from pathlib import Path

import pytest

from clients.node_process import Node
from service import service


def test_unary_answer_is_complete(node: Node) -> None:
    answer = node.run("unary")

    (choice,) = answer["choices"]
    usage = answer["usage"]
    assert "hello to Lisbon" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert answer["request_id"].startswith("req_")


def test_stream_ends_with_reason_and_usage(node: Node) -> None:
    *chunks, last = node.run("stream")

    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert "Say the same twice" in text
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert (last["choices"], last["usage"]["completion_tokens"] > 0) == ([], True)
    assert {chunk["id"] for chunk in chunks} == {last["id"]}


def test_stream_helper_accumulates_the_answer(node: Node) -> None:
    result = node.run("helper")

    assert "hello to Porto" in result["content"]
    assert result["heard"] == result["content"]


def test_reasoning_arrives_beside_the_answer(node: Node) -> None:
    result = node.run("reasoning")

    assert result["reasoning"]
    assert "kites" in result["content"]


def test_an_image_is_uploaded_with_the_prompt(node: Node) -> None:
    assert "image/png" in node.run("image")


def test_tool_call(node: Node) -> None:
    choice = node.run("tools")

    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert call["function"] == {"name": "lookup_city", "arguments": '{"city":"Lisbon"}'}


def test_stream_helper_accumulates_calls(node: Node) -> None:
    choice = node.run("toolStream")

    calls = choice["message"]["tool_calls"]
    assert choice["message"]["content"] == "I look that up."
    assert [call["function"]["arguments"] for call in calls] == ['{"city":"Lisbon"}'] * 2


def test_tools_are_run(node: Node) -> None:
    result = node.run("runTools")

    assert result["asked"] == ["Lisbon"]
    assert "sunny" in result["content"]


def test_custom_tool(node: Node) -> None:
    call = node.run("customTool")

    assert (call["type"], call["custom"]) == (
        "custom",
        {"name": "run_note", "input": "free <text>"},
    )


def test_structured_output(node: Node) -> None:
    assert json.loads(node.run("structured")) == {"city": "Porto"}


def test_streamed_choices(node: Node) -> None:
    result = node.run("choices")

    assert result["texts"][0] == result["texts"][1] != ""
    assert result["reasons"] == ["stop", "stop"]


def test_stop_and_length(node: Node) -> None:
    result = node.run("limits")

    assert result == {"stopped": "Tokens flow down the ", "reason": "length", "count": 10}


def test_models_are_listed_and_found(node: Node) -> None:
    result = node.run("models")

    assert "grok-4" in result["ids"]
    assert (result["one"]["id"], result["one"]["object"]) == ("grok-4.1-fast", "model")


def test_an_aborted_stream_ends_the_call(node: Node) -> None:
    began = time.monotonic()

    assert node.run("abort")["chunks"] < 20
    assert time.monotonic() - began < 20


def test_structured_output_by_zod(node: Node) -> None:
    assert node.run("zodFormat") == {"city": "Faro"}


def test_response_is_complete(node: Node) -> None:
    answer = node.run("response")

    assert "hello to Lisbon" in answer["output_text"]
    assert (answer["object"], answer["status"]) == ("response", "completed")
    assert answer["usage"]["total_tokens"] > 0
    assert answer["request_id"].startswith("req_")


def test_response_events_are_numbered(node: Node) -> None:
    events = node.run("responseEvents", "Say it in pieces", {})

    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")


def test_response_helper_accumulates_the_answer(node: Node) -> None:
    result = node.run("responseHelper")

    assert "hello to Porto" in result["text"]
    assert (result["heard"], result["status"]) == (result["text"], "completed")


def test_response_is_parsed_by_zod(node: Node) -> None:
    assert node.run("responseParsed") == {"city": "Faro"}


def test_response_tools_make_the_round(node: Node) -> None:
    result = node.run("responseTools")

    assert (result["call"]["name"], result["call"]["arguments"]) == (
        "lookup_city",
        '{"city":"Lisbon"}',
    )
    assert "So?" in result["text"]
    assert result["previous"].startswith("resp_")


def test_response_is_kept_until_deleted(node: Node) -> None:
    result = node.run("responseKept")

    (item,) = result["items"]
    assert "Remember me" in result["text"]
    assert (item["role"], item["content"][0]["text"]) == ("user", "Remember me")
    assert (result["gone"]["class"], result["gone"]["code"]) == (
        "NotFoundError",
        "response_not_found",
    )


def test_background_response_ends(node: Node) -> None:
    result = node.run("responseBackground")

    assert (result["begun"], result["done"]) == ("queued", "completed")
    assert "Take your time" in result["text"]


def test_background_response_is_cancelled(node: Node) -> None:
    assert node.run("responseCancelled") == "cancelled"


def test_input_is_counted(node: Node) -> None:
    assert node.run("responseCounted") > 0


def test_compacted_conversation_goes_on(node: Node) -> None:
    result = node.run("responseCompacted")

    assert result["types"].count("compaction") == 1
    assert "And then?" in result["text"]


REFUSALS = [
    ("wrongKey", "AuthenticationError", 401, "invalid_api_key", None),
    ("unknownModel", "NotFoundError", 404, "model_not_found", "model"),
    ("noCall", "InternalServerError", 502, "empty_response", None),
    ("badValue", "BadRequestError", 400, "decimal_above_max_value", "temperature"),
    ("notOffered", "NotFoundError", 404, "endpoint_not_supported", None),
    ("responseUnknown", "NotFoundError", 404, "response_not_found", None),
    ("responseNoModel", "BadRequestError", 400, "missing_required_parameter", "model"),
    ("responseBadValue", "BadRequestError", 400, "decimal_above_max_value", "temperature"),
    (
        "responseNoPrevious",
        "NotFoundError",
        404,
        "previous_response_not_found",
        "previous_response_id",
    ),
]


@pytest.mark.parametrize(
    ("case", "kind", "status", "code", "param"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
def test_a_refusal_has_its_own_class(
    node: Node,
    *,
    case: str,
    kind: str,
    status: int,
    code: str,
    param: str | None,
) -> None:
    error = node.run(case)

    assert error["class"] == kind
    assert (error["status"], error["code"], error["param"]) == (status, code, param)
    assert error["requestId"].startswith("req_")


def test_used_up_quota_is_a_rate_limit_error(node_program: str, tmp_path: Path) -> None:
    with (
        service(tmp_path, "--sandbox", "--accounts", "1") as alone,
        Node(node_program, "openai", base=alone.base, key=alone.key) as node,
    ):
        error = node.run("rateLimit")

    assert (error["class"], error["code"]) == ("RateLimitError", "rate_limit_exceeded")
    assert int(error["retryAfter"]) > 0
