"""Videos in the shape of xAI, and their continuation (`openai-contract.md` 7.2)."""

import base64
from typing import Any

import pytest

from grokgate.testing import RunningGateway
from plugins.video_world import (
    MIDDLE,
    MODEL,
    MP4,
    NEW,
    PATH,
    PNG,
    Held,
    asked,
    ended,
    finished,
    get,
    made,
    videos,
)

pytestmark = pytest.mark.anyio

GENERATIONS = f"{PATH}/generations"
EXTENSIONS = f"{PATH}/extensions"
PIXEL = {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"}


async def generate(running: RunningGateway, path: str = GENERATIONS, **fields: Any) -> Any:
    body = {"model": MODEL, "prompt": "waves", **fields}
    return (await running.client.post(path, json=body)).json()


async def test_a_video_is_made_and_its_link_needs_no_key() -> None:
    held = Held(30)
    async with videos(held) as running:
        accepted = await generate(running)
        await held.reached.wait()
        pending = await get(running, accepted["request_id"])
        held.released.set()
        done = await ended(running, accepted["request_id"])
        path = "/v1/files" + done["video"]["url"].partition("/v1/files")[2]
        content = await running.client.get(path, headers={"authorization": ""})

    assert list(accepted) == ["request_id"]
    assert (pending["status"], pending["model"], "video" in pending) == ("pending", MODEL, False)
    assert (done["status"], done["progress"], done["video"]["duration"]) == ("done", 100, 6)
    assert done["video"]["respect_moderation"] is True
    assert content.content == MP4


async def test_the_words_of_this_shape_reach_the_upstream() -> None:
    async with videos(made(), protocol=MIDDLE) as running:
        accepted = await generate(
            running,
            duration=10,
            aspect_ratio="1:1",
            resolution="720p",
            image=PIXEL,
            reference_images=[PIXEL, PIXEL],
        )
        await ended(running, accepted["request_id"])
        call = asked(running)

    assert (call.seconds, call.ratio, call.resolution) == (10, "1:1", "720p")
    assert len(call.references) == 3


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"resolution": "1080p"}, "unsupported_value", "resolution"),
        ({"duration": 0}, "integer_below_min_value", "duration"),
        ({"duration": "6"}, "invalid_type", "duration"),
        ({"image": {"url": "https://"}}, "unsupported_value", "image"),
        ({"aspect_ratio": "5:4"}, "invalid_value", "aspect_ratio"),
    ],
)
async def test_a_fault_names_the_field_of_this_shape(fields: Any, code: str, param: str) -> None:
    async with videos(protocol=NEW) as running:
        error = (await generate(running, **fields))["error"]

    assert (error["code"], error["param"]) == (code, param)


async def test_a_failed_job_says_why() -> None:
    async with videos(made("a page")) as running:
        accepted = await generate(running)
        done = await ended(running, accepted["request_id"])

    assert (done["status"], done["error"]["code"]) == ("failed", "upstream_error")


async def test_a_video_is_continued_by_its_link_or_its_id() -> None:
    tokens = {"t1": 100, "t2": 100}
    async with videos(made("v1"), made("v2"), made("v3"), tokens=tokens) as running:
        first = await generate(running, duration=10)
        video = (await ended(running, first["request_id"]))["video"]
        second = await generate(running, EXTENSIONS, video={"url": video["url"]}, duration=10)
        longer = await ended(running, second["request_id"])
        third = await running.client.post(
            EXTENSIONS,
            files={
                "prompt": (None, "on"),
                "video[id]": (None, second["request_id"]),
                "seconds": (None, "6"),
            },
        )
        longest = await ended(running, third.json()["id"])
        calls = [asked(running, place) for place in range(3)]
        accounts = {one.account for one in running.fake.asked}

    assert longer["video"]["duration"] == 20
    assert (third.json()["object"], longest["seconds"]) == ("video", "26")
    assert [(call.extends, call.original, call.start_s) for call in calls] == [
        (None, None, 0.0),
        ("v1", "v1", 10.0),
        ("v2", "v1", 20.0),
    ]
    assert len(accounts) == 1


@pytest.mark.parametrize(
    ("video", "status", "code"),
    [
        ({"url": "https://elsewhere.example/a.mp4"}, 400, "invalid_value"),
        ({"url": "http://gateway.test/v1/files/video/unknown.mp4"}, 400, "invalid_value"),
        ({"id": "video_unknown"}, 404, "video_not_found"),
        ({}, 400, "missing_required_parameter"),
    ],
)
async def test_only_own_videos_are_continued(video: Any, status: int, code: str) -> None:
    async with videos() as running:
        reply = await running.client.post(EXTENSIONS, json={"prompt": "on", "video": video})

    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


async def test_where_the_profile_has_no_continuation_the_route_is_not_supported() -> None:
    async with videos(made(), protocol=NEW) as running:
        done = await finished(running)
        own, other = {"id": done["id"]}, {"url": "https://elsewhere.example/a.mp4"}
        replies = [
            await running.client.post(EXTENSIONS, json={"prompt": "on", **more})
            for more in (
                {"video": own},
                {"video": own, "model": MODEL},
                {"video": other, "model": MODEL},
            )
        ]

    assert {(reply.status_code, reply.json()["error"]["code"]) for reply in replies} == {
        (404, "endpoint_not_supported")
    }
