"""Routes of the original APIs that Grok cannot serve (openai-contract.md 12)."""

from typing import Any

import pytest
from litestar import post

from grokgate.http.unsupported import is_unsupported

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/embeddings/"),
        ("POST", "/v1/audio/speech"),
        ("GET", "/v1/batches"),
        ("DELETE", "/v1/threads/t/runs/r"),
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions/c/messages"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1/complete"),
    ],
)
def test_known_routes_are_told_apart(method: str, path: str) -> None:
    assert is_unsupported(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("PUT", "/v1/chat/completions"),
        ("GET", "/v1/embeddingsx"),
        ("GET", "/embeddings"),
        ("GET", "/v1"),
        ("POST", "/v1/messages"),
    ],
)
def test_other_paths_are_simply_unknown(method: str, path: str) -> None:
    assert not is_unsupported(method, path)


async def test_answer_names_method_and_path_after_the_key_check(gateway: Any) -> None:
    async with gateway.client() as client:
        reply = await client.post("/v1/embeddings", json={})
        stranger = await client.post("/v1/embeddings", headers={"authorization": "Bearer wrong"})

    assert reply.status_code == 404
    assert reply.json()["error"] == {
        "message": "This gateway does not offer POST /v1/embeddings.",
        "type": "invalid_request_error",
        "param": None,
        "code": "endpoint_not_supported",
    }
    assert stranger.status_code == 401


async def test_long_path_is_cut(gateway: Any) -> None:
    async with gateway.client() as client:
        reply = await client.get(f"/v1/threads/{'x' * 5000}")

    assert len(reply.json()["error"]["message"]) < 250


async def test_plugin_replaces_the_answer(gateway: Any) -> None:
    @post("/v1/embeddings", status_code=200)
    async def embeddings() -> dict[str, bool]:
        return {"served": True}

    gateway.add("embeddings", embeddings)
    async with gateway.client() as client:
        reply = await client.post("/v1/embeddings")
        below = await client.post("/v1/embeddings/x")

    assert reply.json() == {"served": True}
    assert below.json()["error"]["code"] == "endpoint_not_supported"
