"""``Idempotency-Key`` against a real gateway: one call upstream, however often it is asked for."""

import httpx
import pytest

from e2e.conftest import Start
from e2e.probe import QUOTA, Probe, at_once, body
from grokgate import control

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

SLOW = "ten\n@sim tokens=20 delay_ms=20"


async def ask(
    gateway: Probe, prompt: str, key: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    sent = {"idempotency-key": key, **(headers or {})}
    return await gateway.http.post("/v1/chat/completions", json=body(prompt), headers=sent)


def code(reply: httpx.Response) -> object:
    return reply.json()["error"]["code"]


async def test_ten_at_once_and_one_later_make_one_call(gateway: Probe) -> None:
    await gateway.fill(QUOTA)

    replies = await at_once(10, lambda _: ask(gateway, SLOW, "ten-at-once"))
    later = await ask(gateway, SLOW, "ten-at-once")

    refused = [reply for reply in replies if reply.status_code == 409]
    assert {reply.content for reply in replies if reply.status_code == 200} == {later.content}
    assert {code(reply) for reply in refused} == {"idempotency_in_progress"}
    assert len(gateway.calls("ten")) == 1
    await gateway.becomes(1, gateway.used)


async def test_other_body_is_refused_and_another_key_works(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    made = await control.ask(gateway.service.data_dir, "keys.create", {"name": "second"})
    stranger = {"authorization": f"Bearer {made['key']}"}

    first = await ask(gateway, "one", "shared")
    other_body = await ask(gateway, "two", "shared")
    other_key = await ask(gateway, "one", "not-shared")
    other_owner = await ask(gateway, "one", "shared", stranger)

    assert (other_body.status_code, code(other_body)) == (409, "idempotency_mismatch")
    assert len({reply.json()["id"] for reply in (first, other_key, other_owner)}) == 3
    assert len(gateway.calls()) == 3


async def test_failed_request_is_tried_anew(gateway: Probe) -> None:
    await gateway.fill(1)
    assert (await gateway.chat()).status_code == 200
    refused = await ask(gateway, "poor", "poor-then-rich")
    await gateway.add(QUOTA)

    answered = await ask(gateway, "poor", "poor-then-rich")

    assert (refused.status_code, answered.status_code) == (429, 200)


async def test_recorded_reply_outlives_the_process_and_is_sealed(start: Start) -> None:
    async with start() as gateway:
        await gateway.fill(QUOTA)
        first = await ask(gateway, "remember", "planted-idempotency-key")
        content = first.json()["choices"][0]["message"]["content"].encode()
    stored = b"".join(file.read_bytes() for file in start.folder.rglob("*") if file.is_file())

    async with start() as again:
        second = await ask(again, "remember", "planted-idempotency-key")
        calls = again.calls()

    assert (second.status_code, second.content) == (200, first.content)
    assert calls == []
    assert content not in stored
    assert b"planted-idempotency-key" not in stored
