"""``Idempotency-Key`` against a real gateway: one call upstream, however often it is asked for."""

from typing import Any

import httpx
import pytest

from e2e.conftest import ENDPOINT, Start
from e2e.endpoints import ENDPOINTS, RESPONSES, Endpoint
from e2e.kept import end_of
from e2e.probe import QUOTA, Probe, at_once
from grokgate import control

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

SLOW = "ten\n@sim tokens=20 delay_ms=20"


async def ask(
    gateway: Probe, to: Endpoint, prompt: str, key: str, *, owner: str | None = None, **more: Any
) -> httpx.Response:
    headers = {"idempotency-key": key}
    if owner is not None:
        headers["authorization"] = f"Bearer {owner}"
    return await gateway.http.post(to.path, json=to.body(prompt, **more), headers=headers)


def refused(to: Endpoint, reply: httpx.Response) -> object:
    return reply.status_code, to.name(reply.json()["error"])


@ENDPOINT
async def test_ten_at_once_and_one_later_make_one_call(gateway: Probe, endpoint: Endpoint) -> None:
    await gateway.fill(QUOTA)
    key = f"ten-at-once-{endpoint.path}"

    replies = await at_once(10, lambda _: ask(gateway, endpoint, SLOW, key))
    later = await ask(gateway, endpoint, SLOW, key)

    conflicts = [reply for reply in replies if reply.status_code != 200]
    assert {reply.content for reply in replies if reply.status_code == 200} == {later.content}
    assert {refused(endpoint, reply) for reply in conflicts} == {
        endpoint.refusal(409, "idempotency_in_progress")
    }
    assert len(gateway.calls("ten")) == 1
    await gateway.becomes(1, gateway.used)


@ENDPOINT
async def test_key_is_held_by_a_stream_and_free_after_it(
    gateway: Probe, endpoint: Endpoint
) -> None:
    await gateway.fill(QUOTA)
    key = f"streamed-{endpoint.path}"
    asked = endpoint.body(SLOW, stream=True)

    async with gateway.http.stream(
        "POST", endpoint.path, json=asked, headers={"idempotency-key": key}
    ) as response:
        meanwhile = await ask(gateway, endpoint, SLOW, key, stream=True)
        first = endpoint.hear(await response.aread())
    second = await ask(gateway, endpoint, SLOW, key, stream=True)

    conflict = endpoint.refusal(409, "idempotency_in_progress")
    assert refused(endpoint, meanwhile) == conflict
    assert int(meanwhile.headers["retry-after"]) >= 1
    assert endpoint.hear(second.content) == first
    assert first.ended
    assert len(gateway.calls("ten")) == 2


async def test_response_in_the_background_is_begun_once(gateway: Probe) -> None:
    await gateway.fill(QUOTA)

    replies = [
        await ask(gateway, RESPONSES, SLOW, "in-the-background", background=True) for _ in range(3)
    ]
    end = await end_of(gateway, replies[0].json()["id"])

    assert {reply.content for reply in replies} == {replies[0].content}
    assert end["status"] == "completed"
    assert len(gateway.calls("ten")) == 1


@ENDPOINT
async def test_other_body_is_refused_and_another_key_works(
    gateway: Probe, endpoint: Endpoint
) -> None:
    await gateway.fill(QUOTA)
    made = await control.ask(gateway.service.data_dir, "keys.create", {"name": endpoint.path})
    key = f"shared-{endpoint.path}"

    first = await ask(gateway, endpoint, "one", key)
    other_body = await ask(gateway, endpoint, "two", key)
    other_key = await ask(gateway, endpoint, "one", f"not-{key}")
    other_owner = await ask(gateway, endpoint, "one", key, owner=made["key"])

    assert refused(endpoint, other_body) == endpoint.refusal(409, "idempotency_mismatch")
    assert other_body.headers["x-should-retry"] == "false"
    assert len({reply.json()["id"] for reply in (first, other_key, other_owner)}) == 3
    assert len(gateway.calls()) == 3


async def test_key_counts_for_one_endpoint(gateway: Probe) -> None:
    await gateway.fill(QUOTA)

    replies = [await ask(gateway, endpoint, "one", "for-one") for endpoint in ENDPOINTS]

    assert [reply.status_code for reply in replies] == [200, 409, 409]


@ENDPOINT
async def test_failed_request_is_tried_anew(gateway: Probe, endpoint: Endpoint) -> None:
    await gateway.fill(1)
    key = f"poor-then-rich-{endpoint.path}"
    assert (await gateway.chat()).status_code == 200
    poor = await ask(gateway, endpoint, "poor", key)
    await gateway.add(QUOTA)

    answered = await ask(gateway, endpoint, "poor", key)

    assert (poor.status_code, answered.status_code) == (429, 200)


async def test_recorded_reply_outlives_the_process_and_is_sealed(start: Start) -> None:
    key = "planted-idempotency-key"
    async with start() as gateway:
        await gateway.fill(QUOTA)
        replies = [
            await ask(gateway, endpoint, "remember", f"{key}-{endpoint.path}")
            for endpoint in ENDPOINTS
        ]
        contents = [
            endpoint.text(reply.json()).encode()
            for endpoint, reply in zip(ENDPOINTS, replies, strict=True)
        ]
    stored = b"".join(file.read_bytes() for file in start.folder.rglob("*") if file.is_file())

    async with start() as again:
        repeated = [
            await ask(again, endpoint, "remember", f"{key}-{endpoint.path}")
            for endpoint in ENDPOINTS
        ]
        calls = again.calls()

    assert [reply.content for reply in repeated] == [reply.content for reply in replies]
    assert calls == []
    assert [content in stored for content in contents] == [False] * 3
    assert key.encode() not in stored
