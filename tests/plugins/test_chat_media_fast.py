"""The model whose parameters are the operator's, in conversations (F-IMG-13)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import grokgate_chat
import grokgate_images
import grokgate_responses
from grokgate.plugin.media import FAST
from grokgate.testing import RunningGateway, make_card, picture, running_gateway
from plugins.chat_media_world import RESPONSES, chat, error_of, joined, links_in, message_of, ready
from plugins.images_world import Images, requests_of

pytestmark = pytest.mark.anyio


class Chat(Images):
    """The plugin without its cards."""


class Responses(Images):
    """The same."""


@asynccontextmanager
async def fast(*answers: Any, **settings: Any) -> AsyncIterator[RunningGateway]:
    """A gateway with the fast model; *settings* are the operator's parameters."""
    plugins = (Chat(grokgate_chat), Responses(grokgate_responses), Images(grokgate_images))
    own = {f"imagine_fast.{name}": value for name, value in settings.items()}
    cards = [make_card(FAST, capability="image"), make_card("plain", capability="image")]
    async with running_gateway(*plugins, settings=own, cards=cards) as running:
        running.fake.contents |= {name: picture(name) for name in "abcd"}
        running.fake.add(*answers)
        yield running


async def test_what_the_request_says_has_no_effect() -> None:
    config = {"n": 4, "size": "1:1", "response_format": "b64_json"}
    async with fast([ready("a"), ready("b", 1)], n=2, size="16:9") as running:
        reply = await chat(running, model=FAST, image_config=config)
        (request,) = requests_of(running)

    assert len(links_in(message_of(reply)["content"])) == 2
    assert request.prompt.endswith("aspect ratio 16:9")


async def test_pictures_may_come_in_the_text() -> None:
    async with fast([ready("a")], response_format="base64") as running:
        reply = await chat(running, model=FAST, image_config={"response_format": "url"})

    assert "(data:image/png;base64," in message_of(reply)["content"]


async def test_stream_has_two_pictures_at_most() -> None:
    async with fast([ready("a"), ready("b", 1)], n=5) as running:
        reply = await chat(running, model=FAST, stream=True)

    assert len(links_in(joined(reply))) == 2


async def test_responses_have_the_same_parameters() -> None:
    async with fast([ready("a")], size="3:2") as running:
        await running.client.post(RESPONSES, json={"model": FAST, "input": "a kite"})
        (request,) = requests_of(running)

    assert request.prompt == "a kite, aspect ratio 3:2"


async def test_other_models_are_asked_what_the_request_says() -> None:
    async with fast([ready("a")], n=2, size="16:9") as running:
        await chat(running, model="plain", image_config={"size": "1:1"})
        (request,) = requests_of(running)

    assert request.prompt.endswith("aspect ratio 1:1")


async def test_a_value_of_no_meaning_is_refused_all_the_same() -> None:
    async with fast() as running:
        reply = await chat(running, model=FAST, image_config={"size": "large"})

    assert error_of(reply) == (400, "invalid_value", "image_config.size")
