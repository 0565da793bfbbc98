"""What is refused before anything is paid for (`openai-contract.md` 5, 14)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

import grokgate_images
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from plugins.images_world import PATH, Images, error_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def running(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    async with running_gateway(Images(grokgate_images), upstream=FakeUpstream()) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"prompt": None}, "invalid_type", "prompt"),
        ({"prompt": " \n"}, "invalid_value", "prompt"),
        ({"prompt": "x" * 32_001}, "string_above_max_length", "prompt"),
        ({"n": 0}, "integer_below_min_value", "n"),
        ({"n": 11}, "integer_above_max_value", "n"),
        ({"n": "2"}, "invalid_type", "n"),
        ({"n": 3, "stream": True}, "invalid_value", "stream"),
        ({"size": "big"}, "invalid_value", "size"),
        ({"size": "0x1024"}, "invalid_value", "size"),
        ({"size": "1024x1024 "}, "invalid_value", "size"),
        ({"aspect_ratio": "0:1"}, "invalid_value", "aspect_ratio"),
        ({"response_format": "html"}, "invalid_value", "response_format"),
        ({"partial_images": 4}, "integer_above_max_value", "partial_images"),
        ({"concurrency": 4}, "integer_above_max_value", "concurrency"),
        ({"background": "transparent"}, "unsupported_value", "background"),
        ({"output_format": "svg"}, "unsupported_value", "output_format"),
        ({"output_format": "gif"}, "unsupported_value", "output_format"),
        ({"svg": True}, "unsupported_parameter", "svg"),
        ({"frame_count": 2}, "unsupported_parameter", "frame_count"),
        ({"quality": 1}, "invalid_type", "quality"),
        ({"model": "grok-4"}, "model_not_supported", "model"),
    ],
    ids=str,
)
async def test_request_is_refused(
    running: RunningGateway, fields: dict[str, Any], code: str, param: str
) -> None:
    reply = await running.client.post(PATH, json={"prompt": "a kite", **fields})

    assert error_of(reply) == (400, code, param)
    assert not running.fake.asked


async def test_prompt_is_needed(running: RunningGateway) -> None:
    reply = await running.client.post(PATH, json={"n": 1})

    assert error_of(reply) == (400, "missing_required_parameter", "prompt")


async def test_unknown_model_is_found_before_rules_between_fields(running: RunningGateway) -> None:
    body = {"prompt": "a kite", "model": "dall-e-9", "n": 5, "stream": True}

    assert error_of(await running.client.post(PATH, json=body)) == (404, "model_not_found", "model")


async def test_bad_size_is_found_before_an_unknown_model(running: RunningGateway) -> None:
    body = {"prompt": "a kite", "model": "dall-e-9", "size": "x"}

    assert error_of(await running.client.post(PATH, json=body)) == (400, "invalid_value", "size")


async def test_fields_without_effect_are_named(running: RunningGateway) -> None:
    running.fake.add([])
    body = {"prompt": "a kite", "quality": "hd", "user": "me", "seed": 1}

    reply = await running.client.post(PATH, json=body)

    assert reply.headers["x-grokgate-ignored"] == "quality,user,seed"


async def test_switched_off_images_take_edits_with_them(running: RunningGateway) -> None:
    await running.change(downstream={"enable_images": False})
    replies = [
        await running.client.post(path, content=b"{")
        for path in (PATH, "/v1/images/edits", "/v1/images/variations")
    ]
    await running.change(downstream={"enable_images": True})

    assert [error_of(reply)[:2] for reply in replies] == [(404, "endpoint_disabled")] * 3
