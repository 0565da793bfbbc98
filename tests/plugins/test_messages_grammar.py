"""The checker of streams finds what is wrong with them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from grammar.messages import read

Event = tuple[str, dict[str, Any]]
Fault = Callable[[list[Event]], None]

THINKING, TEXT, CALL = slice(2, 6), slice(6, 9), slice(9, 12)
"""Where the blocks stand in `good`."""


def good() -> list[Event]:
    usage = {
        "input_tokens": 4,
        "output_tokens": 1,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }
    message: dict[str, Any] = {
        "id": "msg_" + "0" * 32,
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    call = {"type": "tool_use", "id": "toolu_" + "0" * 32, "name": "look", "input": {}}
    return [
        event("message_start", message=message),
        event("ping"),
        start(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, "thinking_delta", thinking="Hm"),
        delta(0, "signature_delta", signature="s"),
        event("content_block_stop", index=0),
        start(1, {"type": "text", "text": ""}),
        delta(1, "text_delta", text="Lis"),
        event("content_block_stop", index=1),
        start(2, call),
        delta(2, "input_json_delta", partial_json='{"city":"Lisbon"}'),
        event("content_block_stop", index=2),
        ending("tool_use"),
        event("message_stop"),
    ]


def event(name: str, **fields: Any) -> Event:
    return name, {"type": name, **fields}


def start(index: int, block: dict[str, Any]) -> Event:
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, kind: str, **added: str) -> Event:
    return event("content_block_delta", index=index, delta={"type": kind, **added})


def ending(reason: str, sequence: str | None = None) -> Event:
    usage = {"output_tokens": 9}
    told = {"stop_reason": reason, "stop_sequence": sequence}
    return event("message_delta", delta=told, usage=usage)


def error(**more: Any) -> Event:
    return event("error", error={"type": "api_error", "message": "No.", **more})


def body(events: list[Event]) -> str:
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)


def drop(*places: int) -> Fault:
    def fault(events: list[Event]) -> None:
        for place in sorted(places, reverse=True):
            del events[place]

    return fault


def put(place: int, *new: Event) -> Fault:
    return lambda events: events.__setitem__(slice(place, place), new)


def swap(first: int, second: int) -> Fault:
    def fault(events: list[Event]) -> None:
        events[first], events[second] = events[second], events[first]

    return fault


def change(place: int, *path: str, to: Any) -> Fault:
    def fault(events: list[Event]) -> None:
        target: Any = events[place][1]
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to

    return fault


FAULTS: dict[str, Fault] = {
    "no message_start": drop(0),
    "no ping": drop(1),
    "no start of a block": drop(6),
    "no stop of a block": drop(8),
    "no signature": drop(4),
    "no message_delta": drop(12),
    "no message_stop": drop(13),
    "message_start twice": put(1, good()[0]),
    "message_delta twice": put(12, good()[12]),
    "message_stop twice": put(13, good()[13]),
    "something after the end": put(14, event("ping")),
    "something after an error": put(5, error()),
    "error after the reason": put(13, error()),
    "interleaved": swap(8, 9),
    "reasoning after text": lambda events: events.__setitem__(
        slice(2, 9), [*events[TEXT], *events[THINKING]]
    ),
    "text after a call": lambda events: events.__setitem__(
        slice(6, 12), [*events[CALL], *events[TEXT]]
    ),
    "text after the signature": swap(3, 4),
    "block after message_delta": lambda events: events.insert(8, events.pop(12)),
    "gap in indexes": change(6, "index", to=2),
    "index of another block": change(7, "index", to=0),
    "stop of another block": change(8, "index", to=0),
    "delta of another kind": change(7, "delta", to={"type": "thinking_delta", "thinking": "x"}),
    "empty delta": change(7, "delta", "text", to=""),
    "text at the start": change(6, "content_block", "text", to="x"),
    "unknown block": change(6, "content_block", "type", to="image"),
    "input at the start": change(9, "content_block", "input", to={"a": 1}),
    "input that is no object": change(10, "delta", "partial_json", to="[]"),
    "input that is cut": change(10, "delta", "partial_json", to='{"city"'),
    "foreign id of a call": change(9, "content_block", "id", to="call_" + "0" * 32),
    "foreign id of the message": change(0, "message", "id", to="chatcmpl-0"),
    "content at the start": change(0, "message", "content", to=[{"type": "text"}]),
    "reason at the start": change(0, "message", "stop_reason", to="end_turn"),
    "no units at the start": change(0, "message", "usage", to={"output_tokens": 1}),
    "calls without their reason": change(12, "delta", "stop_reason", to="end_turn"),
    "unknown reason": change(12, "delta", "stop_reason", to="stop"),
    "sequence without its reason": change(12, "delta", "stop_sequence", to="x"),
    "negative units": change(12, "usage", "output_tokens", to=-1),
    "units as text": change(12, "usage", "output_tokens", to="9"),
    "wrong name": lambda events: events.__setitem__(1, ("pong", events[1][1])),
    "unknown event": put(2, event("content_block_pause")),
}


def test_good_stream_is_told() -> None:
    told = read(body(good()))

    assert (told.text, told.calls) == ("Lis", [("look", {"city": "Lisbon"})])
    assert (told.stop_reason, told.usage["output_tokens"], told.error) == ("tool_use", 9, None)


def test_broken_stream_is_told() -> None:
    told = read(body([*good()[:8], error()]))

    assert told.error == {"type": "api_error", "message": "No."}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_found(fault: Fault) -> None:
    events = good()
    fault(events)

    with pytest.raises((AssertionError, json.JSONDecodeError)):
        read(body(events))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("event: ping\n", ""),
        ("event: ping\n", "event: ping\nid: 1\n"),
        ("\n\n", "\r\n\r\n"),
        ('"Lis"', '"Li\u2028s"'),
        ('"Lis"}}\n\n', '"Lis"}}\n'),
        ("event: message_stop", ": ping\n\nevent: message_stop"),
        ('"message_stop"}\n\n', '"message_stop"}\n\ndata: [DONE]\n\n'),
    ],
    ids=["no name", "id", "carriage return", "separator", "glued", "comment", "end marker"],
)
def test_fault_of_frames_is_found(old: str, new: str) -> None:
    text = body(good()).replace("\\u2028", "\u2028").replace(old, new)

    with pytest.raises(AssertionError):
        read(text)


@pytest.mark.parametrize("more", [{"code": "x"}, {"type": "server_error"}])
def test_fault_of_errors_is_found(more: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        read(body([*good()[:8], error(**more)]))
