from collections.abc import AsyncIterator

import pytest

from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from plugins.chat_world import Chat


@pytest.fixture
async def running(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    upstream = FakeUpstream()
    async with running_gateway(Chat(), upstream=upstream, tokens={"t1": 50, "t2": 50}) as gateway:
        yield gateway
