"""A video passes from the upstream to the store and to its client without staying in memory."""

import tracemalloc
from collections.abc import AsyncGenerator

import pytest

from plugins.video_world import MP4, PATH, finished, made, videos

pytestmark = pytest.mark.anyio

MIB = 1 << 20
VIDEO_MIB = 160
MORE_MIB = 24
"""What may be held of it at once."""


async def film() -> AsyncGenerator[bytes, None]:
    yield MP4
    for number in range(VIDEO_MIB):
        yield bytes([number]) * MIB


async def test_memory_stays_flat_while_a_big_video_passes() -> None:
    size = 0
    async with videos(made("big")) as running:
        running.fake.contents["big"] = film
        tracemalloc.start()
        try:
            done = await finished(running)
            async with (
                running.serve() as client,
                client.stream("GET", f"{PATH}/{done['id']}/content") as reply,
            ):
                async for piece in reply.aiter_raw():
                    size += len(piece)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert (done["status"], size) == ("completed", len(MP4) + VIDEO_MIB * MIB)
    assert peak <= MORE_MIB * MIB
