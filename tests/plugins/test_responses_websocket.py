"""Responses over a WebSocket, message by message."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

import grokgate_responses
from grammar.responses import check_events
from grokgate.testing import (
    FakeUpstream,
    RunningGateway,
    running_gateway,
    talking,
)
from grokgate.upstream import Kind, TextDelta
from grokgate_responses.websocket import MOST_WAITING
from plugins.responses_world import (
    PATH,
    Held,
    ask,
    create,
    heard,
    opened,
    says,
    turn,
    until,
)

pytestmark = pytest.mark.anyio


def opened_gateway() -> AbstractAsyncContextManager[RunningGateway]:
    return running_gateway(grokgate_responses, upstream=FakeUpstream())


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with opened_gateway() as gateway:
        yield gateway


@pytest.fixture
async def own() -> AsyncIterator[RunningGateway]:
    """One for a test that changes it."""
    async with opened_gateway() as gateway:
        yield gateway


async def test_turn_has_the_events_of_a_stream(running: RunningGateway) -> None:
    running.fake.add(says("Hello", "!"))
    async with opened(running) as talk:
        talk.say(create())
        events = await turn(talk)

    check_events(events)
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "Hello!"


async def test_handshake_needs_a_key(running: RunningGateway) -> None:
    async with talking(running.app, PATH, authorization="Bearer wrong") as talk:
        assert (talk.status, talk.refusal["error"]["code"]) == (401, "invalid_api_key")


async def test_stream_is_passed_over(running: RunningGateway) -> None:
    running.fake.add(says("Hello"))
    async with opened(running) as talk:
        talk.say(create(stream=False, stream_options={"include_usage": True}))

        assert (await turn(talk))[-1]["type"] == "response.completed"


async def test_unstored_turn_is_continued_from_memory(running: RunningGateway) -> None:
    running.fake.add(says("One."), says("Two."))
    async with opened(running) as talk:
        talk.say(create("A", store=False))
        first = (await turn(talk))[-1]["response"]
        talk.say(create("B", store=False, previous_response_id=first["id"]))
        await turn(talk)

    assert heard(running) == [("user", "A"), ("assistant", "One."), ("user", "B")]
    assert first["store"] is False


async def test_memory_ends_with_the_connection(running: RunningGateway) -> None:
    running.fake.add(says("One."))
    async with opened(running) as talk:
        talk.say(create("A", store=False))
        first = (await turn(talk))[-1]["response"]
    async with opened(running) as later:
        later.say(create("B", previous_response_id=first["id"]))
        told = await later.hear()

    assert told["error"]["code"] == "previous_response_not_found"


async def test_stored_turn_is_continued_over_http(running: RunningGateway) -> None:
    running.fake.add(says("One."))
    async with opened(running) as talk:
        talk.say(create("A"))
        first = (await turn(talk))[-1]["response"]
    await ask(running, says("Two."), input="B", previous_response_id=first["id"])

    assert heard(running) == [("user", "A"), ("assistant", "One."), ("user", "B")]


async def test_unstored_item_is_referred_to(running: RunningGateway) -> None:
    running.fake.add(says("One."), says("Two."))
    async with opened(running) as talk:
        talk.say(create("A", store=False))
        item = (await turn(talk))[-1]["response"]["output"][0]
        talk.say(create(input=[{"type": "item_reference", "id": item["id"]}, "B"]))
        await turn(talk)

    assert heard(running) == [("assistant", "One."), ("user", "B")]


async def test_failed_continuation_forgets_what_it_continued(running: RunningGateway) -> None:
    running.fake.add(says("One."), Kind.BAD_REQUEST)
    async with opened(running) as talk:
        talk.say(create("A", store=False))
        first = (await turn(talk))[-1]["response"]
        again = create("B", store=False, previous_response_id=first["id"])
        talk.say(again)
        talk.say(again)
        told = [(await talk.hear())["error"]["code"] for _ in range(2)]

    assert told == ["upstream_error", "previous_response_not_found"]


async def test_warming_up_asks_nobody_and_can_be_continued(running: RunningGateway) -> None:
    async with opened(running) as talk:
        talk.say(create("A", generate=False, store=False))
        events = await turn(talk)
        asked = len(running.fake.asked)
        running.fake.add(says("One."))
        warm = events[-1]["response"]["id"]
        talk.say(create("B", previous_response_id=warm))
        await turn(talk)

    check_events(events)
    assert (asked, events[-1]["response"]["output"]) == (0, [])
    assert heard(running) == [("user", "A"), ("user", "B")]


async def test_warming_up_needs_no_input(running: RunningGateway) -> None:
    async with opened(running) as talk:
        talk.say(create(input=[], instructions="Be brief.", generate=False))

        assert (await turn(talk))[-1]["type"] == "response.completed"


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("{", "invalid_json", None),
        ("[]", "invalid_json", None),
        (b"\xff", "invalid_json", None),
        ("[" * 20_000, "invalid_json", None),
        ({"type": "session.update"}, "unknown_event_type", "type"),
        ({"model": "grok-4", "input": "Hi"}, "unknown_event_type", "type"),
        (create(model=3), "invalid_type", "model"),
        (create(input=""), "invalid_value", "input"),
        (create(model="grok-none"), "model_not_found", "model"),
        (create(background=True), "unsupported_value", "background"),
        (create(previous_response_id="no"), "previous_response_not_found", "previous_response_id"),
    ],
)
async def test_wrong_message_is_told_and_the_socket_stays(
    running: RunningGateway, message: object, code: str, param: str | None
) -> None:
    async with opened(running) as talk:
        talk.say(message)
        told = await talk.hear()
        talk.say(create(generate=False))
        assert (await turn(talk))[-1]["type"] == "response.completed"

    assert (told["type"], told["error"]["code"], told["error"]["param"]) == ("error", code, param)
    assert told["status"] == (404 if code.endswith("_not_found") else 400)
    assert set(told["error"]) == {"type", "code", "message", "param"}


async def test_answer_that_breaks_off_ends_with_both_events(running: RunningGateway) -> None:
    async def breaks(_: Any) -> AsyncGenerator[Any, None]:
        yield TextDelta(text="Half")

    running.fake.add(breaks)
    async with opened(running) as talk:
        talk.say(create())
        events = await turn(talk)

    check_events(events)
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]


async def test_turns_come_one_after_the_other(running: RunningGateway) -> None:
    held = Held()
    running.fake.add(held, says("Second"))
    async with opened(running) as talk:
        talk.say(create())
        talk.say(create())
        await until(lambda: len(running.fake.asked) == 1)
        held.released.set()
        texts = [(await turn(talk))[-1]["response"]["output"][0] for _ in range(2)]

    assert [item["content"][0]["text"] for item in texts] == ["One two", "Second"]


async def test_only_so_many_messages_wait(running: RunningGateway) -> None:
    running.fake.add(Held())
    async with opened(running) as talk:
        talk.say(create())
        await until(lambda: len(running.fake.asked) == 1)
        for _ in range(MOST_WAITING + 1):
            talk.say(create())
        while (told := await talk.hear())["type"] != "error":
            pass

    assert (told["status"], told["error"]["code"]) == (503, "overloaded")


async def test_message_over_the_body_limit_is_refused(own: RunningGateway) -> None:
    await own.change(limits={"json_body_mb": 0.001})
    async with opened(own) as talk:
        talk.say(create("x" * 2000))
        told = await talk.hear()

    assert (told["status"], told["error"]["code"]) == (413, "request_too_large")


async def test_switched_off_endpoint_takes_no_further_turn(own: RunningGateway) -> None:
    async with opened(own) as talk:
        await own.change(downstream={"enable_responses": False})
        talk.say(create())
        told = await talk.hear()

    assert (told["status"], told["error"]["code"]) == (404, "endpoint_disabled")
