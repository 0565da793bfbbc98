"""Switching endpoints off and on in the file while the gateway serves (F-API-04)."""

from pathlib import Path

import anyio
import httpx
import pytest

from e2e.endpoints import Answer
from e2e.probe import QUOTA, Probe

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

SEEN_S = 2.0
ROUTES = {
    "enable_chat_completions": ("POST", "/v1/chat/completions"),
    "enable_models": ("GET", "/v1/models"),
}


def config(gateway: Probe) -> Path:
    """The file whose path was printed at the start."""
    line = next(line for line in gateway.service.output if "configuration" in line)
    return gateway.service.folder / line.split()[-1]


def write(path: Path, text: str) -> None:
    """Save as an editor does: a new file in place of the old one."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)


async def asked(gateway: Probe, name: str) -> tuple[int, str | None]:
    method, path = ROUTES[name]
    json = None
    if method == "POST":
        json = {"model": "grok-4-fast", "messages": [{"role": "user", "content": "hi"}]}
    answer = await gateway.http.request(method, path, json=json)
    return answer.status_code, (answer.json().get("error") or {}).get("code")


@pytest.mark.parametrize("name", ROUTES)
async def test_endpoint_is_switched_off_and_on(gateway: Probe, name: str) -> None:
    await gateway.fill(QUOTA)
    path = config(gateway)
    before = path.read_text()
    switched = before + f"\n# Closed for now.\n[downstream]\n{name} = false  # not for long\n"

    write(path, switched)
    await gateway.becomes((404, "endpoint_disabled"), lambda: asked(gateway, name), within_s=SEEN_S)
    assert path.read_text() == switched
    write(path, before)
    await gateway.becomes((200, None), lambda: asked(gateway, name), within_s=SEEN_S)
    assert path.read_text() == before


async def test_running_stream_outlives_its_switch(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    path = config(gateway)
    before = path.read_text()
    name = "enable_chat_completions"
    answers: list[Answer] = []

    async def read() -> None:
        answers.append(await gateway.read("@sim tokens=60 delay_ms=50"))

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await gateway.until(lambda: gateway.asking() == 1, 5)
        write(path, f"{before}\n[downstream]\n{name} = false\n")
        await gateway.becomes(
            (404, "endpoint_disabled"), lambda: asked(gateway, name), within_s=SEEN_S
        )
        assert answers == []

    assert answers[0].reasons == ["stop"]
    write(path, before)
    await gateway.becomes((200, None), lambda: asked(gateway, name), within_s=SEEN_S)


async def test_models_without_an_endpoint_are_not_offered(gateway: Probe) -> None:
    path = config(gateway)
    before = path.read_text()

    async def offered() -> list[str]:
        models = (await gateway.http.get("/v1/models")).json()["data"]
        return [model["id"] for model in models if model["id"] == "grok-imagine-1.0"]

    assert await offered() == ["grok-imagine-1.0"]
    write(path, f"{before}\n[downstream]\nenable_images = false\n")
    await gateway.becomes([], offered, within_s=SEEN_S)
    write(path, before)
    await gateway.becomes(["grok-imagine-1.0"], offered, within_s=SEEN_S)


async def told(gateway: Probe) -> str:
    return "told" if "settings_file_unreadable" in gateway.log else "silent"


async def test_file_that_cannot_be_read_changes_nothing(gateway: Probe) -> None:
    """An operator's typing error costs a log line, not the service."""
    await gateway.fill(QUOTA)
    path = config(gateway)
    before = path.read_text()

    write(path, before + "\n[downstream\nenable_models = false\n")
    await gateway.becomes("told", lambda: told(gateway), within_s=SEEN_S)

    assert await asked(gateway, "enable_models") == (200, None)
    assert await asked(gateway, "enable_chat_completions") == (200, None)
    assert path.read_text().endswith("[downstream\nenable_models = false\n")
    write(path, before)


# What is no endpoint of ours


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/embeddings", 404, "endpoint_not_supported"),
        ("POST", "/v1/completions", 404, "endpoint_not_supported"),
        ("POST", "/v1/audio/speech", 404, "endpoint_not_supported"),
        ("GET", "/v1/batches", 404, "endpoint_not_supported"),
        ("GET", "/v1/threads/thread_1", 404, "endpoint_not_supported"),
        ("GET", "/v1/chat/completions/chatcmpl-1", 404, "endpoint_not_supported"),
        ("GET", "/v1/no-such-thing", 404, "unknown_url"),
        ("GET", "/nothing", 404, "unknown_url"),
        ("GET", "/v1/models/grok-99", 404, "model_not_found"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
    ],
)
async def test_address_that_is_not_served(
    gateway: Probe, method: str, path: str, status: int, code: str
) -> None:
    answer = await gateway.http.request(method, path, json={} if method == "POST" else None)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.headers["content-type"] == "application/json"
    assert status != 405 or "GET" in answer.headers["allow"]


async def test_unsupported_endpoint_asks_for_a_key_first(gateway: Probe) -> None:
    async with httpx.AsyncClient(base_url=gateway.service.base, trust_env=False) as stranger:
        answer = await stranger.post("/v1/embeddings", json={})

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
