"""Thousands of odd requests: no answer is a defect of the gateway, every error is an envelope.

The descriptions they are made from are derived at run time: those of the SDKs' own parameter types,
which say what clients may send, and the OpenAPI document of the gateway itself. Schemathesis makes
requests that fit them; a third kind fits except for one field, which holds anything.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
import schemathesis
from anthropic.types import Message, MessageCreateParams
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, CompletionCreateParams
from openai.types.responses import Response, ResponseCreateParams
from pydantic import BaseModel, TypeAdapter

from clients.asking import MODEL, THINKER, user
from service import Service

Json: TypeAlias = Any

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
ADMIN = "/v1/admin/"
PARAMETERS: dict[str, Any] = {
    CHAT: CompletionCreateParams,
    RESPONSES: ResponseCreateParams,
    MESSAGES: MessageCreateParams,
}
ANSWERS: dict[str, type[BaseModel]] = {CHAT: ChatCompletion, RESPONSES: Response, MESSAGES: Message}
VALID: dict[str, Json] = {
    CHAT: {"model": MODEL, "messages": user("hi")},
    RESPONSES: {"model": MODEL, "input": "hi"},
    f"{RESPONSES}/input_tokens": {"model": MODEL, "input": "hi"},
    f"{RESPONSES}/compact": {"model": MODEL, "input": "hi"},
    MESSAGES: {"model": MODEL, "max_tokens": 50, "messages": user("hi")},
    f"{MESSAGES}/count_tokens": {"model": MODEL, "messages": user("hi")},
}
DELIBERATE: set[tuple[int, str | None]] = {
    (502, "empty_response"),
    (502, "structured_output_failed"),
}
"""A call was required, or a form was, and the sandbox only repeats what it is asked."""


def bounded(examples: int) -> settings:
    """Return settings that make the same requests in every run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def http(base: str, key: str) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def document(path: str, parameters: Any) -> Json:
    """Return an OpenAPI document of one operation, made from the parameters of an SDK."""
    body = TypeAdapter(parameters).json_schema(ref_template="#/components/schemas/{model}")
    schemas = body.pop("$defs")
    for variant in [schemas[ref["$ref"].rpartition("/")[2]] for ref in body["anyOf"]]:
        variant["properties"]["model"] = {"enum": [MODEL, THINKER, "grok-99"]}
    content = {"application/json": {"schema": body}}
    operation = {
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {"description": "Answered."}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": path, "version": "1"},
        "paths": {path: {"post": operation}},
        "components": {"schemas": schemas},
    }


def post(http: httpx.Client, path: str, body: Json) -> httpx.Response:
    """Send JSON with every character escaped, so that half of a surrogate pair can be sent."""
    headers = {"content-type": "application/json"}
    return http.post(path, content=json.dumps(body).encode(), headers=headers)


def hold(answer: httpx.Response) -> None:
    """Check that an error is none of ours, and has the form of its family."""
    if answer.status_code < 400:
        return
    asked = answer.request
    told = (asked.method, asked.url, answer.status_code, answer.content)
    assert answer.headers["content-type"] == "application/json", told
    if asked.method == "HEAD":
        assert answer.status_code < 500, told
        return
    body, deliberate = answer.json(), DELIBERATE
    if asked.url.path.startswith(MESSAGES):
        assert (body.keys(), body["type"]) == ({"type", "error", "request_id"}, "error")
        assert body["error"].keys() == {"type", "message"}
        code, deliberate = None, {(502, None)}  # errors of Anthropic have no codes
    else:
        assert body.keys() == ({"error", "detail"} if ADMIN in asked.url.path else {"error"})
        assert body["error"].keys() == {"message", "type", "param", "code"}
        code = body["error"]["code"]
    assert body["error"]["message"]
    status = answer.status_code
    assert status < 500 or (status, code) in deliberate, told


@pytest.mark.parametrize("path", PARAMETERS)
def test_what_clients_may_send_is_answered(http: httpx.Client, path: str) -> None:
    schema = schemathesis.openapi.from_dict(document(path, PARAMETERS[path]))

    @bounded(40)
    @given(schema[path]["POST"].as_strategy())
    def sent(case: Any) -> None:
        answer = post(http, path, case.body)
        hold(answer)
        if answer.is_success and answer.headers["content-type"].startswith("application/json"):
            ANSWERS[path].model_validate(answer.json())

    sent()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def fields(path: str) -> list[str]:
    """Return the names of the fields that an SDK may send to a path."""
    parameters = next(known for start, known in PARAMETERS.items() if path.startswith(start))
    schemas = TypeAdapter(parameters).json_schema()["$defs"]
    variants = [schema for name, schema in schemas.items() if "CreateParams" in name]
    return sorted({field for schema in variants for field in schema["properties"]})


@pytest.mark.parametrize("path", VALID)
def test_any_value_of_any_field_is_answered(http: httpx.Client, path: str) -> None:
    @bounded(150)
    @given(st.dictionaries(st.sampled_from(fields(path)), ANYTHING, min_size=1, max_size=2))
    def sent(odd: dict[str, Json]) -> None:
        hold(post(http, path, {**VALID[path], **odd}))

    sent()


def places(value: Json) -> Iterator[Callable[[Json], Json]]:
    """Return, for each place inside of *value*, how to put something else there."""
    yield lambda other: other
    keys: Iterable[Any] = ()
    if isinstance(value, dict | list):
        keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield from (partial(replaced, value, key, put) for put in places(value[key]))


def replaced(value: Json, key: Any, put: Callable[[Json], Json], other: Json) -> Json:
    """Return *value* with *other* somewhere inside of what lies under *key*."""
    copy = value.copy()
    copy[key] = put(other)
    return copy


RECORDED = [
    (path.stem, request["path"], request["body"])
    for path in sorted(Path(__file__).with_name("bodies").glob("*.json"))
    for request in json.loads(path.read_text())
]


@pytest.mark.parametrize("client", sorted({client for client, _, _ in RECORDED}))
def test_real_requests_with_an_odd_place_are_answered(http: httpx.Client, client: str) -> None:
    own = [(path, list(places(body))) for name, path, body in RECORDED if name == client]

    @bounded(150)
    @given(st.data())
    def sent(data: st.DataObject) -> None:
        path, puts = data.draw(st.sampled_from(own))
        hold(post(http, path, data.draw(st.sampled_from(puts))(data.draw(ANYTHING))))

    sent()


@pytest.fixture(scope="module")
def own(gateway: Service) -> Json:
    """The OpenAPI document of the gateway."""
    environ = {"GROKGATE__DOWNSTREAM__ENABLE_MESSAGES": "true"}
    command = [sys.executable, "-m", "grokgate", "openapi"]
    return json.loads(subprocess.check_output(command, cwd=gateway.folder, env=environ))


def test_what_the_own_document_allows_is_answered(http: httpx.Client, own: Json) -> None:
    operations = [one for one in operations_of(own) if ADMIN not in one.path]

    @bounded(40)
    @given(st.data())
    def sent(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(operations), label="operation")
        case = data.draw(operation.as_strategy())
        hold(http.request(case.method, case.formatted_path, params=case.query, **payload(case)))

    sent()


def operations_of(described: Json) -> list[Any]:
    schema = schemathesis.openapi.from_dict(described)
    return [found.ok() for found in schema.get_all_operations()]  # type: ignore[union-attr]


def payload(case: Any) -> dict[str, Any]:
    """Return the JSON body of a request; forms with files are left to the tests of files."""
    if case.media_type != "application/json":
        return {}
    headers = {"content-type": "application/json"}
    return {"content": json.dumps(case.body).encode(), "headers": headers}
