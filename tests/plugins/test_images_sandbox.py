"""The OpenAI SDK in strict validation → gateway → web driver → sandbox, in every generation."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

import anyio
import pytest
from openai import AsyncOpenAI

import grokgate_images
import grokgate_images_nsfw
import grokgate_web
from grokgate.plugin.media.header import dimensions
from grokgate.sandbox import AccountFixture, Protocol
from grokgate.sandbox.fixtures import Nsfw
from grokgate.testing import RunningGateway, picture, running_gateway, running_sandbox

pytestmark = pytest.mark.anyio
EVERY = pytest.mark.parametrize("protocol", get_args(Protocol), scope="module")
TOKENS = ("sandbox-super-1", "sandbox-super-2")


@asynccontextmanager
async def sdk(
    protocol: Protocol, **settings: Any
) -> AsyncIterator[tuple[AsyncOpenAI, RunningGateway]]:
    """A client of a gateway in front of a sandbox with two paid accounts."""
    accounts = [
        AccountFixture(token=token, tier="super", nsfw=Nsfw(enabled=True)) for token in TOKENS
    ]
    async with running_sandbox(protocol=protocol, accounts=accounts) as (_, base):
        (spec,) = grokgate_web.grokgate_upstreams()
        assert spec.sandbox is not None
        changed = {**spec.sandbox(base), "grok.protocol": protocol, **settings}
        plugins = (grokgate_web, grokgate_images, grokgate_images_nsfw)
        async with running_gateway(*plugins, tokens={}, settings=changed) as running:
            await running.gateway.tokens.import_text('{"ssoSuper":["' + '","'.join(TOKENS) + '"]}')
            async with (
                running.serve() as http,
                AsyncOpenAI(
                    api_key=running.key,
                    base_url=f"{http.base_url}/v1",
                    max_retries=0,
                    _strict_response_validation=True,
                ) as client,
            ):
                yield client, running
            assert running.pool.open_leases == 0
            assert running.gateway.permits.taken == 0


@pytest.fixture(scope="module")
async def shared(
    anyio_backend: str, protocol: Protocol
) -> AsyncIterator[tuple[AsyncOpenAI, RunningGateway]]:
    """The client and the gateway of one generation, for tests that want no settings."""
    del anyio_backend
    async with sdk(protocol) as both:
        yield both


@pytest.fixture
async def client(shared: tuple[AsyncOpenAI, RunningGateway]) -> AsyncIterator[AsyncOpenAI]:
    """That client; a test must leave nothing behind."""
    client, running = shared
    yield client
    with anyio.fail_after(5):
        while running.pool.open_leases or running.gateway.permits.taken:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.005)


def size_of(data: str | None) -> str:
    width, height = dimensions(base64.b64decode(data or ""))
    return f"{width}x{height}"


@EVERY
@pytest.mark.parametrize("method", ["legacy", "imagine_ws_experimental"])
async def test_generate(protocol: Protocol, method: str) -> None:
    async with sdk(protocol, **{"grok.image_generation_method": method}) as (client, _):
        with anyio.fail_after(30):
            raw = await client.images.with_raw_response.generate(
                prompt="a red kite", n=2, response_format="b64_json"
            )
    made = raw.parse()

    assert raw.headers["x-grokgate-image-method"] == method
    assert made.data is not None
    assert len({one.b64_json for one in made.data}) == 2
    assert made.size == size_of(made.data[0].b64_json)


@EVERY
async def test_stream_with_previews(client: AsyncOpenAI) -> None:
    with anyio.fail_after(30):
        stream = await client.images.generate(prompt="a red kite", stream=True, partial_images=2)
        events = [event async for event in stream]

    kinds = [event.type.rpartition(".")[2] for event in events]
    assert kinds[-1] == "completed"
    assert set(kinds[:-1]) == {"partial_image"}
    assert events[-1].size == size_of(events[-1].b64_json)


@EVERY
async def test_edit_of_two_pictures(client: AsyncOpenAI) -> None:
    with anyio.fail_after(30):
        made = await client.images.edit(
            image=[("a.png", picture("a")), ("b.png", picture("b"))],
            prompt="make it blue",
            response_format="b64_json",
        )

    assert made.data is not None
    assert size_of(made.data[0].b64_json) == made.size


@EVERY
async def test_streamed_edit(client: AsyncOpenAI) -> None:
    with anyio.fail_after(30):
        stream = await client.images.edit(
            image=("a.png", picture("a")), prompt="make it blue", stream=True
        )
        events = [event async for event in stream]

    assert events[-1].type == "image_edit.completed"


@EVERY
async def test_nsfw(client: AsyncOpenAI) -> None:
    with anyio.fail_after(30):
        reply = await client.post(
            "/images/generations/nsfw",
            body={"prompt": "a kite", "n": 2, "response_format": "b64_json"},
            cast_to=object,
        )

    assert len(reply["data"]) == 2  # type: ignore[index]  # a mapping
