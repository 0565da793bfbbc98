from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

import grokgate_images
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Event, Kind, Progress, Started
from plugins.images_world import (
    PATH,
    Images,
    draws,
    encoded,
    error_of,
    make,
    preview,
    ready,
    refused,
    requests_of,
    stream,
)

pytestmark = pytest.mark.anyio


def opened_gateway() -> AbstractAsyncContextManager[RunningGateway]:
    return running_gateway(Images(grokgate_images), upstream=FakeUpstream())


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with opened_gateway() as gateway:
        yield gateway


@pytest.fixture
async def own() -> AsyncIterator[RunningGateway]:
    """One for a test that changes it."""
    async with opened_gateway() as gateway:
        yield gateway


async def test_completed_picture_has_every_field(running: RunningGateway) -> None:
    (event,) = await stream(running, draws(running, "kite"), response_format="b64_json")

    assert event.pop("created_at") > 1_700_000_000
    assert event.pop("usage")["total_tokens"] == 519
    assert event == {
        "type": "image_generation.completed",
        "b64_json": encoded("kite"),
        "size": "2x3",
        "quality": "high",
        "background": "opaque",
        "output_format": "png",
        "index": 0,
        "progress": 100,
    }


async def test_previews_come_first_and_are_counted(running: RunningGateway) -> None:
    answer = [
        Progress(slot=0, percent=35),
        preview(running, 0, "rough"),
        preview(running, 0, "finer"),
        preview(running, 0, "third"),
        ready(running, 0, "kite"),
    ]

    events = await stream(running, answer, partial_images=2)

    assert [one["type"].rpartition(".")[2] for one in events] == [
        "partial_image",
        "partial_image",
        "completed",
    ]
    assert [one.get("partial_image_index") for one in events] == [0, 1, None]
    assert events[0]["b64_json"] == encoded("rough")
    assert events[0]["progress"] == 35


async def test_previews_are_not_asked_for_unless_wanted(running: RunningGateway) -> None:
    events = await stream(running, [preview(running, 0, "a"), ready(running, 0, "b")])

    assert len(events) == 1
    assert not requests_of(running)[0].previews


async def test_link_stands_beside_the_picture(running: RunningGateway) -> None:
    (event,) = await stream(running, draws(running, "kite"), response_format="url")

    assert "/v1/files/image/" in event["url"]
    assert event["b64_json"] == encoded("kite")


async def test_each_picture_has_its_number(running: RunningGateway) -> None:
    events = await stream(running, draws(running, "a", "b"), n=2)

    assert [one["index"] for one in events] == [0, 1]


async def test_refusal_before_any_news_is_a_status(running: RunningGateway) -> None:
    reply = await make(running, refused(), stream=True)

    assert error_of(reply) == (400, "content_policy_violation", None)


async def test_refusal_after_a_preview_is_an_event(running: RunningGateway) -> None:
    events = await stream(running, refused(preview(running, 0, "a")), partial_images=1)

    assert [one["type"] for one in events] == ["image_generation.partial_image", "error"]
    assert events[-1]["error"]["code"] == "content_policy_violation"


async def test_broken_stream_names_the_failure_and_has_no_end_marker(
    own: RunningGateway,
) -> None:
    async def breaks(_request: Any) -> AsyncGenerator[Event, None]:
        yield Started()
        yield Progress(slot=0, percent=5)

    events = await stream(own, breaks)

    assert [one["type"] for one in events] == ["error"]
    assert events[0]["error"] == {
        "message": "The upstream made no picture.",
        "type": "server_error",
        "param": None,
        "code": "image_generation_failed",
    }


async def test_client_that_leaves_ends_the_work(own: RunningGateway) -> None:
    async def silent(_request: Any) -> AsyncGenerator[Event, None]:
        yield preview(own, 0, "a")
        await anyio.sleep_forever()

    own.fake.add(silent)
    body = {"prompt": "a kite", "stream": True, "partial_images": 1}
    async with own.serve() as client:
        async with client.stream("POST", PATH, json=body) as reply:
            await anext(reply.aiter_lines())

        with anyio.fail_after(5):
            while own.pool.open_leases or own.gateway.permits.taken:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.005)
    assert own.fake.closed == 1


async def test_upstream_that_is_too_busy_is_a_status(own: RunningGateway) -> None:
    reply = await make(own, Kind.QUOTA, stream=True)

    assert error_of(reply)[:2] == (429, "rate_limit_exceeded")
