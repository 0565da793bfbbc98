"""The checker itself: it passes good streams, and each planted fault for a reason of its own."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from grammar.played import asked, checked, kinds, play, reply_to, stream
from grammar.responses import Event, Violation, check_events, check_reply
from grokgate.errors import UpstreamTimeout
from grokgate.upstream import Citation, Finished, TextDelta, ThinkingDelta, ToolCall
from grokgate_responses.answer.encode import to_frame

TYPE = "text/event-stream; charset=utf-8"
LINK = Citation(number=1, url="https://a.example", start=0, end=3)
CALL = ToolCall(id="call_1", name="look", arguments="{}")
SCRIPT = (ThinkingDelta(text="Hm"), TextDelta(text="Lis"), TextDelta(text="bon."), LINK, CALL)
Events = list[dict[str, Any]]


def good() -> Events:
    return copy.deepcopy([dict(event) for event in stream(SCRIPT)])


def frames() -> list[bytes]:
    return [to_frame(event) for event in play(reply_to(), SCRIPT)]


def at(events: Events, kind: str, place: int = 0) -> Any:
    """Return the event of a type, counted from the first."""
    return [event for event in events if event["type"] == f"response.{kind}"][place]


def renumbered(events: Events) -> Events:
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def without(kind: str) -> Callable[[Events], Events]:
    def plant(events: Events) -> Events:
        events.remove(at(events, kind))
        return renumbered(events)

    return plant


def swapped(one: int, other: int) -> Callable[[Events], Events]:
    def plant(events: Events) -> Events:
        events[one], events[other] = events[other], events[one]
        return renumbered(events)

    return plant


def changed(
    kind: str, change: Callable[[Any], object], place: int = 0
) -> Callable[[Events], Events]:
    def plant(events: Events) -> Events:
        change(at(events, kind, place))
        return events

    return plant


def interleaved(events: Events) -> Events:
    """End the reasoning only after the message has begun."""
    done = events.index(at(events, "output_item.done"))
    events.insert(done + 1, events.pop(done))
    return renumbered(events)


def duplicated_terminal(events: Events) -> Events:
    return renumbered([*events, copy.deepcopy(events[-1])])


FAULTS: dict[str, tuple[Callable[[Events], Events], str]] = {
    "created missing": (without("created"), "order"),
    "in_progress missing": (without("in_progress"), "order"),
    "terminal missing": (without("completed"), "order"),
    "terminal twice": (duplicated_terminal, "after the end"),
    "part never begun": (without("content_part.added"), "order"),
    "text never done": (without("output_text.done"), "order"),
    "item never done": (without("output_item.done"), "order"),
    "items interleaved": (interleaved, "order"),
    "delta before its part": (swapped(3, 4), "order"),
    "gap in the numbers": (
        changed("output_text.delta", lambda e: e.update(sequence_number=99)),
        "sequence number",
    ),
    "delta lost": (without("output_text.delta"), "text done"),
    "empty delta": (changed("output_text.delta", lambda e: e.update(delta="")), "empty delta"),
    "field missing": (changed("output_text.delta", lambda e: e.pop("logprobs")), "fields"),
    "field too much": (changed("created", lambda e: e.update(id="x")), "fields"),
    "unknown event": (
        changed("output_text.delta", lambda e: e.update(type="response.reasoning.delta")),
        "unknown event",
    ),
    "key of the response missing": (
        changed("created", lambda e: e["response"].pop("metadata")),
        "response keys",
    ),
    "another response": (
        changed("in_progress", lambda e: e["response"].update(id="resp_2")),
        "response id",
    ),
    "wrong status": (
        changed("completed", lambda e: e["response"].update(status="in_progress")),
        "status",
    ),
    "usage too early": (
        changed("created", lambda e: e["response"].update(usage={"total_tokens": 1})),
        "usage",
    ),
    "wrong total": (
        changed("completed", lambda e: e["response"]["usage"].update(total_tokens=1)),
        "usage",
    ),
    "another item id": (
        changed("output_text.delta", lambda e: e.update(item_id="msg_other")),
        "item id",
    ),
    "wrong output index": (
        changed("output_item.added", lambda e: e.update(output_index=5), 1),
        "output index",
    ),
    "item begins completed": (
        changed("output_item.added", lambda e: e["item"].update(status="completed")),
        "added status",
    ),
    "item ends in progress": (
        changed("output_item.done", lambda e: e["item"].update(status="in_progress")),
        "done status",
    ),
    "item says something else": (
        changed("output_item.done", lambda e: e["item"].update(summary=[])),
        "done item",
    ),
    "arguments differ": (
        changed("function_call_arguments.done", lambda e: e.update(arguments="{ }")),
        "arguments done",
    ),
    "incomplete item in a complete answer": (
        changed("output_item.done", lambda e: e["item"].update(status="incomplete"), 2),
        "final output",
    ),
    "output is not the items": (
        changed("completed", lambda e: e["response"]["output"].pop()),
        "final output",
    ),
    "annotation outside of the text": (
        changed("output_text.annotation.added", lambda e: e["annotation"].update(end_index=99)),
        "annotation place",
    ),
}


def test_a_good_stream_passes() -> None:
    assert kinds(good())[-1] == "completed"


@pytest.mark.parametrize(("plant", "rule"), FAULTS.values(), ids=FAULTS.keys())
def test_planted_fault_is_found(plant: Callable[[Events], Events], rule: str) -> None:
    with pytest.raises(Violation) as found:
        check_events(plant(good()))

    assert found.value.rule == rule


def test_error_needs_both_forms() -> None:
    events = [dict(event) for event in stream([TextDelta(text="a")], UpstreamTimeout())]
    events[-2]["error"] = {**events[-2]["error"], "message": "another"}

    with pytest.raises(Violation, match="error form"):
        check_events(events)


def test_error_needs_the_failed_response() -> None:
    events = stream([TextDelta(text="a")], UpstreamTimeout())

    with pytest.raises(Violation, match="order"):
        check_events(events[:-1])


def test_only_the_last_item_may_be_incomplete() -> None:
    events = [dict(event) for event in stream(SCRIPT[:3], Finished(reason="length"))]
    at(events, "output_item.done")["item"]["status"] = "incomplete"
    events[-1]["response"]["output"][0]["status"] = "incomplete"

    with pytest.raises(Violation, match="incomplete item"):
        check_events(events)


def test_nothing_comes_after_calls() -> None:
    events = good()
    start, message, call = events[:2], events[8:16], events[16:20]
    for place, item in enumerate((call, message)):
        for event in item:
            event["output_index"] = place

    with pytest.raises(Violation, match="item order"):
        check_events(renumbered([*start, *call, *message, events[-1]]))


TRANSPORT: dict[str, tuple[str, Callable[[list[bytes]], list[bytes]], str]] = {
    "wrong content type": ("application/json", lambda whole: whole, "content type"),
    "done missing": (TYPE, lambda whole: whole[:-1], "done"),
    "done too early": (TYPE, lambda whole: [*whole[:-2], whole[-1], *whole[-2:]], "done"),
    "frame split": (TYPE, lambda whole: [whole[0][:-1], b"\n", *whole[1:]], "whole frames"),
    "frame with an id": (TYPE, lambda whole: [b"id: 1\n" + whole[0], *whole[1:]], "whole frames"),
    "frame without a name": (
        TYPE,
        lambda whole: [whole[0][whole[0].index(b"data:") :], *whole[1:]],
        "event name",
    ),
    "raw line separator": (
        TYPE,
        lambda whole: [whole[0].replace(b"grok-4", "a\u2028".encode()), *whole[1:]],
        "line breaks",
    ),
}


@pytest.mark.parametrize(("content_type", "plant", "rule"), TRANSPORT.values(), ids=TRANSPORT)
def test_planted_fault_of_the_transport_is_found(
    content_type: str, plant: Callable[[list[bytes]], list[bytes]], rule: str
) -> None:
    writes = plant([*frames(), b"data: [DONE]\n\n"])

    with pytest.raises(Violation) as found:
        check_reply(content_type, writes)

    assert found.value.rule == rule


def test_frames_may_share_a_write_and_pings_may_come_between() -> None:
    whole = b": ping\n\n".join(frames())

    assert check_reply(TYPE, [whole, b": ping\n\ndata: [DONE]\n\n"])


def test_every_event_is_read() -> None:
    events: list[Event] = checked(play(reply_to(asked()), SCRIPT))

    assert [event["sequence_number"] for event in events] == list(range(len(events)))
