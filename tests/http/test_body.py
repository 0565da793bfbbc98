"""One strict decode, names without effect, content types (openai-contract.md 0 and 1.1)."""

from typing import Any

import pytest
from litestar import post
from litestar.params import JSONBody

from grokgate.http.body import shown_names

pytestmark = pytest.mark.anyio


async def echo(gateway: Any, body: Any, **more: Any) -> Any:
    async with gateway.client() as client:
        return await client.post("/v1/echo", json=body, **more)


async def test_unknown_and_ignored_fields_are_named(gateway: Any) -> None:
    reply = await echo(gateway, {"model": "m", "seed": 1, "metadata": {}, "n": 2})

    assert reply.status_code == 200
    assert reply.headers["x-grokgate-ignored"] == "seed,metadata"


async def test_null_equals_absence(gateway: Any) -> None:
    reply = await echo(gateway, {"model": "m", "seed": None, "n": None, "metadata": None})

    assert reply.status_code == 200
    assert "x-grokgate-ignored" not in reply.headers


@pytest.mark.parametrize(
    ("field", "code"), [("seed", "unsupported_parameter"), ("metadata", "unknown_parameter")]
)
async def test_strict_settings_refuse_fields_without_effect(
    gateway: Any, field: str, code: str
) -> None:
    gateway.settings.change("compat", strict_params=True)
    reply = await echo(gateway, {"model": "m", field: 1})

    assert reply.status_code == 400
    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == (code, field)


def test_shown_names_are_plain_and_at_most_twenty() -> None:
    names = ["ok.1", "new\nline", "ümlaut", "a b", "", "x" * 65, *map(str, range(40))]

    assert shown_names(names).split(",") == ["ok.1", *map(str, range(19))]


@pytest.mark.parametrize(("sent", "meant"), [("true", True), ("false", False), (True, True)])
async def test_stream_may_be_the_text_of_a_boolean(gateway: Any, sent: Any, *, meant: bool) -> None:
    reply = await echo(gateway, {"model": "m", "stream": sent})

    assert reply.json()["stream"] is meant


@pytest.mark.parametrize("sent", ["yes", "True", 1, [], {"a": "true"}])
async def test_other_values_of_stream_are_of_the_wrong_type(gateway: Any, sent: Any) -> None:
    reply = await echo(gateway, {"model": "m", "stream": sent})

    assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == (
        "invalid_type",
        "stream",
    )


async def test_fault_beside_a_textual_stream_is_still_found(gateway: Any) -> None:
    reply = await echo(gateway, {"model": "m", "stream": "true", "n": 9})

    assert reply.json()["error"]["param"] == "n"


async def test_number_as_text_is_of_the_wrong_type(gateway: Any) -> None:
    reply = await echo(gateway, {"model": "m", "n": "3"})

    assert reply.json()["error"]["code"] == "invalid_type"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", None],
)
async def test_json_types_and_none_are_taken(gateway: Any, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    async with gateway.client() as client:
        reply = await client.post("/v1/echo", content=b'{"model":"m"}', headers=headers)

    assert reply.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "json"],
)
async def test_other_content_types_are_refused(gateway: Any, content_type: str) -> None:
    async with gateway.client() as client:
        reply = await client.post(
            "/v1/echo", content=b'{"model":"m"}', headers={"content-type": content_type}
        )

    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_compressed_body_is_refused(gateway: Any) -> None:
    reply = await echo(gateway, {"model": "m"}, headers={"content-encoding": "gzip"})

    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_body_without_announced_length_is_counted(gateway: Any) -> None:
    gateway.settings.change("limits", json_body_mb=0.001)

    async def pieces() -> Any:
        for _ in range(100):
            yield b" " * 100

    async with gateway.client() as client:
        reply = await client.post("/v1/echo", content=pieces())

    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "request_too_large")


async def test_body_of_free_form_has_no_names_without_effect(gateway: Any) -> None:
    @post("/v1/free", status_code=200)
    async def free(data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
        return data

    gateway.add("free", free)
    async with gateway.client() as client:
        reply = await client.post("/v1/free", json={"any": 1})

    assert reply.json() == {"any": 1}
    assert "x-grokgate-ignored" not in reply.headers
