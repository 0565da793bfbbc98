"""What a request leaves in memory: nothing that has to wait for the garbage collector.

Objects that refer to each other would stay with all they hold, prompts and files of thousands of
requests, and the collector would then hold everybody up while it looks for them.
"""

import gc

import pytest

from grokgate.testing import RunningGateway
from grokgate.upstream import Event, Finished
from plugins.chat_world import PATH, says

pytestmark = pytest.mark.anyio
ASKED = {"model": "grok-4", "messages": [{"role": "user", "content": "Hi"}]}
OF_REQUESTS = {"Call", "Conversation", "Departure", "Emulated", "LiveExchange", "Trial"}
"""Types of which there is one per request; a gateway that was closed before has none."""


async def left_by(running: RunningGateway, **fields: object) -> set[str]:
    """Name the types that only the collector finds after two requests."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        async with running.serve() as client:
            for _ in range(2):
                reply = await client.post(PATH, json={**ASKED, **fields})
                assert reply.is_success
        gc.collect()
        kinds = {type(found).__qualname__ for found in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    return kinds & OF_REQUESTS


@pytest.mark.parametrize(
    "fields",
    [{}, {"stream": True}, {"stop": ["never"]}, {"stream": True, "stop": ["never"]}],
    ids=["whole", "streamed", "emulated", "emulated-streamed"],
)
async def test_answered_requests_leave_nothing_to_collect(
    running: RunningGateway, fields: dict[str, object]
) -> None:
    answer: list[Event] = [*says("Good", " day"), Finished()]
    running.fake.add(answer, answer)

    assert await left_by(running, **fields) == set()
