"""The stream of `POST /v1/responses` read by the letter of `openai-contract.md` 4.8 and 1.3.

An independent reading: it shares no code with the plugin. `check_reply` takes what came over HTTP,
`check_events` the event objects alone, as a WebSocket carries them. Each rule that is broken raises
a `Violation` that names it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from grammar.cursor import Cursor, Event, Violation, broken
from grammar.responses_items import Items

__all__ = ["Event", "Violation", "check_events", "check_reply", "text_of"]

KEYS = frozenset(
    {
        "id",
        "object",
        "created_at",
        "completed_at",
        "status",
        "background",
        "error",
        "incomplete_details",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "model",
        "output",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt_cache_key",
        "safety_identifier",
        "reasoning",
        "service_tier",
        "store",
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "truncation",
        "usage",
        "metadata",
    }
)
"""The 31 keys that a response object always has (4.4)."""
EXTRAS = frozenset(("user", "created", "output_text", "conversation", "prompt"))
DONE = "[DONE]"

_ITEM = {"item_id", "output_index"}
_CONTENT = _ITEM | {"content_index"}
_SUMMARY = _ITEM | {"summary_index"}
_PICTURE = {"size", "quality", "background", "output_format"}
_FIELDS: Mapping[str, set[str]] = {
    "response.created": {"response"},
    "response.queued": {"response"},
    "response.in_progress": {"response"},
    "response.completed": {"response"},
    "response.incomplete": {"response"},
    "response.failed": {"response"},
    "response.output_item.added": {"output_index", "item"},
    "response.output_item.done": {"output_index", "item"},
    "response.content_part.added": _CONTENT | {"part"},
    "response.content_part.done": _CONTENT | {"part"},
    "response.output_text.delta": _CONTENT | {"delta", "logprobs"},
    "response.output_text.done": _CONTENT | {"text", "logprobs"},
    "response.output_text.annotation.added": _CONTENT | {"annotation_index", "annotation"},
    "response.refusal.delta": _CONTENT | {"delta"},
    "response.refusal.done": _CONTENT | {"refusal"},
    "response.reasoning_summary_part.added": _SUMMARY | {"part"},
    "response.reasoning_summary_part.done": _SUMMARY | {"part"},
    "response.reasoning_summary_text.delta": _SUMMARY | {"delta"},
    "response.reasoning_summary_text.done": _SUMMARY | {"text"},
    "response.function_call_arguments.delta": _ITEM | {"delta"},
    "response.function_call_arguments.done": _ITEM | {"name", "arguments"},
    "response.custom_tool_call_input.delta": _ITEM | {"delta"},
    "response.custom_tool_call_input.done": _ITEM | {"input"},
    "response.web_search_call.in_progress": _ITEM,
    "response.web_search_call.searching": _ITEM,
    "response.web_search_call.completed": _ITEM,
    "response.image_generation_call.in_progress": _ITEM,
    "response.image_generation_call.generating": _ITEM,
    "response.image_generation_call.completed": _ITEM,
    "response.image_generation_call.partial_image": _ITEM
    | _PICTURE
    | {"partial_image_index", "partial_image_b64"},
    "error": {"code", "message", "param", "error"},
}
_FRAME = re.compile(r"(?:event: (?P<name>[^\n]*)\n)?data: (?P<data>[^\n]*)\n\n")
_PING = ": ping\n\n"
_BREAKS = re.compile("[\r\u0085\u2028\u2029]")


def check_reply(content_type: str, writes: Sequence[bytes]) -> list[Event]:
    """Check a streamed reply, as it was written; return its events.

    Args:
        content_type: The header.
        writes: What each read of a reader without memory would get.
    """
    if content_type != "text/event-stream; charset=utf-8":
        broken("content type", content_type)
    payloads = [payload for write in writes for payload in _payloads(write)]
    if not payloads or payloads[-1] != (None, DONE):
        broken("done", payloads[-1:])
    events: list[Event] = []
    for name, data in payloads[:-1]:
        if data == DONE:
            broken("done", "in the middle")
        event = json.loads(data)
        if event.get("type") != name:
            broken("event name", f"{name} for {event.get('type')}")
        events.append(event)
    check_events(events)
    return events


def check_events(events: Sequence[Event]) -> None:
    """Check the events of one turn, from the first to the terminal one."""
    for number, event in enumerate(events):
        if event.get("type") not in _FIELDS:
            broken("unknown event", event.get("type"))
        if event.get("sequence_number") != number:
            broken("sequence number", f"{event.get('sequence_number')} at {number}")
        if set(event) != _FIELDS[event["type"]] | {"type", "sequence_number"}:
            broken("fields", f"{event['type']}: {sorted(event)}")
    _Turn(events).read()


def _payloads(write: bytes) -> Iterator[tuple[str | None, str]]:
    """Take the frames out of one write, which must hold whole ones."""
    text = write.decode()
    place = 0
    while place < len(text):
        if text.startswith(_PING, place):
            place += len(_PING)
            continue
        frame = _FRAME.match(text, place)
        if frame is None:
            broken("whole frames", text[place : place + 80])
        if _BREAKS.search(frame["data"]):
            broken("line breaks", frame["data"][:80])
        yield frame["name"], frame["data"]
        place = frame.end()


class _Turn:
    """Reads the events of one turn by recursive descent, one method per rule of the grammar."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._cursor = Cursor(events)
        self._items = Items(self._cursor)
        self._id = ""

    def read(self) -> None:
        """Read them to the last."""
        created = self._cursor.next("response.created")["response"]
        self._id = created.get("id")
        is_queued = self._cursor.peek() == "response.queued"
        self._state(created, "queued" if is_queued else "in_progress")
        if is_queued:
            self._state(self._cursor.next("response.queued")["response"], "queued")
        self._state(self._cursor.next("response.in_progress")["response"], "in_progress")
        while self._cursor.peek() == "response.output_item.added":
            self._items.read()
        self._terminal()
        if self._cursor.peek():
            broken("after the end", self._cursor.peek())

    def _terminal(self) -> None:
        if self._cursor.peek() == "error":
            self._error(self._cursor.next("error"))
            last = self._cursor.next("response.failed")
        else:
            kinds = ("response.completed", "response.incomplete", "response.failed")
            last = self._cursor.next(*kinds)
        response, status = last["response"], last["type"].removeprefix("response.")
        self._state(response, status)
        if response["output"] != self._items.items:
            broken("final output", "differs from the items sent")
        unfinished = [item["status"] == "incomplete" for item in self._items.items]
        if any(unfinished[:-1]) or (any(unfinished) and status == "completed"):
            broken("incomplete item", "not the last one of an incomplete response")

    def _state(self, response: Mapping[str, Any], status: str) -> None:
        """Check a response object that stands in an event."""
        if KEYS - set(response) or set(response) - KEYS - EXTRAS:
            broken("response keys", KEYS ^ set(response))
        if response["id"] != self._id or not self._id.startswith("resp_"):
            broken("response id", response["id"])
        if response["status"] != status:
            broken("status", f"{response['status']} where {status} is due")
        if (response["completed_at"] is not None) != (status == "completed"):
            broken("completed_at", response["completed_at"])
        if (response["error"] is not None) != (status == "failed"):
            broken("response error", response["error"])
        if (response["incomplete_details"] is not None) != (status == "incomplete"):
            broken("incomplete_details", response["incomplete_details"])
        if status in ("queued", "in_progress") and response["output"]:
            broken("early output", response["output"])
        self._usage(response["usage"], status)

    def _usage(self, usage: Mapping[str, Any] | None, status: str) -> None:
        if usage is None:
            if status in ("completed", "incomplete"):
                broken("usage", "missing")
            return
        if status in ("queued", "in_progress"):
            broken("usage", "too early")
        if usage["total_tokens"] != usage["input_tokens"] + usage["output_tokens"]:
            broken("usage", usage)
        if set(usage["input_tokens_details"]) != {"cached_tokens", "cache_write_tokens"}:
            broken("usage", usage)
        if usage["output_tokens_details"]["reasoning_tokens"] > usage["output_tokens"]:
            broken("usage", usage)

    def _error(self, event: Event) -> None:
        inner = event["error"]
        if set(inner) != {"type", "code", "message", "param"} or not event["message"]:
            broken("error form", event)
        if any(inner[field] != event[field] for field in ("code", "message", "param")):
            broken("error form", "the two forms differ")


def text_of(events: Iterable[Event]) -> str:
    """Join the text that a stream carries."""
    return "".join(
        event["delta"] for event in events if event["type"] == "response.output_text.delta"
    )
