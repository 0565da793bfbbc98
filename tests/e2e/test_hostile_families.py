"""Bad requests to the younger endpoints: refused quickly, in their own form, for nothing (V25)."""

import json
from typing import Any

import httpx
import pytest

from e2e.conftest import ENDPOINT
from e2e.endpoints import MESSAGES, RESPONSES, Endpoint
from e2e.probe import QUOTA, Probe, timed
from e2e.talk import talking

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

JSON = {"content-type": "application/json"}
ROUNDS = 3
USUAL_S = 0.1
"""What a refusal takes, measured as the best of all rounds."""
WORST_S = 1.0
DEEP = b'{"model": "grok-4", "metadata": ' + b"[" * 100_000


def replaced(endpoint: Endpoint, **fields: Any) -> dict[str, Any]:
    return endpoint.body() | fields


def everywhere(endpoint: Endpoint, words: str) -> dict[str, object]:
    """Return what no endpoint takes; *words* is the field of the conversation."""
    return {
        "broken JSON": b'{"model": "grok-4", "',
        "empty": b"",
        "not UTF-8": b'{"model": "\xff\xfe"}',
        "lone surrogate": json.dumps(replaced(endpoint, model="\ud800")).encode(),
        "too deep": DEEP,
        "a list": [],
        "unknown model": replaced(endpoint, model="grok-99"),
        "model with controls": replaced(endpoint, model="a\u0000\r\nb"),
        "no model": {words: endpoint.body()[words]},
        "conversation as a number": replaced(endpoint, **{words: 5}),
        "conversation of numbers": replaced(endpoint, **{words: [5]}),
        "empty conversation": replaced(endpoint, **{words: []}),
        "unknown role": replaced(endpoint, **{words: [{"role": "king", "content": "hi"}]}),
        "stream as a number": replaced(endpoint, stream=3),
        "temperature as text": replaced(endpoint, temperature="hot"),
        "tools as text": replaced(endpoint, tools="all"),
    }


def picture(url: str) -> dict[str, Any]:
    part = {"type": "input_image", "image_url": url}
    return replaced(RESPONSES, input=[{"role": "user", "content": [part]}])


def block(**source: str) -> dict[str, Any]:
    image = {"type": "image", "source": source}
    return replaced(MESSAGES, messages=[{"role": "user", "content": [image]}])


BAD: dict[Endpoint, dict[str, object]] = {
    RESPONSES: everywhere(RESPONSES, "input")
    | {
        "max_output_tokens of -5": replaced(RESPONSES, max_output_tokens=-5),
        "background that is not stored": replaced(RESPONSES, background=True, store=False),
        "unknown previous response": replaced(RESPONSES, previous_response_id="resp_x"),
        "previous response as a path": replaced(RESPONSES, previous_response_id="../../etc"),
        "unknown item": replaced(RESPONSES, input=[{"type": "item_reference", "id": "msg_x"}]),
        "conversation of OpenAI": replaced(RESPONSES, conversation="conv_1"),
        "picture of this machine": picture("https://127.0.0.1/x.png"),
        "picture of another scheme": picture("file:///etc/hostname"),
        "picture that is none": picture("data:image/png;base64,aGVsbG8="),
    },
    MESSAGES: everywhere(MESSAGES, "messages")
    | {
        "max_tokens of 0": replaced(MESSAGES, max_tokens=0),
        "no max_tokens": {"model": "grok-4", "messages": MESSAGES.body()["messages"]},
        "picture of this machine": block(type="url", url="https://127.0.0.1/x.png"),
        "picture of another scheme": block(type="url", url="file:///etc/hostname"),
        "picture that is none": block(type="base64", media_type="image/png", data="aGVsbG8="),
        "unknown file": block(type="file", file_id="file-x"),
    },
}


def content(bad: object) -> bytes:
    return bad if isinstance(bad, bytes) else json.dumps(bad).encode()


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [(endpoint, name) for endpoint, cases in BAD.items() for name in cases],
    ids=[f"{endpoint.path} {name}" for endpoint, cases in BAD.items() for name in cases],
)
async def test_bad_request_is_refused_at_once_and_costs_nothing(
    gateway: Probe, endpoint: Endpoint, name: str
) -> None:
    [token] = await gateway.fill(QUOTA)
    asked = content(BAD[endpoint][name])

    async def ask() -> httpx.Response:
        return await gateway.http.post(endpoint.path, content=asked, headers=JSON)

    answers = [await timed(ask) for _ in range(ROUNDS)]

    assert {answer.status_code for _, answer in answers} <= {400, 404}
    assert all(answer.json()["error"]["message"] for _, answer in answers)
    assert all(endpoint.name(answer.json()["error"]) for _, answer in answers)
    assert min(seconds for seconds, _ in answers) <= USUAL_S
    assert max(seconds for seconds, _ in answers) <= WORST_S
    assert gateway.calls() == []
    assert (await gateway.status(token), await gateway.quota()) == ("active", QUOTA)


@ENDPOINT
@pytest.mark.parametrize("key", ["", "Bearer sk-wrong", "Basic eA=="])
async def test_stranger_is_refused_and_costs_nothing(
    gateway: Probe, endpoint: Endpoint, key: str
) -> None:
    await gateway.fill(QUOTA)
    headers = {"authorization": key}

    reply = await gateway.http.post(endpoint.path, json=endpoint.body(), headers=headers)

    wanted = "authentication_error" if endpoint is MESSAGES else "invalid_api_key"
    assert (reply.status_code, endpoint.name(reply.json()["error"])) == (401, wanted)
    assert gateway.calls() == []


async def test_bad_messages_leave_the_connection_open(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    cases = [case for case in BAD[RESPONSES].values() if isinstance(case, dict)]
    bad = [case for case in cases if "stream" not in case]

    async with talking(gateway) as talk:
        told = []
        for case in bad:
            await talk.say({"type": "response.create", **case})
            told.append(await talk.event())
        await talk.create("still there")
        heard = await talk.turn()

    assert {event["type"] for event in told} == {"error"}
    assert {event["status"] for event in told} <= {400, 404}
    assert "still there" in heard.text
    assert len(gateway.calls()) == 1
