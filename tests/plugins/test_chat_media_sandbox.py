"""The OpenAI SDK in strict validation → gateway → web driver → sandbox, in every generation."""

from collections.abc import AsyncIterator
from typing import Any, get_args

import anyio
import httpx
import pytest
from openai import AsyncOpenAI

import grokgate_chat
import grokgate_images
import grokgate_responses
import grokgate_video
import grokgate_web
from grokgate.plugin.media.header import dimensions
from grokgate.sandbox import AccountFixture, Protocol
from grokgate.testing import RunningGateway, running_gateway, running_sandbox
from plugins.chat_media_world import EDIT, IMAGE, VIDEO, data_uri, links_in

pytestmark = pytest.mark.anyio
EVERY = pytest.mark.parametrize("protocol", get_args(Protocol), scope="module")
TOKEN = "sandbox-super-1"
PLUGINS = (grokgate_web, grokgate_chat, grokgate_responses, grokgate_images, grokgate_video)
DRAWS: Any = [{"role": "user", "content": "Draw it.\n@sim scenario=image image=2"}]


class World:
    """A client of a gateway in front of a sandbox, and a browser without a key."""

    def __init__(
        self, sdk: AsyncOpenAI, browser: httpx.AsyncClient, gateway: RunningGateway
    ) -> None:
        self.sdk = sdk
        self.browser = browser
        self.gateway = gateway

    async def chat(self, messages: Any, model: str = "grok-4", **extra: Any) -> str:
        """Return the content of an answer."""
        with anyio.fail_after(30):
            answer = await self.sdk.chat.completions.create(
                model=model, messages=messages, extra_body=extra
            )
        return answer.choices[0].message.content or ""

    async def stream(self, messages: Any, model: str = "grok-4", **extra: Any) -> str:
        """Return the same, read from a stream."""
        with anyio.fail_after(30):
            chunks = await self.sdk.chat.completions.create(
                model=model, messages=messages, stream=True, extra_body=extra
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

    async def open(self, link: str) -> bytes:
        """Download what a link in an answer leads to."""
        path = link.partition("//")[2].partition("/")[2]
        reply = await self.browser.get(f"/{path}")
        assert reply.status_code == 200
        return reply.content


@pytest.fixture(scope="module")
async def world(anyio_backend: str, protocol: Protocol) -> AsyncIterator[World]:
    """That of one generation, for all tests."""
    del anyio_backend
    accounts = [AccountFixture(token=TOKEN, tier="super")]
    async with running_sandbox(protocol=protocol, accounts=accounts) as (_, base):
        (spec,) = grokgate_web.grokgate_upstreams()
        assert spec.sandbox is not None
        settings = {**spec.sandbox(base), "grok.protocol": protocol}
        async with running_gateway(*PLUGINS, tokens={}, settings=settings) as running:
            await running.gateway.tokens.import_text(f'{{"ssoSuper":["{TOKEN}"]}}')
            async with (
                running.serve() as http,
                httpx.AsyncClient(base_url=http.base_url) as browser,
                AsyncOpenAI(
                    api_key=running.key,
                    base_url=f"{http.base_url}/v1",
                    max_retries=0,
                    _strict_response_validation=True,
                ) as sdk,
            ):
                yield World(sdk, browser, running)


@pytest.fixture
async def one(world: World) -> AsyncIterator[World]:
    """The same; a test must leave nothing behind."""
    yield world
    pool, permits = world.gateway.pool, world.gateway.gateway.permits
    with anyio.fail_after(5):
        while pool.open_leases or permits.taken:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.005)


@EVERY
async def test_pictures_of_a_chat_answer(one: World) -> None:
    content = await one.chat(DRAWS)
    streamed = await one.stream(DRAWS)
    pictures = {await one.open(link) for link in links_in(content)}

    assert len(links_in(streamed)) == len(pictures) == 2
    assert all(dimensions(picture) != (0, 0) for picture in pictures)


@EVERY
async def test_image_model(one: World) -> None:
    messages = [{"role": "user", "content": "a red kite"}]
    content = await one.chat(messages, IMAGE, image_config={"n": 2})
    streamed = await one.stream(messages, IMAGE)
    pictures = [await one.open(link) for link in links_in(content)]

    assert (len(pictures), len(links_in(streamed))) == (2, 1)
    assert all(dimensions(picture) != (0, 0) for picture in pictures)


@EVERY
async def test_edit_model(one: World) -> None:
    content = [
        {"type": "text", "text": "make it blue"},
        {"type": "image_url", "image_url": {"url": data_uri("a")}},
    ]
    answer = await one.chat([{"role": "user", "content": content}], EDIT)

    assert len(links_in(answer)) == 1


@EVERY
async def test_video_model(one: World) -> None:
    content = await one.stream([{"role": "user", "content": "waves"}], VIDEO)
    source = content.rpartition('src="')[2].partition('"')[0].replace("&amp;", "&")
    video = await one.open(source)

    assert content.startswith('<video id="video"')
    assert video[4:8] == b"ftyp"


@EVERY
async def test_pictures_of_a_response(one: World) -> None:
    prompt = DRAWS[0]["content"]
    with anyio.fail_after(30):
        text = await one.sdk.responses.create(model="grok-4", input=prompt)
        items = await one.sdk.responses.create(
            model="grok-4", input=prompt, tools=[{"type": "image_generation"}]
        )

    drawn = [item for item in items.output if item.type == "image_generation_call"]
    assert len(links_in(text.output_text)) == 2
    assert len([item for item in drawn if item.result]) == 2
