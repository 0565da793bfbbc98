"""Responses that another process of the installation makes in the background."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

import grokgate_responses
from grokgate.testing import FakeUpstream, OtherProcess, RunningGateway, running_gateway
from grokgate_responses.answer.encode import Emitted
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.records import Record, Recorded
from plugins.responses_world import PATH, Held, ask, response, says, settled

pytestmark = pytest.mark.anyio

ID = "resp_1"
PATH_OF = f"{PATH}/{ID}"
STREAM = {"stream": "true"}
BEGUN = Record(response=response(ID, status="in_progress", background=True, store=True))


@pytest.fixture
async def running(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway that keeps a response under way."""
    del anyio_backend
    async with running_gateway(grokgate_responses, upstream=FakeUpstream()) as gateway:
        await _turns(gateway).put(BEGUN, owner=_owner(gateway))
        yield gateway


@pytest.fixture
def other(running: RunningGateway) -> OtherProcess:
    """The process that makes it."""
    other = running.other_process()
    other.start("responses", "response", ID)
    return other


@pytest.mark.usefixtures("other")
async def test_response_stands_as_it_was_kept(running: RunningGateway) -> None:
    found = (await running.client.get(PATH_OF)).json()

    assert (found["status"], found["error"]) == ("in_progress", None)


async def test_response_whose_process_died_has_failed(
    running: RunningGateway, other: OtherProcess
) -> None:
    other.end("responses", "response", ID)
    found = (await running.client.get(PATH_OF)).json()

    assert (found["status"], found["error"]["code"]) == ("failed", "server_error")


async def test_cancel_is_handed_on(running: RunningGateway, other: OtherProcess) -> None:
    reply = await running.client.post(f"{PATH_OF}/cancel")

    assert (reply.status_code, other.asked) == (200, [ID])


async def test_delete_is_handed_on(running: RunningGateway, other: OtherProcess) -> None:
    reply = await running.client.delete(PATH_OF)

    assert (reply.status_code, other.asked) == (200, [ID])
    assert (await running.client.get(PATH_OF)).status_code == 404


async def test_stream_waits_for_the_end_and_tells_all(
    running: RunningGateway, other: OtherProcess
) -> None:
    turns, owner = _turns(running), _owner(running)
    made = (await ask(running, says("Done."), background=True))["id"]
    await settled(running, made)
    replay = await running.client.get(f"{PATH}/{made}", params=STREAM)
    recorded = await turns.events(made, owner=owner)
    assert recorded is not None
    async with running.serve() as client, client.stream("GET", PATH_OF, params=STREAM) as reply:
        await turns.put_events(ID, recorded, owner=owner)
        other.end("responses", "response", ID)
        said = await reply.aread()

    assert said == replay.content


async def test_stream_of_what_has_died_ends_with_an_error(
    running: RunningGateway, other: OtherProcess
) -> None:
    async with running.serve() as client, client.stream("GET", PATH_OF, params=STREAM) as reply:
        other.end("responses", "response", ID)
        said = await reply.aread()

    assert b'"code":"interrupted"' in said
    assert said.endswith(b"data: [DONE]\n\n")


async def test_stream_goes_on_as_events_are_kept(
    running: RunningGateway, other: OtherProcess
) -> None:
    turns, owner = _turns(running), _owner(running)
    await turns.put_events(ID, _said("response.queued"), owner=owner)
    said = b""
    async with running.serve() as client, client.stream("GET", PATH_OF, params=STREAM) as reply:
        with anyio.fail_after(5):
            async for piece in reply.aiter_bytes():
                said += piece
                if said.count(b"event: ") == 1:
                    whole = _said("response.queued", "response.completed")
                    await turns.put_events(ID, whole, owner=owner)

    assert said.count(b"event: response.queued") == said.count(b"event: response.completed") == 1
    assert said.endswith(b"data: [DONE]\n\n")
    assert not other.asked


async def test_events_of_what_has_died_end_with_an_error(running: RunningGateway) -> None:
    await _turns(running).put_events(ID, _said("response.queued"), owner=_owner(running))
    reply = await running.client.get(PATH_OF, params=STREAM)

    assert reply.content.startswith(b"event: response.queued")
    assert b'"code":"interrupted"' in reply.content


@pytest.mark.parametrize("watches", [True, False])
async def test_events_are_kept_early_for_one_who_watches(
    running: RunningGateway, other: OtherProcess, *, watches: bool
) -> None:
    other.watches = watches
    held = Held()
    made = (await ask(running, held, background=True))["id"]
    with anyio.fail_after(5):
        while await _kept(running, made) != "in_progress":
            pass
    early = await _turns(running).events(made, owner=_owner(running))
    held.released.set()
    await settled(running, made)

    assert (early is not None) == watches


async def test_beginning_is_kept_for_the_others(running: RunningGateway) -> None:
    held = Held()
    made = (await ask(running, held, background=True))["id"]
    with anyio.fail_after(5):
        while await _kept(running, made) != "in_progress":
            pass
        held.released.set()
        while await _kept(running, made) != "completed":
            pass


def _said(*names: str) -> Recorded:
    return Recorded(first=0, events=tuple(Emitted(name=name, body=b"{}") for name in names))


async def _kept(running: RunningGateway, response_id: str) -> str:
    record = await _turns(running).find(response_id, owner=_owner(running))
    assert record is not None
    return record.response.status


def _turns(running: RunningGateway) -> StoredTurns:
    context: Any = running.gateway.context("responses")
    return StoredTurns(context)


def _owner(running: RunningGateway) -> str:
    return running.gateway.keys.listing()[0].id
