from collections.abc import AsyncIterator

import pytest

from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from plugins.chat_world import Chat


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of a file share; other endpoints have a fixture of this name."""
    del anyio_backend
    tokens = {"t1": 5000, "t2": 5000}
    async with running_gateway(Chat(), upstream=FakeUpstream(), tokens=tokens) as gateway:
        yield gateway


@pytest.fixture
def running(shared: RunningGateway) -> RunningGateway:
    """The gateway of the file, whose upstream nobody has asked anything.

    Its settings, accounts and keys are those of the other tests, too. A test that changes them
    opens a gateway of its own.
    """
    shared.fake.forget()
    shared.records.clear()
    return shared
