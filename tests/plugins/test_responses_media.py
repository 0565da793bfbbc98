"""Image and video models through responses, and pictures in ordinary answers (F-RESP-07)."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from grammar.responses import check_reply
from grokgate.testing import RunningGateway, picture
from grokgate.upstream import ImageRequest, Progress, TextDelta, VideoRequest
from plugins.chat_media_world import (
    ALONE,
    EDIT,
    IMAGE,
    RESPONSES,
    VIDEO,
    conversing,
    data_uri,
    error_of,
    film,
    links_in,
    ready,
)
from plugins.images_world import refused
from plugins.responses_world import settled

pytestmark = pytest.mark.anyio

STEP = Progress(slot=0, percent=40)
B64 = {"image_config": {"response_format": "b64_json"}}


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with conversing() as running:
        yield running


async def post(running: RunningGateway, **fields: Any) -> Any:
    body = {"model": IMAGE, "input": "a red kite", **fields}
    return await running.client.post(RESPONSES, json=body)


async def stream(running: RunningGateway, **fields: Any) -> list[Any]:
    """The events of a stream, after their order was checked."""
    reply = await post(running, stream=True, **fields)
    return check_reply(reply.headers["content-type"], [reply.content])


def types(response: Any) -> list[str]:
    return [item["type"] for item in response["output"]]


async def test_pictures_are_text(running: RunningGateway) -> None:
    running.fake.add([STEP, ready("a"), ready("b", 1)])
    response = (await post(running, image_config={"n": 2})).json()

    reasoning, _ = response["output"]
    assert types(response) == ["reasoning", "message"]
    assert reasoning["summary"][0]["text"] == "Generating image 1, 40 %\n"
    assert len(links_in(response["output_text"])) == 2
    assert response["usage"]["output_tokens"] == 2 * ALONE


async def test_pictures_are_items_where_their_data_is_wanted(running: RunningGateway) -> None:
    running.fake.add([STEP, ready()])
    response = (await post(running, **B64)).json()

    *_, item = response["output"]
    assert types(response) == ["reasoning", "image_generation_call"]
    assert base64.b64decode(item["result"]) == picture("a")
    assert (item["output_format"], item["status"]) == ("png", "completed")
    assert response["output_text"] == ""


async def test_pictures_are_items_where_the_tool_is_declared(running: RunningGateway) -> None:
    running.fake.add([ready()])
    response = (await post(running, tools=[{"type": "image_generation"}])).json()

    assert types(response) == ["image_generation_call"]
    assert base64.b64decode(response["output"][0]["result"]) == picture("a")


@pytest.mark.parametrize("fields", [{}, B64], ids=["text", "items"])
async def test_stream_ends_with_the_same_output(fields: Any) -> None:
    async with conversing([STEP, ready("a")], **{"app.image_format": "base64"}) as running:
        events = await stream(running, **fields)

    output = events[-1]["response"]["output"]
    assert events[-1]["type"] == "response.completed"
    assert ("result" in output[-1]) == bool(fields)


@pytest.mark.parametrize("fields", [{}, B64], ids=["text", "items"])
async def test_fewer_pictures_than_asked_for_are_told(running: RunningGateway, fields: Any) -> None:
    config = {"n": 2, **fields.get("image_config", {})}
    running.fake.add([ready()])
    reply = await post(running, image_config=config)

    assert len(reply.json()["output"]) == 1
    assert reply.headers["x-grokgate-missing"] == "1"
    assert reply.headers["x-grokgate-image-method"] == "legacy"


async def test_edit_model_changes_the_pictures_of_the_last_message(running: RunningGateway) -> None:
    content = [
        {"type": "input_text", "text": "make it blue"},
        {"type": "input_image", "image_url": data_uri("c")},
    ]
    running.fake.add([ready()])
    reply = await post(running, model=EDIT, input=[{"role": "user", "content": content}])

    request = running.fake.asked[-1].request
    assert isinstance(request, ImageRequest)
    assert (request.prompt, len(request.references)) == ("make it blue", 1)
    assert types(reply.json()) == ["message"]


async def test_video_is_an_element(running: RunningGateway) -> None:
    running.fake.add([STEP, film()])
    response = (await post(running, model=VIDEO, video_config={"seconds": 10})).json()

    request = running.fake.asked[-1].request
    assert isinstance(request, VideoRequest)
    assert request.seconds == 10
    assert response["output"][0]["summary"][0]["text"] == "Generating video, 40 %\n"
    assert response["output_text"].startswith('<video id="video"')


async def test_turn_continues_what_is_kept(running: RunningGateway) -> None:
    running.fake.add([ready("a")], [ready("b")])
    first = (await post(running)).json()
    second = await post(running, input="a boat", previous_response_id=first["id"])

    request = running.fake.asked[-1].request
    assert isinstance(request, ImageRequest)
    assert request.prompt == "a boat"
    assert second.json()["previous_response_id"] == first["id"]


async def test_conversation_goes_on_with_a_chat_model(running: RunningGateway) -> None:
    running.fake.add([ready("a")], [TextDelta(text="A kite.")])
    first = (await post(running, **B64)).json()
    reply = await post(
        running, model="grok-4", input="What is it?", previous_response_id=first["id"]
    )

    assert reply.json()["output_text"] == "A kite."


async def test_video_in_the_background(running: RunningGateway) -> None:
    running.fake.add([STEP, film()])
    queued = (await post(running, model=VIDEO, background=True)).json()
    response = await settled(running, queued["id"])

    assert (queued["status"], response["status"]) == ("queued", "completed")
    assert types(response) == ["reasoning", "message"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"image_config": {"n": 0}}, (400, "integer_below_min_value", "image_config.n")),
        ({"image_config": {"n": 3}, "stream": True}, (400, "invalid_value", "stream")),
        ({"model": EDIT}, (400, "missing_required_parameter", "input")),
        (
            {"model": VIDEO, "video_config": {"preset": "spicy"}, "background": True},
            (400, "unsupported_value", "video_config.preset"),
        ),
    ],
)
async def test_what_cannot_be_made_is_refused_unasked(
    running: RunningGateway, fields: Any, error: Any
) -> None:
    reply = await post(running, **fields)

    assert error_of(reply) == error
    assert not running.fake.asked


async def test_moderation_fails_the_response(running: RunningGateway) -> None:
    running.fake.add(refused(STEP), refused(STEP))
    unary = await post(running)
    events = await stream(running)

    assert error_of(unary) == (400, "content_policy_violation", None)
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"]["code"] == "image_content_policy_violation"


@pytest.mark.parametrize(
    ("model", "ignored"), [("grok-4", "image_config,video_config"), (IMAGE, "video_config")]
)
async def test_what_has_no_effect_on_the_model_is_told(model: str, ignored: str) -> None:
    fields = {"model": model, "image_config": {}, "video_config": {}}
    async with conversing([ready()]) as running:
        told = await post(running, **fields)
        await running.change(compat={"strict_params": True})
        strict = await post(running, **fields)

    assert told.headers["x-grokgate-ignored"] == ignored
    assert error_of(strict) == (400, "unsupported_parameter", ignored.partition(",")[0])


async def test_compaction_needs_a_chat_model(running: RunningGateway) -> None:
    reply = await running.client.post(f"{RESPONSES}/compact", json={"model": IMAGE, "input": "Hi"})

    assert error_of(reply) == (400, "model_not_supported", "model")
