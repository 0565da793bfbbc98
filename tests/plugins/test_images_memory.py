"""How much memory pictures take on their way to the client (S17)."""

import json
import tracemalloc
from collections.abc import AsyncIterator

import anyio
import pytest

import grokgate_images
from grokgate.testing import FakeUpstream, RunningGateway, picture, running_gateway
from plugins.images_world import PATH, Images, draws, encoded

pytestmark = pytest.mark.anyio
_MB = 1 << 20
_EACH_MB, _COUNT = 4, 10


@pytest.fixture
async def running(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    async with running_gateway(Images(grokgate_images), upstream=FakeUpstream()) as gateway:
        for index in range(0, _COUNT, 2):
            labels = str(index), str(index + 1)
            gateway.fake.add(draws(gateway, *labels))
            for label in labels:
                gateway.fake.contents[label] = picture(label) + bytes(_EACH_MB * _MB)
        yield gateway


async def measure(running: RunningGateway, **fields: object) -> tuple[int, int]:
    """Ask for all pictures; return the bytes of the body, and of the memory it took."""
    body = {"prompt": "a kite", "n": _COUNT, **fields}
    with anyio.fail_after(60):
        async with running.serve() as client:
            tracemalloc.start()  # only now: the server is no part of the answer
            try:
                async with client.stream("POST", PATH, json=body) as reply:
                    size = sum([len(piece) async for piece in reply.aiter_raw()])
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
    assert size == int(reply.headers["content-length"])
    return size, peak


async def test_pictures_in_the_answer_are_in_memory_once(running: RunningGateway) -> None:
    size, peak = await measure(running, response_format="b64_json")

    assert size > _COUNT * _EACH_MB * _MB * 4 / 3
    assert peak < size + 8 * _EACH_MB * _MB


async def test_pictures_behind_links_are_not_in_memory(running: RunningGateway) -> None:
    _, peak = await measure(running, response_format="url")

    assert peak < 4 * _EACH_MB * _MB


async def test_pieces_make_one_json_body(running: RunningGateway) -> None:
    for label in map(str, range(_COUNT)):
        running.fake.contents[label] = picture(label)

    reply = await running.client.post(
        PATH, json={"prompt": "a kite", "n": _COUNT, "response_format": "b64_json"}
    )

    found = {one["b64_json"] for one in json.loads(reply.content)["data"]}
    assert found == {encoded(str(index)) for index in range(_COUNT)}
    assert reply.headers["content-type"] == "application/json"
