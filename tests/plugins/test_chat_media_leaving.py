"""A client may leave at any moment: no lease, permit or call is left behind (P3, I5)."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from grokgate.upstream import Event, Progress, TextDelta
from plugins.chat_media_world import CHAT, IMAGE, RESPONSES, VIDEO, conversing, film, ready

pytestmark = pytest.mark.anyio
_MOST_TURNS = 2000
"""Of the event loop; a request takes fewer."""
_STEP = 3
MESSAGES = [{"role": "user", "content": "a red kite"}]


async def makes(request: Any) -> AsyncGenerator[Event, None]:
    """Everything at once, whatever was asked for."""
    yield Progress(slot=0, percent=40)
    if hasattr(request, "messages"):
        yield TextDelta(text="Here.")
    yield film() if hasattr(request, "seconds") else ready()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"model": "grok-4", "messages": MESSAGES}),
        (CHAT, {"model": IMAGE, "messages": MESSAGES, "stream": True}),
        (CHAT, {"model": VIDEO, "messages": MESSAGES}),
        (RESPONSES, {"model": IMAGE, "input": "a red kite", "stream": True, "store": False}),
    ],
    ids=["inline", "pictures", "video", "responses"],
)
async def test_nothing_is_left_behind(path: str, body: Any) -> None:
    # Pictures that are not kept wait for no thread, so that a request takes the same turns.
    settings = {"app.image_format": "base64", "cache.keep_base64_cache": False}
    async with conversing(**settings) as running:
        for turns in range(0, _MOST_TURNS, _STEP):
            running.fake.add(makes)
            asking = asyncio.create_task(running.client.post(path, json=body))
            for _ in range(turns):
                await asyncio.sleep(0)
            done = asking.done()
            asking.cancel()
            await asyncio.wait([asking])
            with anyio.fail_after(5):
                while running.pool.open_leases or running.gateway.permits.taken:
                    await anyio.lowlevel.checkpoint()
            if done:
                break

    assert done
    assert turns > _STEP
