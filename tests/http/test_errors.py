"""Every error has its family's envelope, whoever raised it."""

import inspect
from typing import Any

import msgspec
import pytest
from litestar import get
from litestar.exceptions import (
    ClientException,
    HTTPException,
    ImproperlyConfiguredException,
    TooManyRequestsException,
)

from grokgate import errors
from grokgate.errors import (
    Conflict,
    DailyQuotaExceeded,
    GatewayError,
    InvalidRequest,
    LimitExceeded,
    ModelNotFound,
    ModelNotSupported,
    NoTokenAvailable,
    NoTokensConfigured,
    Overloaded,
)
from grokgate.http.errors import render, to_gateway_error

pytestmark = pytest.mark.anyio

ABOUT_SOMETHING = (
    DailyQuotaExceeded("chat", retry_after_s=1),
    ModelNotFound("grok-9"),
    ModelNotSupported("grok-4", endpoint="/v1/videos"),
)
EVERY = [
    *(
        error()
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, GatewayError) and error not in map(type, ABOUT_SOMETHING)
    ),
    *ABOUT_SOMETHING,
]


def rendered(error: GatewayError, family: Any = "openai") -> tuple[int, dict[str, str], Any]:
    reply = render(error, family=family, request_id="req_1")
    return reply.status, reply.headers, msgspec.json.decode(reply.body)


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_openai_envelope_always_has_four_keys(error: GatewayError) -> None:
    status, _, body = rendered(error)

    assert status == error.status
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]


def test_anthropic_envelope_names_the_request() -> None:
    status, _, body = rendered(ModelNotFound("grok-9"), "anthropic")

    assert status == 404
    assert body["type"] == "error"
    assert body["error"]["type"] == "not_found_error"
    assert body["request_id"] == "req_1"


def test_anthropic_clients_see_529_when_the_gateway_is_overloaded() -> None:
    status, _, body = rendered(Overloaded(), "anthropic")

    assert (status, body["error"]["type"]) == (529, "overloaded_error")


@pytest.mark.parametrize(
    ("delay_s", "seconds", "milliseconds"),
    [(0.2, "1", "200"), (0, "1", "0"), (41.2, "42", "41200"), (119.5, "120", "119500")],
)
def test_delay_is_told_in_whole_seconds_and_in_milliseconds(
    delay_s: float, seconds: str, milliseconds: str
) -> None:
    _, headers, _ = rendered(NoTokenAvailable(retry_after_s=delay_s))

    assert (headers["retry-after"], headers["retry-after-ms"]) == (seconds, milliseconds)


def test_long_delay_is_told_in_seconds_only() -> None:
    _, headers, _ = rendered(NoTokenAvailable(retry_after_s=120))

    assert headers["retry-after"] == "120"
    assert "retry-after-ms" not in headers


@pytest.mark.parametrize("family", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("delay_s", "words"),
    [
        (0.2, "1 second"),
        (41.2, "42 seconds"),
        (119.5, "120 seconds"),
        (120, "2 minutes"),
        (681, "12 minutes"),
        (3600, "60 minutes"),
        (80_000, "23 hours"),
    ],
)
def test_sentence_ends_with_the_delay_in_words(delay_s: float, words: str, family: str) -> None:
    _, _, body = rendered(LimitExceeded("No more.", retry_after_s=delay_s), family)

    assert body["error"]["message"] == f"No more. Try again in {words}."


def test_sentence_names_no_delay_that_nobody_knows_or_that_cures_nothing() -> None:
    unknown, conflict = NoTokenAvailable("None."), Conflict("Running.", retry_after_s=1)

    assert rendered(unknown)[2]["error"]["message"] == "None."
    assert rendered(conflict)[2]["error"]["message"] == "Running."


@pytest.mark.parametrize("error", [LimitExceeded(), NoTokenAvailable(), Overloaded()])
def test_refusal_for_now_always_tells_a_delay(error: GatewayError) -> None:
    _, headers, _ = rendered(error)

    assert int(headers["retry-after"]) >= 1


def test_permanent_failure_asks_not_to_retry() -> None:
    _, headers, _ = rendered(NoTokensConfigured())

    assert headers["x-should-retry"] == "false"
    assert "retry-after" not in headers


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (RecursionError(), 400, "invalid_json"),
        (msgspec.DecodeError("JSON is malformed"), 400, "invalid_json"),
        (ClientException("Odd."), 400, "invalid_value"),
        (HTTPException(status_code=418), 400, "invalid_value"),
        (TooManyRequestsException(), 429, "rate_limit_exceeded"),
        (HTTPException(status_code=502, detail="secret"), 500, "internal_error"),
        (ImproperlyConfiguredException("secret"), 500, "internal_error"),
        (KeyError("secret"), 500, "internal_error"),
    ],
)
def test_foreign_exceptions_have_an_equivalent(raised: Exception, status: int, code: str) -> None:
    told = to_gateway_error(raised)

    assert (told.status, told.code) == (status, code)
    assert "secret" not in told.message


async def test_defect_is_told_without_details_and_logged_with_its_plugin(gateway: Any) -> None:
    async with gateway.client() as client:
        reply = await client.get("/v1/broken")

    assert reply.status_code == 500
    assert "detail" not in reply.text
    assert [event["plugin"] for event in gateway.events("unhandled_error")] == ["sample"]
    assert gateway.metrics.count("plugin_faults", "sample") == 1


async def test_missing_path_and_wrong_method_have_the_envelope(gateway: Any) -> None:
    async with gateway.client() as client:
        absent = await client.get("/v1/absent")
        wrong = await client.get("/v1/echo")

    assert absent.json()["error"]["code"] == "unknown_url"
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "POST" in wrong.headers["allow"]


@pytest.mark.parametrize(
    ("path", "headers", "anthropic"),
    [
        ("/v1/messages", {}, True),
        ("/v1/messages/batches", {}, True),
        ("/v1/models", {}, False),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, True),
        ("/v1/embeddings", {"anthropic-version": "2023-06-01"}, False),
    ],
)
async def test_family_follows_path_and_version_header(
    gateway: Any, path: str, headers: dict[str, str], *, anthropic: bool
) -> None:
    async with gateway.client(headers=headers) as client:
        reply = await client.get(path)

    assert (reply.json().get("type") == "error") is anthropic
    assert ("request-id" in reply.headers) is anthropic


async def test_route_declares_its_own_family(gateway: Any) -> None:
    @get("/v1/other")
    async def other() -> None:
        raise InvalidRequest("No.", param="x")

    gateway.add("other", other, family="anthropic")
    async with gateway.client() as client:
        reply = await client.get("/v1/other")

    assert reply.json()["error"] == {"type": "invalid_request_error", "message": "x: No."}
