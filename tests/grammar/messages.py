"""Checks streams of ``/v1/messages``, written from `openai-contract.md` 1.3, 1.4 and 10.2 alone."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

START = {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"}
USAGE = {
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
}
REASONS = {"end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"}
ERRORS = {
    "api_error",
    "authentication_error",
    "invalid_request_error",
    "not_found_error",
    "overloaded_error",
    "permission_error",
    "rate_limit_error",
    "request_too_large",
    "timeout_error",
}
FRAME = re.compile(r"event: ([a-z_]+)\ndata: (\{[^\n]*\})")
DELTAS = {
    "text": {"text_delta": "text"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
}


@dataclass
class Told:
    """What a stream said."""

    message: dict[str, Any] = field(default_factory=dict)
    blocks: list[dict[str, Any]] = field(default_factory=list)
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    """Of the end, over that of the start."""
    error: dict[str, str] | None = None
    """That the stream broke off with."""
    pings: int = 0

    @property
    def text(self) -> str:
        return "".join(block["text"] for block in self.blocks if block["type"] == "text")

    @property
    def calls(self) -> list[tuple[str, Any]]:
        return [(one["name"], one["input"]) for one in self.blocks if one["type"] == "tool_use"]


def read(body: str) -> Told:
    """Return what a whole stream says; an AssertionError names the rule it breaks."""
    machine = _Machine()
    for name, data in events(body):
        machine.take(name, data)
    return machine.end()


def events(body: str) -> list[tuple[str, dict[str, Any]]]:
    """Split a stream into its named events."""
    assert not re.search("[\r\u0085\u2028\u2029]", body), "only LF breaks lines"
    assert body.endswith("\n\n"), "a frame ends with a blank line"
    found = []
    for text in body.removesuffix("\n\n").split("\n\n"):
        frame = FRAME.fullmatch(text)
        assert frame, f"a frame is a name and one line of data: {text!r}"
        data = json.loads(frame[2])
        assert data["type"] == frame[1], "a name equals its type"
        found.append((frame[1], data))
    return found


class _Machine:
    def __init__(self) -> None:
        self.told = Told()
        self.open: dict[str, Any] | None = None
        self.stopped = False

    def take(self, name: str, data: dict[str, Any]) -> None:
        assert not self.stopped, "nothing follows the last event"
        assert self.told.error is None, "nothing follows an error"
        step = getattr(self, f"on_{name}", None)
        assert step is not None, f"no such event: {name}"
        if name not in ("ping", "error", "message_start"):
            assert self.told.message, "message_start comes first"
        step(data)

    def end(self) -> Told:
        if self.told.error is None:
            assert self.stopped, "message_stop comes last"
            assert self.told.pings, "there is at least one ping"
        return self.told

    def on_ping(self, data: dict[str, Any]) -> None:
        assert data == {"type": "ping"}, "a ping holds nothing"
        self.told.pings += 1

    def on_error(self, data: dict[str, Any]) -> None:
        assert set(data) == {"type", "error"}, "an error event holds the error"
        assert set(data["error"]) == {"type", "message"}, "an error has type and message"
        assert data["error"]["type"] in ERRORS, "the type of an error is known"
        assert self.told.stop_reason is None, "a complete message does not fail"
        self.told.error = data["error"]

    def on_message_start(self, data: dict[str, Any]) -> None:
        message = data["message"]
        assert not self.told.message, "message_start comes once"
        assert set(message) == START, "a message has its fields"
        assert re.fullmatch(r"msg_[A-Za-z0-9]{24,}", message["id"]), "a message has an id"
        assert (message["type"], message["role"]) == ("message", "assistant")
        assert message["content"] == [], "a message begins without content"
        assert message["stop_reason"] is None, "a message begins without a reason"
        assert message["stop_sequence"] is None, "a message begins without a sequence"
        assert set(message["usage"]) == USAGE, "usage has its fields"
        assert all(type(units) is int and units >= 0 for units in message["usage"].values())
        assert message["usage"]["output_tokens"] == 1, "one unit is out"
        self.told.message, self.told.usage = message, dict(message["usage"])

    def on_content_block_start(self, data: dict[str, Any]) -> None:
        assert self.open is None, "blocks do not interleave"
        assert self.told.stop_reason is None, "no block follows message_delta"
        assert data["index"] == len(self.told.blocks), "indexes count from 0"
        block = dict(data["content_block"])
        match block["type"]:
            case "text":
                assert block == {"type": "text", "text": ""}, "a text begins empty"
                assert not self.told.calls, "no text follows a call"
            case "thinking":
                empty = {"type": "thinking", "thinking": "", "signature": ""}
                assert block == empty, "reasoning begins empty"
                assert not self.told.blocks, "reasoning comes first"
            case "tool_use":
                assert set(block) == {"type", "id", "name", "input"}, "a call has its fields"
                assert re.fullmatch(r"toolu_[A-Za-z0-9]{24,}", block["id"]), "a call has an id"
                assert block["id"] not in [one.get("id") for one in self.told.blocks]
                assert block["input"] == {}, "a call begins empty"
                block["partial"] = ""
            case other:
                raise AssertionError(f"no such block: {other}")
        self.open = block
        self.told.blocks.append(block)

    def on_content_block_delta(self, data: dict[str, Any]) -> None:
        block, delta = self.open, data["delta"]
        assert block is not None, "a delta needs an open block"
        assert data["index"] == len(self.told.blocks) - 1, "a delta has the index of its block"
        assert delta["type"] in DELTAS[block["type"]], "a delta fits its block"
        name = DELTAS[block["type"]][delta["type"]]
        assert set(delta) == {"type", name}, "a delta holds what it adds"
        assert delta[name], "a delta adds something"
        assert not block.get("signature"), "nothing follows the signature"
        key = "partial" if name == "partial_json" else name
        block[key] += delta[name]

    def on_content_block_stop(self, data: dict[str, Any]) -> None:
        block, self.open = self.open, None
        assert block is not None, "a stop needs an open block"
        assert set(data) == {"type", "index"}
        assert data["index"] == len(self.told.blocks) - 1, "a stop has the index of its block"
        if block["type"] == "thinking":
            assert block["signature"], "reasoning is signed"
        if block["type"] == "tool_use":
            block["input"] = json.loads(block.pop("partial"))
            assert isinstance(block["input"], dict), "the input is an object"

    def on_message_delta(self, data: dict[str, Any]) -> None:
        assert self.open is None, "every block is stopped"
        assert self.told.stop_reason is None, "message_delta comes once"
        assert set(data["delta"]) == {"stop_reason", "stop_sequence"}
        reason, sequence = data["delta"]["stop_reason"], data["delta"]["stop_sequence"]
        assert reason in REASONS, "the reason is known"
        assert (reason == "stop_sequence") == (sequence is not None), "a sequence is the reason"
        assert (reason == "tool_use") == bool(self.told.calls), "a call is the reason"
        units = data["usage"]["output_tokens"]
        assert type(units) is int, "units are integers"
        assert units >= 0, "units are not negative"
        self.told.usage |= data["usage"]
        self.told.stop_reason, self.told.stop_sequence = reason, sequence

    def on_message_stop(self, data: dict[str, Any]) -> None:
        assert data == {"type": "message_stop"}
        assert self.told.stop_reason is not None, "message_delta comes before the stop"
        self.stopped = True
