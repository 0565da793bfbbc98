"""Which daily quota each endpoint takes from, and how much (F-KEY-05, F-KEY-06)."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

import grokgate_images
import grokgate_images_nsfw
from grokgate.keys import Terms
from grokgate.testing import RunningGateway, running_gateway, talking
from grokgate.upstream import Kind, Progress, TextDelta
from plugins.chat_media_world import (
    CHAT,
    EDIT,
    IMAGE,
    MESSAGES,
    RESPONSES,
    VIDEO,
    conversing,
    data_uri,
    film,
    ready,
)
from plugins.images_world import Images, draws
from plugins.responses_world import Held, create, opened, turn

pytestmark = pytest.mark.anyio

PICTURES, EDITS = "/v1/images/generations", "/v1/images/edits"
SAID = [TextDelta(text="Hello")]
DREW = [ready("a"), ready("b", 1), ready("c", 2), ready("d", 3)]
USER = {"role": "user", "content": "hi"}
DRAWN = {"role": "user", "content": [
    {"type": "text", "text": "hi"},
    {"type": "image_url", "image_url": {"url": data_uri("a")}},
]}  # fmt: skip


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway whose key has no limits."""
    del anyio_backend
    async with conversing(**{"grok.image_generation_method": "legacy"}) as running:
        yield running


@pytest.fixture
async def gw() -> AsyncIterator[RunningGateway]:
    async with conversing(**{"grok.image_generation_method": "legacy"}) as running:
        yield running


async def limit(gw: RunningGateway, **limits: int) -> None:
    """Give the key of the gateway's client daily limits."""
    key = gw.gateway.keys.listing()[0].id
    await gw.gateway.keys.update(key, lambda known: replace(known, limits=limits))


async def one_at_once(gw: RunningGateway) -> None:
    """Let the key of the gateway's client have one request at once."""
    key = gw.gateway.keys.listing()[0].id
    terms = Terms(max_inflight=1)
    await gw.gateway.keys.update(key, lambda known: replace(known, terms=terms))


def used(gw: RunningGateway) -> dict[str, int]:
    key = gw.gateway.keys.listing()[0].id
    return {quota: count for quota, count in gw.gateway.keys.usage.used(key).items() if count}


async def becomes(gw: RunningGateway, wanted: Mapping[str, int]) -> None:
    with anyio.fail_after(5):
        while used(gw) != wanted:  # noqa: ASYNC110 - a job tells nobody
            await anyio.sleep(0.01)


@pytest.mark.parametrize(
    ("path", "body", "answers", "charged"),
    [
        (CHAT, {"messages": [USER]}, [SAID], {"chat": 1}),
        (CHAT, {"messages": [USER], "n": 3}, [SAID] * 3, {"chat": 3}),
        (CHAT, {"messages": [USER], "stream": True}, [SAID], {"chat": 1}),
        (MESSAGES, {"messages": [USER], "max_tokens": 99}, [SAID], {"chat": 1}),
        (RESPONSES, {"input": "hi"}, [SAID], {"chat": 1}),
        (RESPONSES, {"input": "hi", "background": True}, [SAID], {"chat": 1}),
        ("/v1/responses/compact", {"input": "hi"}, [SAID], {"chat": 1}),
        ("/v1/responses/input_tokens", {"input": "hi"}, [], {}),
        ("/v1/messages/count_tokens", {"messages": [USER]}, [], {}),
        (PICTURES, {"prompt": "hi", "n": 2, "model": IMAGE}, [DREW[:2]], {"image": 2}),
        (PICTURES, {"prompt": "hi", "n": 4, "model": IMAGE}, [DREW[:2], DREW[2:]], {"image": 4}),
        (CHAT, {"messages": [USER], "model": IMAGE}, [DREW[:1]], {"image": 1}),
        (
            CHAT,
            {"messages": [USER], "model": IMAGE, "image_config": {"n": 2}},
            [DREW[:2]],
            {"image": 2},
        ),
        (RESPONSES, {"input": "hi", "model": IMAGE}, [DREW[:1]], {"image": 1}),
        (CHAT, {"messages": [DRAWN], "model": EDIT}, [DREW[:1]], {"image": 1}),
        (
            EDITS,
            {"prompt": "hi", "n": 2, "image": data_uri("a"), "model": EDIT},
            [DREW[:2]],
            {"image": 2},
        ),
        (CHAT, {"messages": [USER], "model": VIDEO}, [[film()]], {"video": 1}),
        ("/v1/videos", {"prompt": "hi", "model": VIDEO}, [[film()]], {"video": 1}),
        ("/v1/videos/generations", {"prompt": "hi", "model": VIDEO}, [[film()]], {"video": 1}),
    ],
)
async def test_every_endpoint_charges_its_quota(
    shared: RunningGateway, path: str, body: dict[str, Any], answers: Any, charged: dict[str, int]
) -> None:
    shared.fake.forget()
    shared.fake.add(*answers)
    before = Counter(used(shared))
    reply = await shared.client.post(path, json={"model": "grok-4", **body})
    with anyio.fail_after(5):
        while len(shared.fake.asked) < len(answers):  # noqa: ASYNC110 - a job tells nobody
            await anyio.sleep(0.01)

    assert reply.status_code == 200, reply.text
    await becomes(shared, before + Counter(charged))


@pytest.mark.parametrize(
    ("path", "body", "quota"),
    [
        (CHAT, {"messages": [USER]}, "chat"),
        (MESSAGES, {"messages": [USER], "max_tokens": 99}, "chat"),
        (RESPONSES, {"input": "hi"}, "chat"),
        (PICTURES, {"prompt": "hi", "n": 4, "model": IMAGE}, "image"),
        (CHAT, {"messages": [USER], "model": IMAGE, "stream": True}, "image"),
        ("/v1/videos", {"prompt": "hi", "model": VIDEO}, "video"),
    ],
)
async def test_quota_that_is_used_up_refuses_before_anybody_is_asked(
    gw: RunningGateway, path: str, body: dict[str, Any], quota: str
) -> None:
    await limit(gw, **{quota: 3 if quota == "image" and "n" in body else 0})
    reply = await gw.client.post(path, json={"model": "grok-4", **body})

    assert reply.status_code == 429
    assert reply.json()["error"]["message"] == f"Daily quota exceeded: {quota}"
    assert (gw.fake.asked, used(gw)) == ([], {})


async def test_pictures_that_are_missing_are_given_back(gw: RunningGateway) -> None:
    gw.fake.add(DREW[:2], [])
    reply = await gw.client.post(PICTURES, json={"prompt": "hi", "n": 4, "model": IMAGE})

    assert len([entry for entry in reply.json()["data"] if entry]) == 2
    assert used(gw) == {"image": 2}


async def test_other_method_of_the_same_request_costs_nothing_more() -> None:
    socket = {"grok.image_generation_method": "imagine_ws_experimental"}
    async with conversing(Kind.FORBIDDEN, DREW[:1], **socket) as gw:
        await limit(gw, image=1)
        reply = await gw.client.post(PICTURES, json={"prompt": "hi", "model": IMAGE})

        assert (reply.status_code, used(gw)) == (200, {"image": 1})
        assert len(gw.fake.asked) == 2


async def test_background_turn_is_refused_in_its_object(gw: RunningGateway) -> None:
    await limit(gw, chat=0)
    body = {"model": "grok-4", "input": "hi", "background": True}
    made = (await gw.client.post(RESPONSES, json=body)).json()
    with anyio.fail_after(5):
        while made["status"] in {"queued", "in_progress"}:
            made = (await gw.client.get(f"{RESPONSES}/{made['id']}")).json()

    assert (made["status"], gw.fake.asked, used(gw)) == ("failed", [], {})


async def test_picture_that_cannot_be_downloaded_is_given_back(gw: RunningGateway) -> None:
    gw.fake.contents["b"] = Kind.TRANSIENT
    gw.fake.add([ready("a"), ready("b", 1)])
    reply = await gw.client.post(PICTURES, json={"prompt": "hi", "n": 2, "model": IMAGE})

    assert (reply.status_code, used(gw)) == (200, {"image": 1})


async def test_video_that_cannot_be_downloaded_is_given_back(gw: RunningGateway) -> None:
    gw.fake.contents["v"] = Kind.TRANSIENT
    gw.fake.add([film()])
    await gw.client.post("/v1/videos", json={"prompt": "hi", "model": VIDEO})

    await becomes(gw, {})


async def test_video_job_that_fails_is_given_back(gw: RunningGateway) -> None:
    gw.fake.add([Progress(slot=0, percent=9)])
    reply = await gw.client.post("/v1/videos", json={"prompt": "hi", "model": VIDEO})

    assert reply.status_code == 200
    await becomes(gw, {})


async def test_nsfw_pictures_are_pictures() -> None:
    async with running_gateway(Images(grokgate_images), grokgate_images_nsfw) as gw:
        gw.fake.add(draws(gw, "a"))
        body = {"prompt": "hi", "n": 1}
        reply = await gw.client.post("/v1/images/generations/nsfw", json=body)

        assert (reply.status_code, used(gw)) == (200, {"image": 1})


async def test_each_turn_of_a_socket_is_charged(gw: RunningGateway) -> None:
    gw.fake.add(SAID, SAID)
    async with opened(gw) as talk:
        for _ in range(2):
            talk.say(create())
            await turn(talk)

    assert used(gw) == {"chat": 2}


async def test_turn_of_a_socket_that_fails_is_given_back(gw: RunningGateway) -> None:
    gw.fake.add(Kind.BAD_REQUEST, SAID)
    async with opened(gw) as talk:
        talk.say(create())
        failed = await talk.hear()
        talk.say(create())
        await turn(talk)

    assert (failed["type"], used(gw)) == ("error", {"chat": 1})


async def test_turn_of_a_socket_beyond_the_quota_asks_nobody(gw: RunningGateway) -> None:
    await limit(gw, chat=1)
    gw.fake.add(SAID)
    async with opened(gw) as talk:
        talk.say(create())
        await turn(talk)
        talk.say(create())
        refused = await talk.hear()

    assert (refused["type"], refused["error"]["code"]) == ("error", "daily_quota_exceeded")
    assert (len(gw.fake.asked), used(gw)) == (1, {"chat": 1})


async def test_client_that_leaves_a_socket_during_a_turn_makes_room(gw: RunningGateway) -> None:
    await one_at_once(gw)
    gw.fake.add(Held(), SAID)
    async with opened(gw) as talk:
        talk.say(create())
        while (await talk.hear())["type"] != "response.output_text.delta":
            pass
        busy = await gw.client.post(CHAT, json={"model": "grok-4", "messages": [USER]})
    free = await gw.client.post(CHAT, json={"model": "grok-4", "messages": [USER]})

    assert (busy.status_code, free.status_code) == (429, 200)
    assert used(gw) == {"chat": 2}


async def test_refused_handshakes_and_idle_sockets_take_no_room(gw: RunningGateway) -> None:
    await one_at_once(gw)
    gw.fake.add(SAID)
    for headers in ({}, {"authorization": "Bearer wrong"}):
        async with talking(gw.app, RESPONSES, **headers) as refused:
            assert refused.status == 401
    async with talking(gw.app, MESSAGES, authorization=f"Bearer {gw.key}") as refused:
        assert refused.status is not None
    async with opened(gw), opened(gw):
        reply = await gw.client.post(CHAT, json={"model": "grok-4", "messages": [USER]})

    assert reply.status_code == 200


async def test_client_that_leaves_a_stream_makes_room_and_is_charged(gw: RunningGateway) -> None:
    await one_at_once(gw)
    gw.fake.add(Held(), SAID)
    body = {"model": "grok-4", "messages": [USER]}
    async with gw.serve() as client:
        async with client.stream("POST", CHAT, json={**body, "stream": True}) as reply:
            await anext(reply.aiter_lines())
            busy = await client.post(CHAT, json=body)
        with anyio.fail_after(5):
            while (await client.post(CHAT, json=body)).status_code == 429:  # noqa: ASYNC110 - of the server
                await anyio.sleep(0.01)

    assert busy.status_code == 429
    assert used(gw) == {"chat": 2}


async def test_recorded_reply_costs_nothing(gw: RunningGateway) -> None:
    gw.fake.add(SAID)
    body, headers = {"model": "grok-4", "messages": [USER]}, {"idempotency-key": "one"}
    replies = [await gw.client.post(CHAT, json=body, headers=headers) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert replies[1].headers["x-grokgate-idempotent-replay"] == "true"
    assert (len(gw.fake.asked), used(gw)) == (1, {"chat": 1})
