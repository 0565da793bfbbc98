"""Credentials of a request (F-API-01, F-API-02, S4, S8)."""

from typing import Any

import pytest

from grokgate.errors import AuthenticationFailed
from grokgate.http.auth import credential
from grokgate.plugin import Caller

pytestmark = pytest.mark.anyio

MISSING = "Missing authentication token"
INVALID = "Invalid authentication token"


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ([], None),
        ([(b"authorization", b"Bearer k")], "k"),
        ([(b"Authorization", b"bEARER   k ")], "k"),
        ([(b"x-api-key", b"k")], "k"),
        ([(b"x-api-key", b"other"), (b"authorization", b"Bearer k")], "k"),
        ([(b"authorization", b"Bearer")], None),
        ([(b"authorization", b"")], None),
        ([(b"x-api-key", b" ")], None),
    ],
)
def test_credential_is_read_from_either_header(
    headers: list[tuple[bytes, bytes]], text: str | None
) -> None:
    assert credential(headers) == text


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer k"), (b"authorization", b"Bearer k")],
        [(b"x-api-key", b"k"), (b"x-api-key", b"k")],
        [(b"authorization", b"Basic azpr")],
        [(b"authorization", "Bearer schlüssel".encode())],
        [(b"authorization", b"Bearer \xff")],
        [(b"x-api-key", b"\xc3\xa4")],
        [(b"authorization", b"Bearer " + b"k" * 10_000)],
    ],
    ids=["twice", "twice plain", "scheme", "utf-8", "latin", "plain", "long"],
)
def test_credential_that_cannot_be_one_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(AuthenticationFailed):
        credential(headers)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"authorization": ""}, MISSING),
        ({"authorization": "Bearer wrong"}, INVALID),
        ({"authorization": "", "x-api-key": "wrong"}, MISSING),
    ],
)
async def test_refusal_says_only_whether_a_key_was_there(
    gateway: Any, header: dict[str, str], message: str
) -> None:
    async with gateway.client(headers=header) as client:
        reply = await client.post("/v1/echo", json={"model": "m"})

    assert reply.status_code == 401
    assert reply.json()["error"]["message"] == message
    assert reply.json()["error"]["code"] == "invalid_api_key"
    assert reply.headers["www-authenticate"] == "Bearer"


async def test_key_in_the_query_does_not_count(gateway: Any, key: str) -> None:
    async with gateway.client(headers={"authorization": ""}) as client:
        reply = await client.get("/v1/letters/a", params={"api_key": key, "key": key})

    assert reply.status_code == 401


async def test_caller_carries_key_and_request_id(gateway: Any) -> None:
    async with gateway.client(headers={"x-request-id": "mine-1"}) as client:
        reply = await client.post("/v1/echo", json={"model": "m"})

    assert (reply.json()["key"], reply.json()["request_id"]) == ("k1", "mine-1")


async def test_anonymous_caller_needs_no_key_on_a_loopback_name(gateway: Any) -> None:
    gateway.settings.change("app", allow_anonymous=True)
    async with gateway.client(headers={"authorization": ""}) as client:
        reply = await client.post("/v1/echo", json={"model": "m"})

    assert reply.json()["key"] == "anonymous"
    assert "x-grokgate-version" not in reply.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.", ""])
async def test_anonymous_caller_is_refused_under_other_names(gateway: Any, host: str) -> None:
    gateway.settings.change("app", allow_anonymous=True)
    async with gateway.client(headers={"authorization": "", "host": host}) as client:
        reply = await client.get("/v1/letters/a")

    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "host_not_allowed"


async def test_wrong_key_is_refused_even_where_none_is_needed(gateway: Any) -> None:
    gateway.settings.change("app", allow_anonymous=True)
    async with gateway.client(headers={"authorization": "Bearer wrong"}) as client:
        reply = await client.get("/v1/letters/a")

    assert reply.status_code == 401


async def test_key_with_a_list_of_endpoints_opens_only_those(gateway: Any, key: str) -> None:
    gateway.keys.callers[key] = Caller(
        key_id="k1", name="first", allowed_endpoints=frozenset({"letters"})
    )
    async with gateway.client() as client:
        allowed = await client.get("/v1/letters/a")
        refused = await client.post("/v1/echo", json={"model": "m"})

    assert allowed.status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "endpoint_not_allowed")
