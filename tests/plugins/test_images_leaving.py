"""A client may leave at any moment: no lease, permit or call is left behind (P3, I5)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import grokgate_images
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from plugins.images_world import PATH, Images, draws, preview

pytestmark = pytest.mark.anyio
_FEWEST_TURNS, _MOST_TURNS = 8, 2000
"""Of the event loop, between which a request is done."""
_METHODS = ["legacy", "imagine_ws_experimental"]


@pytest.fixture(params=_METHODS)
async def running(
    anyio_backend: str, request: pytest.FixtureRequest
) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    # Without files nothing waits for a thread, so that a request takes the same turns each time.
    settings = {"grok.image_generation_method": request.param, "cache.keep_base64_cache": False}
    async with running_gateway(
        Images(grokgate_images), upstream=FakeUpstream(), tokens={"t1": 10_000}, settings=settings
    ) as gateway:
        yield gateway


def answer(running: RunningGateway) -> Any:
    """Pictures with a preview each, as many as are asked for."""

    async def draw(request: Any) -> Any:
        for slot, event in enumerate(draws(running, *(str(i) for i in range(request.count)))):
            yield preview(running, slot, f"rough {slot}")
            yield event

    return draw


async def leave_after(running: RunningGateway, turns: int, **fields: Any) -> bool:
    """Send a request and leave after some turns of the event loop; return whether it was done."""
    running.fake.add(*[answer(running)] * 3)
    body = {"prompt": "a kite", "concurrency": 2, "response_format": "b64_json", **fields}
    asking = asyncio.create_task(running.client.post(PATH, json=body))
    for _ in range(turns):
        await asyncio.sleep(0)
    done = asking.done()
    asking.cancel()
    await asyncio.wait([asking])
    return done


@pytest.mark.parametrize("fields", [{"n": 6}, {"n": 2, "stream": True, "partial_images": 2}])
async def test_nothing_is_left_behind(running: RunningGateway, fields: dict[str, Any]) -> None:
    for turns in range(_MOST_TURNS):
        done = await leave_after(running, turns, **fields)
        with anyio.fail_after(5):
            while running.pool.open_leases or running.gateway.permits.taken:
                await anyio.lowlevel.checkpoint()
        if done:
            break

    assert done
    assert turns > _FEWEST_TURNS
