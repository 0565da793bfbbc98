"""``POST /v1/video/extend``: a finished video continued while its client waits (F-VID-13)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from grokgate.testing import RunningGateway
from grokgate.upstream import ImageRefused, Kind, Observation, Progress, Stage
from plugins.video_world import (
    MIDDLE,
    MP4,
    NEW,
    OLD,
    PATH,
    Held,
    asked,
    finished,
    get,
    made,
    videos,
)

pytestmark = pytest.mark.anyio
DIRECT = "/v1/video/extend"
STOPPED = Observation(operation="film", kind=Kind.MODERATION, stage=Stage.CONTENT)


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway for requests that are refused."""
    del anyio_backend
    async with videos() as running:
        yield running


@pytest.fixture(scope="module")
async def first(shared: RunningGateway) -> Any:
    """A video that can be continued."""
    shared.fake.add(made("v1"))
    return await finished(shared)


async def extend(running: RunningGateway, **fields: Any) -> Any:
    return await running.client.post(DIRECT, json={"prompt": "and on", **fields})


def error_of(reply: Any) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["param"]


def used(running: RunningGateway) -> int:
    return 100 - running.pool.units["t1"]


async def test_a_video_is_continued_and_waited_for() -> None:
    async with videos(made("v1"), made("v2", 20, poster="p1")) as running:
        first = await finished(running, size="1280x720")
        reply = await extend(running, reference_id=first["id"])
        video = reply.json()
        path = "/v1/files" + video["url"].partition("/v1/files")[2]
        content = await running.client.get(path, headers={"authorization": ""})
        call = asked(running)

    assert (reply.status_code, video["object"], video["status"]) == (200, "video", "completed")
    assert (video["length"], video["seconds"], video["start_time"]) == (6, "12", 6.0)
    assert (video["ratio"], video["resolution"]) == ("16:9", "480p")
    assert video["reference_id"] == first["id"]
    assert video["thumbnail_url"].partition("?")[0].endswith("-preview.jpg")
    assert content.content == MP4
    assert (call.extends, call.original, call.start_s, call.seconds) == ("v1", "v1", 6.0, 6)


async def test_everything_that_is_said_reaches_the_upstream() -> None:
    async with videos(made("v1"), made("v2"), protocol=MIDDLE) as running:
        first = await finished(running, seconds=10)
        reply = await extend(
            running,
            reference_id=first["id"],
            start_time=7.5,
            ratio="1:1",
            length=14,
            resolution="720p",
        )
        video, call = reply.json(), asked(running)

    assert (call.start_s, call.ratio, call.seconds, call.resolution) == (7.5, "1:1", 15, "720p")
    assert (video["start_time"], video["length"], video["seconds"]) == (7.5, 15, "23")


async def test_a_video_is_named_by_its_link_too() -> None:
    async with videos(made("v1"), made("v2"), made("v3")) as running:
        first = await finished(running)
        once = (await extend(running, reference_id=first["id"])).json()
        again = await extend(running, video_url=once["url"])

    assert again.json()["seconds"] == "18"


async def test_the_result_is_a_video_like_others() -> None:
    async with videos(made("v1"), made("v2")) as running:
        first = await finished(running)
        video = (await extend(running, video={"id": first["id"]})).json()
        kept = await get(running, video["id"])
        content = await running.client.get(f"{PATH}/{video['id']}/content")

    assert (kept["object"], kept["status"], kept["seconds"]) == ("video", "completed", "12")
    assert content.content == MP4


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"prompt": " "}, "invalid_value", "prompt"),
        ({"reference_id": None}, "missing_required_parameter", "reference_id"),
        ({"start_time": 0}, "invalid_value", "start_time"),
        ({"start_time": 6.1}, "invalid_value", "start_time"),
        ({"start_time": "6"}, "invalid_type", "start_time"),
        ({"length": 0}, "integer_below_min_value", "length"),
        ({"length": 16}, "integer_above_max_value", "length"),
        ({"ratio": "5:4"}, "invalid_value", "ratio"),
        ({"resolution": "8k"}, "invalid_value", "resolution"),
        ({"resolution": "1080p"}, "unsupported_value", "resolution"),
        ({"reference_id": None, "video_url": "https://x/a.mp4"}, "invalid_value", "video_url"),
    ],
)
async def test_nothing_is_paid_for_a_request_with_a_fault(
    shared: RunningGateway, first: Any, fields: Any, code: str, param: str
) -> None:
    before = used(shared)
    reply = await extend(shared, **{"reference_id": first["id"], **fields})

    assert error_of(reply) == (400, code, param)
    assert (len(shared.fake.asked), used(shared)) == (1, before)


async def test_the_end_of_a_video_may_be_a_frame_after_its_seconds() -> None:
    async with videos(made("v1"), made("v2")) as running:
        first = await finished(running)
        await extend(running, reference_id=first["id"], start_time=6.04)

        assert asked(running).start_s == 6.0


async def test_an_unknown_video_is_not_found(shared: RunningGateway) -> None:
    reply = await extend(shared, reference_id="video_unknown")

    assert error_of(reply) == (404, "video_not_found", None)


async def test_where_the_profile_has_no_continuation_it_is_not_supported() -> None:
    async with videos(made(), protocol=NEW) as running:
        first = await finished(running)
        reply = await extend(running, reference_id=first["id"])

    assert error_of(reply) == (404, "endpoint_not_supported", None)


async def test_it_is_off_with_the_videos() -> None:
    async with videos(settings={"downstream.enable_videos": False}) as running:
        reply = await extend(running, reference_id="video_x")

    assert error_of(reply) == (404, "endpoint_disabled", None)


@pytest.mark.parametrize(("protocol", "units"), [(OLD, 4), (MIDDLE, 1)])
async def test_it_costs_what_the_job_costs(protocol: str, units: int) -> None:
    async with videos(made("v1"), made("v2"), protocol=protocol) as running:
        first = await finished(running)
        await extend(running, reference_id=first["id"])

        assert used(running) == 2 * units


@pytest.mark.parametrize(
    ("answer", "status", "code", "units"),
    [
        (Kind.BAD_REQUEST, 502, "video_failed", 0),
        (STOPPED, 400, "content_policy_violation", 4),
        ([Progress(slot=0, percent=5), ImageRefused(slot=0)], 502, "video_failed", 4),
    ],
)
async def test_without_a_video_the_request_fails_and_leaves_nothing(
    answer: Any, status: int, code: str, units: int
) -> None:
    async with videos(made("v1"), answer) as running:
        first = await finished(running)
        before = used(running)
        reply = await extend(running, reference_id=first["id"])
        listed = (await running.client.get(PATH)).json()["data"]

        assert error_of(reply)[:2] == (status, code)
        assert [one["id"] for one in listed] == [first["id"]]
        assert (used(running) - before, running.pool.open_leases) == (units, 0)


async def test_a_request_sent_again_makes_no_second_video() -> None:
    async with videos(made("v1"), made("v2")) as running:
        first = await finished(running)
        body = {"prompt": "and on", "reference_id": first["id"]}
        headers = {"idempotency-key": "a"}
        once = await running.client.post(DIRECT, json=body, headers=headers)
        again = await running.client.post(DIRECT, json=body, headers=headers)

        assert once.json()["id"] == again.json()["id"]
        assert len(running.fake.asked) == 2


async def test_a_client_that_leaves_takes_the_video_along() -> None:
    held = Held()
    async with videos(made("v1"), held) as running:
        first = await finished(running)
        waiting = asyncio.create_task(extend(running, reference_id=first["id"]))
        with anyio.fail_after(5):
            await held.reached.wait()
            waiting.cancel()
            await asyncio.wait([waiting])
        left = running.pool.open_leases
        listed = (await running.client.get(PATH)).json()["data"]

    assert ([one["id"] for one in listed], left) == ([first["id"]], 0)
