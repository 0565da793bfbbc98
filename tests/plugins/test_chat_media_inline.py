"""Pictures and videos that ordinary answers make (F-CHAT-25)."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from grokgate.testing import RunningGateway, picture
from grokgate.upstream import Finished, Kind, Progress, TextDelta, ThinkingDelta
from plugins.chat_media_world import (
    ALONE,
    MESSAGES,
    RESPONSES,
    chat,
    conversing,
    data_uri,
    download,
    error_of,
    film,
    joined,
    links_in,
    message_of,
    ready,
)
from plugins.images_world import refused

pytestmark = pytest.mark.anyio

SAID = TextDelta(text="Here.")


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with conversing() as running:
        yield running


async def test_pictures_stand_at_the_end_a_line_each(running: RunningGateway) -> None:
    running.fake.add([ready("a"), SAID, ready("b", 1)])
    content = message_of(await chat(running))["content"]
    first, second = links_in(content)

    assert content.startswith("Here.\n\n![")
    assert await download(running, first) == picture("a")
    assert await download(running, second) == picture("b")


async def test_stream_has_the_same() -> None:
    async with conversing([SAID, ready()], [SAID, ready()], **{"app.image_format": "base64"}) as r:
        content = joined(await chat(r, stream=True))
        whole = message_of(await chat(r))["content"]

    assert content.startswith("Here.\n\n![")
    assert links_in(content) == links_in(whole) == [data_uri("a")]


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "unary"])
async def test_pictures_alone_are_an_answer(running: RunningGateway, stream: bool) -> None:  # noqa: FBT001 - a parameter
    running.fake.add([ready()])
    reply = await chat(running, stream=stream)
    content = joined(reply) if stream else message_of(reply)["content"]

    assert len(links_in(content)) == 1
    assert running.pool.open_leases == 0


@pytest.mark.parametrize("keeps", [True, False])
async def test_embedded_pictures_are_kept_as_the_operator_says(keeps: bool) -> None:  # noqa: FBT001
    settings = {"app.image_format": "base64", "cache.keep_base64_cache": keeps}
    async with conversing([ready()], **settings) as running:
        content = message_of(await chat(running))["content"]

    assert content.startswith("![image](data:") != keeps


async def test_the_same_picture_twice_is_one(running: RunningGateway) -> None:
    running.fake.add([ready("a"), ready("a", 1)])
    content = message_of(await chat(running))["content"]

    assert len(links_in(content)) == 1


async def test_picture_that_is_lost_leaves_the_text() -> None:
    async with conversing([SAID, ready()]) as running:
        running.fake.contents["a"] = Kind.TRANSIENT
        content = message_of(await chat(running))["content"]

        assert content == "Here."
        assert [entry for entry in running.logs if entry["event"] == "made_file_lost"]


async def test_answer_whose_only_picture_is_lost_is_an_error() -> None:
    async with conversing([ready()], [ready()]) as running:
        running.fake.contents["a"] = b"no picture"
        unary = await chat(running)
        streamed = await chat(running, stream=True)

    assert error_of(unary)[0] == 502
    assert json.loads(streamed.text.split("\n\n")[0].removeprefix("data: "))["error"]


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        ({"response_format": {"type": "json_object"}}, "{}"),
        ({"stop": ["}"]}, "{"),
        ({"max_tokens": 1}, "{}"),
    ],
    ids=["json", "stop", "length"],
)
async def test_answer_that_is_bounded_has_no_pictures(
    running: RunningGateway, fields: Any, content: str
) -> None:
    running.fake.add([ready(), TextDelta(text="{}"), TextDelta(text=" etc.")])
    reply = await chat(running, **fields)

    assert message_of(reply)["content"].startswith(content)
    assert "![" not in message_of(reply)["content"]


async def test_moderated_end_has_no_pictures(running: RunningGateway) -> None:
    running.fake.add([SAID, ready(), Finished(reason="refused")])
    assert message_of(await chat(running))["content"] == "Here."


async def test_picture_counts_as_an_attachment_whatever_its_form() -> None:
    async with conversing([ready()], [ready()]) as running:
        linked = (await chat(running)).json()["usage"]
        await running.change(app={"image_format": "base64"})
        embedded = (await chat(running)).json()["usage"]

    assert linked["completion_tokens"] == embedded["completion_tokens"] == ALONE


async def test_progress_is_reasoning_a_line_per_change(running: RunningGateway) -> None:
    script = [
        ThinkingDelta(text="Hm."),
        *(Progress(slot=0, percent=percent) for percent in (0, 50, 50, 90)),
        Progress(slot=1, percent=50),
        ready(),
    ]
    running.fake.add(script)
    message = message_of(await chat(running))

    assert message["reasoning_content"].splitlines() == [
        "Hm.",
        "Generating image 1, 0 %",
        "Generating image 1, 50 %",
        "Generating image 1, 90 %",
        "Generating image 2, 50 %",
    ]


async def test_each_alternative_has_its_own_pictures(running: RunningGateway) -> None:
    running.fake.add([ready("a")], [ready("b")])
    choices = (await chat(running, n=2)).json()["choices"]

    links = [links_in(choice["message"]["content"]) for choice in choices]
    assert [len(one) for one in links] == [1, 1]
    assert links[0] != links[1]


@pytest.mark.parametrize(
    ("settings", "begin"),
    [
        ({}, '<video id="video" controls="" preload="none" poster="http'),
        ({"grok.video_poster_preview": True}, '<a href="http'),
        ({"app.video_format": "plain_url"}, "http"),
        ({"app.video_format": "html"}, "<video "),
    ],
    ids=["tag", "poster", "address", "older_word"],
)
async def test_video_has_the_form_the_operator_says(settings: Any, begin: str) -> None:
    async with conversing([SAID, film("a")], **settings) as running:
        content = message_of(await chat(running))["content"]

    assert content.startswith(f"Here.\n\n{begin}")


async def test_video_whose_poster_is_lost_is_there() -> None:
    async with conversing([SAID, film("a")]) as running:
        running.fake.contents["a"] = Kind.TRANSIENT
        content = message_of(await chat(running))["content"]

    assert content.startswith("Here.\n\n<video ")
    assert "poster" not in content


async def test_moderation_after_mere_progress_is_an_error(running: RunningGateway) -> None:
    running.fake.add(refused(Progress(slot=0, percent=40)))
    reply = await chat(running)

    assert error_of(reply) == (400, "content_policy_violation", None)


async def test_what_is_no_video_is_none() -> None:
    async with conversing([SAID, film()]) as running:
        running.fake.contents["v"] = picture("a")
        assert message_of(await chat(running))["content"] == "Here."


async def test_messages_show_pictures_too(running: RunningGateway) -> None:
    running.fake.add([SAID, ready()])
    body = {
        "model": "grok-4",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "a red kite"}],
    }
    reply = await running.client.post(MESSAGES, json=body)
    (block,) = reply.json()["content"]

    assert block["text"].startswith("Here.\n\n![")
    assert await download(running, links_in(block["text"])[0]) == picture("a")


async def test_responses_show_pictures_as_text_where_no_tool_is_declared(
    running: RunningGateway,
) -> None:
    running.fake.add([SAID, ready()])
    body = {"model": "grok-4", "input": "a red kite"}
    reply = (await running.client.post(RESPONSES, json=body)).json()

    assert [item["type"] for item in reply["output"]] == ["message"]
    assert len(links_in(reply["output_text"])) == 1


async def test_responses_show_pictures_as_items_where_the_tool_is_declared(
    running: RunningGateway,
) -> None:
    running.fake.add([SAID, ready()])
    body = {"model": "grok-4", "input": "kite", "tools": [{"type": "image_generation"}]}
    reply = (await running.client.post(RESPONSES, json=body)).json()

    assert [item["type"] for item in reply["output"]] == ["message", "image_generation_call"]
    assert reply["output_text"] == "Here."
