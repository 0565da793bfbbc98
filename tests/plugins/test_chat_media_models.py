"""Image and edit models through chat (F-CHAT-12)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from grokgate.testing import RunningGateway, picture
from grokgate.upstream import ImageRequest, Kind, Progress
from plugins.chat_media_world import (
    ALONE,
    EDIT,
    IMAGE,
    chat,
    chunks_of,
    conversing,
    data_uri,
    download,
    error_of,
    joined,
    links_in,
    message_of,
    ready,
    shows,
)
from plugins.images_world import refused

pytestmark = pytest.mark.anyio

AUDIO = {"type": "input_audio", "input_audio": {"data": "aa", "format": "wav"}}


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with conversing() as running:
        yield running


def asked(running: Any) -> ImageRequest:
    request = running.fake.asked[-1].request
    assert isinstance(request, ImageRequest)
    return request


async def test_picture_is_made_from_the_last_message_of_the_user(running: RunningGateway) -> None:
    messages = [
        {"role": "system", "content": "You paint."},
        {"role": "user", "content": "a boat"},
        {"role": "assistant", "content": "![b](https://gone.example/b)"},
        {"role": "user", "content": "  a red kite "},
    ]
    running.fake.add([ready()])
    reply = await chat(running, model=IMAGE, messages=messages)
    (link,) = links_in(message_of(reply)["content"])

    assert asked(running).prompt == "a red kite"
    assert reply.headers["x-grokgate-image-method"] == "legacy"
    assert await download(running, link) == picture("a")


async def test_stream_tells_progress_and_then_the_pictures(running: RunningGateway) -> None:
    script = [Progress(slot=0, percent=40), ready("a"), ready("b", 1)]
    running.fake.add(script)
    reply = await chat(running, model=IMAGE, stream=True, image_config={"n": 2})

    assert joined(reply, "reasoning_content") == "Generating image 1, 40 %\n"
    assert len(links_in(joined(reply))) == 2
    assert chunks_of(reply)[-1]["choices"][0]["finish_reason"] == "stop"
    assert (running.pool.open_leases, running.gateway.permits.taken) == (0, 0)


async def test_image_config_is_applied(running: RunningGateway) -> None:
    config = {"n": 2, "size": "1024x1024", "response_format": "b64_json"}
    running.fake.add([ready("a"), ready("b", 1)])
    reply = await chat(running, model=IMAGE, image_config=config)

    assert (asked(running).count, asked(running).prompt) == (2, "a red kite, aspect ratio 1:1")
    assert links_in(message_of(reply)["content"]) == [data_uri("a"), data_uri("b")]
    assert "x-grokgate-ignored" not in reply.headers


async def test_fewer_pictures_than_asked_for_are_told(running: RunningGateway) -> None:
    running.fake.add([ready()])
    reply = await chat(running, model=IMAGE, image_config={"n": 2})

    assert reply.headers["x-grokgate-missing"] == "1"


async def test_usage_counts_pictures_and_the_message_they_are_made_from(
    running: RunningGateway,
) -> None:
    running.fake.add([ready("a"), ready("b", 1)])
    reply = await chat(running, model=IMAGE, image_config={"n": 2})

    usage = reply.json()["usage"]
    assert usage["completion_tokens"] == 2 * ALONE
    assert usage["prompt_tokens"] < 10


async def test_edit_model_changes_the_pictures_of_the_last_message(running: RunningGateway) -> None:
    messages = [*shows("c"), {"role": "assistant", "content": "Done."}, *shows("a", "b")]
    running.fake.add([ready("d")])
    reply = await chat(running, model=EDIT, messages=messages)

    read = [b"".join([piece async for piece in blob.open()]) for blob in asked(running).references]
    assert read == [picture("a"), picture("b")]
    assert len(links_in(message_of(reply)["content"])) == 1
    assert reply.json()["usage"]["prompt_tokens"] > 2 * ALONE


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (
            {"model": EDIT, "messages": shows("a", text=" ")},
            (400, "invalid_value", "messages"),
        ),
        ({"messages": shows("a")}, (400, "unsupported_value", "messages")),
        ({"model": EDIT}, (400, "missing_required_parameter", "messages")),
        (
            {"messages": [{"role": "system", "content": "You paint."}]},
            (400, "invalid_value", "messages"),
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, AUDIO]}]},
            (400, "unsupported_file_type", "messages"),
        ),
        (
            {"messages": [{"role": "user", "content": "a" * 32_001}]},
            (400, "string_above_max_length", "messages"),
        ),
        ({"image_config": {"n": 11}}, (400, "integer_above_max_value", "image_config.n")),
        ({"image_config": {"n": "2"}}, (400, "invalid_type", "image_config.n")),
        ({"image_config": {"size": "big"}}, (400, "invalid_value", "image_config.size")),
        (
            {"image_config": {"response_format": "svg"}},
            (400, "invalid_value", "image_config.response_format"),
        ),
        ({"image_config": {"n": 3}, "stream": True}, (400, "invalid_value", "stream")),
        ({"n": 2}, (400, "integer_above_max_value", "n")),
        ({"model": "grok-imagine-9"}, (404, "model_not_found", "model")),
    ],
)
async def test_what_cannot_be_made_is_refused_unasked(
    running: RunningGateway, fields: Any, error: Any
) -> None:
    reply = await chat(running, **{"model": IMAGE, **fields})

    assert error_of(reply) == error
    assert not running.fake.asked


async def test_moderation_is_an_error_though_there_was_progress(running: RunningGateway) -> None:
    script = refused(Progress(slot=0, percent=40))
    running.fake.add(script, script)
    unary = await chat(running, model=IMAGE)
    streamed = await chat(running, model=IMAGE, stream=True)

    assert error_of(unary) == (400, "content_policy_violation", None)
    assert chunks_of(streamed)[-1]["error"]["code"] == "content_policy_violation"


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_refusal_before_any_news_is_an_error_of_http(
    running: RunningGateway, stream: str
) -> None:
    running.fake.add(Kind.MODERATION)
    reply = await chat(running, model=IMAGE, stream=stream)

    assert error_of(reply)[:2] == (400, "content_policy_violation")
    assert running.gateway.permits.taken == 0


async def test_no_picture_at_all_is_an_error(running: RunningGateway) -> None:
    running.fake.add([Progress(slot=0, percent=40)])
    reply = await chat(running, model=IMAGE)

    assert error_of(reply) == (502, "image_generation_failed", None)


@pytest.mark.parametrize(
    ("model", "fields", "ignored"),
    [
        ("grok-4", {"image_config": {}, "video_config": {}}, "image_config,video_config"),
        (IMAGE, {"image_config": {}, "video_config": {}}, "video_config"),
        (IMAGE, {"max_tokens": 5, "stop": ["a"], "temperature": 1}, "temperature,max_tokens,stop"),
    ],
)
async def test_what_has_no_effect_on_the_model_is_told(
    model: str, fields: Any, ignored: str
) -> None:
    async with conversing([ready()]) as running:
        told = await chat(running, model=model, **fields)
        await running.change(compat={"strict_params": True})
        strict = await chat(running, model=model, **fields)

    assert told.headers["x-grokgate-ignored"] == ignored
    assert error_of(strict)[:2] == (400, "unsupported_parameter")


async def test_key_pays_for_the_pictures_asked_for() -> None:
    async with conversing([ready("a"), ready("b", 1)]) as running:
        await chat(running, model=IMAGE, image_config={"n": 2})

    assert sum(record.outputs for record in running.records) == 2
