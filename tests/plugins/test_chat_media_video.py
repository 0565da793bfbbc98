"""The video model through chat (F-VID-01 to F-VID-09)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from grokgate.testing import RunningGateway
from grokgate.upstream import Kind, Progress, VideoRequest
from plugins.chat_media_world import (
    ALONE,
    MP4,
    VIDEO,
    chat,
    chunks_of,
    conversing,
    download,
    error_of,
    film,
    joined,
    message_of,
    shows,
)
from plugins.images_world import refused

pytestmark = pytest.mark.anyio

STEPS = [Progress(slot=0, percent=percent) for percent in (10, 10, 42, 100)]


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with conversing() as running:
        yield running


def asked(running: Any) -> VideoRequest:
    request = running.fake.asked[-1].request
    assert isinstance(request, VideoRequest)
    return request


async def test_video_is_an_element_and_progress_is_reasoning(running: RunningGateway) -> None:
    running.fake.add([*STEPS, film("a")])
    message = message_of(await chat(running, model=VIDEO))
    source = message["content"].partition('src="')[2].partition('"')[0]

    assert message["content"].startswith('<video id="video" controls="" preload="none" poster=')
    assert await download(running, source.replace("&amp;", "&")) == MP4
    assert message["reasoning_content"].splitlines() == [
        "Generating video, 10 %",
        "Generating video, 42 %",
        "Generating video, 100 %",
    ]


async def test_stream_has_the_same() -> None:
    async with conversing([*STEPS, film()], **{"app.video_format": "plain_url"}) as running:
        reply = await chat(
            running, model=VIDEO, stream=True, stream_options={"include_usage": True}
        )

        assert joined(reply).startswith("http")
        assert joined(reply, "reasoning_content").count("\n") == 3
        assert chunks_of(reply)[-1]["usage"]["completion_tokens"] == ALONE
        assert (running.pool.open_leases, running.gateway.permits.taken) == (0, 0)


async def test_video_config_is_applied(running: RunningGateway) -> None:
    config = {"aspect_ratio": "16:9", "video_length": 10, "resolution": "HD", "preset": "fun"}
    running.fake.add([film()])
    message_of(await chat(running, model=VIDEO, messages=shows("a"), video_config=config))

    request = asked(running)
    made = (request.ratio, request.seconds, request.resolution, request.preset)
    assert made == ("16:9", 10, "720p", "fun")
    assert (request.prompt, len(request.references)) == ("make it", 1)


async def test_video_that_is_not_described_is_the_usual_one(running: RunningGateway) -> None:
    running.fake.add([film()])
    message_of(await chat(running, model=VIDEO))

    assert (asked(running).ratio, asked(running).seconds, asked(running).preset) == (
        "3:2",
        6,
        "custom",
    )


@pytest.mark.parametrize(
    ("config", "code", "param"),
    [
        ({"aspect_ratio": "5:4"}, "invalid_value", "video_config.aspect_ratio"),
        ({"video_length": 17}, "integer_above_max_value", "video_config.video_length"),
        ({"seconds": 0}, "integer_below_min_value", "video_config.seconds"),
        ({"seconds": 1.5}, "invalid_type", "video_config.seconds"),
        ({"resolution_name": "4k"}, "invalid_value", "video_config.resolution_name"),
        ({"resolution": "LD"}, "invalid_value", "video_config.resolution"),
        ({"preset": "wild"}, "invalid_value", "video_config.preset"),
        ({"preset": "spicy"}, "unsupported_value", "video_config.preset"),
    ],
)
async def test_what_cannot_be_made_is_refused_unasked(
    running: RunningGateway, config: Any, code: str, param: str
) -> None:
    reply = await chat(running, model=VIDEO, video_config=config)

    assert error_of(reply) == (400, code, param)
    assert not running.fake.asked


async def test_video_needs_a_prompt(running: RunningGateway) -> None:
    reply = await chat(running, model=VIDEO, messages=shows("a", text=""))

    assert error_of(reply) == (400, "invalid_value", "messages")


async def test_other_files_start_no_video(running: RunningGateway) -> None:
    file = {"type": "file", "file": {"file_data": "aGk=", "filename": "a.txt"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "go"}, file]}]
    reply = await chat(running, model=VIDEO, messages=messages)

    assert error_of(reply) == (400, "unsupported_file_type", "messages")


async def test_moderation_is_an_error_though_there_was_progress(running: RunningGateway) -> None:
    running.fake.add(refused(*STEPS[:1]))
    reply = await chat(running, model=VIDEO)

    assert error_of(reply) == (400, "content_policy_violation", None)


async def test_no_video_at_the_end_is_an_error(running: RunningGateway) -> None:
    running.fake.add(STEPS, STEPS)
    unary = await chat(running, model=VIDEO)
    streamed = await chat(running, model=VIDEO, stream=True)

    assert error_of(unary) == (502, "video_failed", None)
    assert chunks_of(streamed)[-1]["error"]["code"] == "video_failed"


async def test_refusal_before_any_news_is_an_error_of_http(running: RunningGateway) -> None:
    running.fake.add(Kind.MODERATION)
    reply = await chat(running, model=VIDEO, stream=True)

    assert error_of(reply)[:2] == (400, "content_policy_violation")
