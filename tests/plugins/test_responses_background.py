"""Turns in the background: their states, their followers, their ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import anyio
import pytest

import grokgate_responses
from grammar.responses import check_reply
from grokgate.errors import GatewayError, InvalidRequest
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Kind
from grokgate_responses.answer.encode import Emitted
from grokgate_responses.answer.objects import ResponseObject
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.recording import Recording
from grokgate_responses.kept.records import Record
from plugins.responses_world import PATH, Held, ask, response, says, settled, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def running(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    async with running_gateway(grokgate_responses, upstream=FakeUpstream()) as gateway:
        yield gateway


async def begun(running: RunningGateway, **fields: Any) -> tuple[Any, Held]:
    """Start a turn that waits in the middle of its answer."""
    held = Held()
    started = await ask(running, held, background=True, **fields)
    with anyio.fail_after(5):
        while (await _get(running, started["id"]))["status"] != "in_progress":
            pass
    return started, held


async def test_answer_is_queued_at_once_and_completed_later(running: RunningGateway) -> None:
    started = await ask(running, says("Done."), background=True)
    done = await settled(running, started["id"])

    assert (started["status"], started["output"], started["background"]) == ("queued", [], True)
    assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "Done.")


async def test_status_shows_the_work(running: RunningGateway) -> None:
    started, held = await begun(running)
    during = await _get(running, started["id"])
    held.released.set()
    done = await settled(running, started["id"])

    assert (during["status"], during["usage"]) == ("in_progress", None)
    assert done["output"][0]["content"][0]["text"] == "One two"


async def test_input_can_be_listed_meanwhile(running: RunningGateway) -> None:
    started, _ = await begun(running)
    listed = await running.client.get(f"{PATH}/{started['id']}/input_items")

    assert listed.json()["data"][0]["content"] == [{"type": "input_text", "text": "Hi"}]


async def test_failure_is_kept(running: RunningGateway) -> None:
    started = await ask(running, Kind.BAD_REQUEST, background=True)
    failed = await settled(running, started["id"])

    assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")


async def test_stream_begins_with_queued(running: RunningGateway) -> None:
    running.fake.add(says("Done."))
    body = {"model": "grok-4", "input": "Hi", "background": True, "stream": True}
    reply = await running.client.post(PATH, json=body)

    events = check_reply(reply.headers["content-type"], [reply.content])
    assert [event["type"] for event in events[:3]] == [
        "response.created", "response.queued", "response.in_progress",
    ]  # fmt: skip


async def test_replay_is_what_was_streamed(running: RunningGateway) -> None:
    running.fake.add(says("Done."))
    body = {"model": "grok-4", "input": "Hi", "background": True, "stream": True}
    streamed = await running.client.post(PATH, json=body)
    started = check_reply(streamed.headers["content-type"], [streamed.content])[0]["response"]
    await settled(running, started["id"])
    replay = await running.client.get(f"{PATH}/{started['id']}", params={"stream": "true"})

    assert replay.content == streamed.content


async def test_replay_begins_after_the_given_event(running: RunningGateway) -> None:
    started = await ask(running, says("Done."), background=True)
    await settled(running, started["id"])
    late = {"stream": "true", "starting_after": "3"}
    replay = await running.client.get(f"{PATH}/{started['id']}", params=late)

    assert '"sequence_number":4,' in replay.text.split("\n\n")[0]


async def test_followers_see_the_same_to_the_end(running: RunningGateway) -> None:
    started, held = await begun(running)
    replies: list[bytes] = []

    async def follow() -> None:
        reply = await running.client.get(f"{PATH}/{started['id']}", params={"stream": "true"})
        replies.append(reply.content)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(follow)
        await until(lambda: running.gateway.drain.inflight >= 4)
        held.released.set()

    assert len(set(replies)) == 1
    check_reply("text/event-stream; charset=utf-8", [replies[0]])


async def test_work_goes_on_when_the_client_leaves(running: RunningGateway) -> None:
    held = Held()
    running.fake.add(held)
    body = {"model": "grok-4", "input": "Hi", "background": True, "stream": True}
    async with running.serve() as client, client.stream("POST", PATH, json=body) as reply:
        first = await anext(reply.aiter_text())
    held.released.set()

    response_id = first.partition('"id":"')[2].partition('"')[0]
    assert (await settled(running, response_id))["status"] == "completed"


async def test_replay_of_a_negative_number_is_refused(running: RunningGateway) -> None:
    started = await ask(running, says("Done."), background=True)
    late = {"stream": "true", "starting_after": "-1"}
    reply = await running.client.get(f"{PATH}/{started['id']}", params=late)

    assert reply.json()["error"]["code"] == "integer_below_min_value"


async def test_cancel_ends_the_work_and_frees_the_account(running: RunningGateway) -> None:
    started, _ = await begun(running)
    cancelled = (await running.client.post(f"{PATH}/{started['id']}/cancel")).json()

    assert (cancelled["status"], cancelled["error"]) == ("cancelled", None)
    assert (running.pool.open_leases, running.fake.closed) == (0, 1)


async def test_cancel_twice_says_the_same(running: RunningGateway) -> None:
    started, _ = await begun(running)
    first = await running.client.post(f"{PATH}/{started['id']}/cancel")
    second = await running.client.post(f"{PATH}/{started['id']}/cancel")

    assert second.json() == first.json() == await _get(running, started["id"])


async def test_cancelled_response_cannot_be_continued(running: RunningGateway) -> None:
    started, _ = await begun(running)
    await running.client.post(f"{PATH}/{started['id']}/cancel")
    refused = await ask(running, previous_response_id=started["id"])

    assert refused["error"]["code"] == "invalid_value"


async def test_follower_of_a_cancelled_response_gets_an_end(running: RunningGateway) -> None:
    started, _ = await begun(running)
    await running.client.post(f"{PATH}/{started['id']}/cancel")
    replay = await running.client.get(f"{PATH}/{started['id']}", params={"stream": "true"})

    events = check_reply(replay.headers["content-type"], [replay.content])
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert events[-2]["code"] == "interrupted"


async def test_cancel_of_what_has_ended_changes_nothing(running: RunningGateway) -> None:
    started = await ask(running, says("Done."), background=True)
    await settled(running, started["id"])
    reply = await running.client.post(f"{PATH}/{started['id']}/cancel")

    assert (reply.status_code, reply.json()["status"]) == (200, "completed")


async def test_delete_ends_the_work(running: RunningGateway) -> None:
    started, _ = await begun(running)
    await running.client.delete(f"{PATH}/{started['id']}")

    assert running.pool.open_leases == 0
    assert (await running.client.get(f"{PATH}/{started['id']}")).status_code == 404


async def test_shutdown_turns_running_work_into_a_failure(running: RunningGateway) -> None:
    started, _ = await begun(running)
    running.gateway.drain.cut.set()
    failed = await settled(running, started["id"])

    assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")


async def test_response_of_a_dead_process_has_failed(running: RunningGateway) -> None:
    turns = _turns(running)
    left_behind = Record(response=response(status="in_progress", background=True))
    await turns.put(left_behind, owner=running.gateway.keys.listing()[0].id)
    failed = await _get(running, "resp_1")

    assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")


async def test_draining_gateway_takes_no_work(running: RunningGateway) -> None:
    running.gateway.drain.begin()
    refused = await ask(running, background=True)

    assert refused["error"]["code"] == "overloaded"


class Reading:
    """A turn that says *count* things."""

    id = "resp_1"

    def __init__(
        self, count: int, error: BaseException | None = None, *, kept: bool = False
    ) -> None:
        self._count = count
        self._error = error
        self._kept = kept

    def response(self) -> ResponseObject:
        return response(status="completed", store=self._kept)

    async def events(self) -> AsyncGenerator[Emitted, None]:
        for number in range(self._count):
            yield Emitted(name="event", body=b"%03d" % number)
        if self._error is not None:
            raise self._error

    def broken(self, error: GatewayError) -> list[Emitted]:
        return [Emitted(name="end", body=str(error.code).encode())]

    async def aclose(self) -> None:
        """It holds nothing."""


async def test_recording_forgets_its_oldest_events(running: RunningGateway) -> None:
    recording = Recording(
        Reading(10, kept=True), _turns(running), items=(), owner="k1", most_bytes=12
    )
    await recording()

    assert [event.body for event in recording.recorded().after(6)] == [b"007", b"008", b"009"]
    with pytest.raises(InvalidRequest) as refused:
        await anext(recording.follow(2))
    assert refused.value.param == "starting_after"


async def test_defect_ends_the_recording_for_its_followers(running: RunningGateway) -> None:
    recording = Recording(Reading(1, RuntimeError("detail")), _turns(running), items=(), owner="k1")
    with pytest.raises(RuntimeError):
        await recording()

    assert [event.body async for event in recording.follow()] == [b"000", b"internal_error"]
    assert recording.response().status == "failed"


@pytest.mark.parametrize(("kept", "status"), [(True, "completed"), (False, "cancelled")])
async def test_late_cancellation_loses_no_events(
    running: RunningGateway, *, kept: bool, status: str
) -> None:
    turns, reading = _turns(running), Reading(1, asyncio.CancelledError(), kept=kept)
    recording = Recording(reading, turns, items=(), owner="k1")
    recording.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recording()

    assert await turns.events("resp_1", owner="k1") is not None
    assert recording.response().status == status


def _turns(running: RunningGateway) -> StoredTurns:
    context: Any = running.gateway.context("responses")
    return StoredTurns(context)


async def _get(running: RunningGateway, response_id: str) -> Any:
    return (await running.client.get(f"{PATH}/{response_id}")).json()
