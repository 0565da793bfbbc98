"""Answers as events of the gateway socket (upstream-protocol.md 2.12), one JSON object a frame.

The same steps that `encode_http` writes as lines. What the socket has no word for is left out:
names of agents, early snapshots, and the marks by which a text refers to its citations; there the
citation itself stands at its place. A session that asks for no chunks gets text as deltas, and the
rest as ``response.grok.output``.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from grokgate.sandbox.answer import (
    Answer,
    Cite,
    Film,
    Mark,
    Picture,
    PicturesFollow,
    Say,
    Snapshot,
    Step,
    Think,
    ToolResult,
    UseTool,
    citation_card,
    picture_card,
    render_mark,
)
from grokgate.sandbox.encode_http import Frame
from grokgate.sandbox.lines import Line, Phase


def encode(answer: Answer, frame: Frame, *, chunks: bool = True) -> Iterator[Line]:
    """Write *answer* event by event, from ``response.created`` on.

    Args:
        answer: Its steps are read once.
        frame: Ids and names; the conversation's is the session's.
        chunks: What the session said of ``use_chunk``.
    """
    wrap = Envelope(frame.conversation_id, frame.answer_id)
    write = _Chunks(wrap) if chunks else _Deltas(wrap)
    yield from _lead(answer, frame, wrap, chunks=chunks)
    said: list[str] = []
    for step in answer.steps:
        if isinstance(step, Say):
            said.append(step.text)
        yield from (Line(Phase.OUTPUT, data) for data in write.step(step))
    text = "".join(said) if answer.message is None or said else answer.message
    if text and not (chunks and said):
        yield Line(Phase.OUTPUT, wrap.event("response.output_text.done", {"text": text}))
    if chunks and answer.follow_ups:
        labels = {"follow_up_suggestions": [{"label": label} for label in answer.follow_ups]}
        yield Line(Phase.STOP, wrap.event("response.chunk", {"chunk": labels}))
    yield from _tail(answer, frame, wrap)


class Envelope:
    """Puts events into the envelope of a session."""

    def __init__(self, session_id: str, response_id: str = "") -> None:
        self.response_id = response_id
        """Of the answer that is being written."""
        self._open = b'{"session_id":' + msgspec.json.encode(session_id) + b',"event":'

    def event(self, kind: str, fields: Mapping[str, Any] | None = None) -> bytes:
        """Write an event of type *kind*."""
        return self._open + msgspec.json.encode({"type": kind, **(fields or {})}) + b"}"


class _Chunks:
    """Writes steps for a session with ``use_chunk``."""

    def __init__(self, wrap: Envelope) -> None:
        self._wrap = wrap
        self._urls: dict[str, str] = {}

    def step(self, step: Step) -> Iterator[bytes]:
        match step:
            case Say(text):
                yield self._chunk("text", {"text": text, "channel": _ANSWER})
            case Think(text=text, tag=tag):
                yield self._chunk("text", {"text": text, "channel": _CHANNELS[tag]})
            case UseTool():
                yield self._chunk("tool_usage_card", _tool_card(step))
            case ToolResult():
                yield self._chunk("tool_result", _tool_result(step))
            case Cite(card_id=card_id, url=url):
                self._urls[card_id] = url
            case Mark(card_id=card_id, number=number):
                yield self._chunk("render_citation", _citation(self._urls, card_id, number))
            case Picture():
                yield write_card(self._wrap, picture_card(step))
            case Snapshot() | PicturesFollow() | Film():
                pass

    def _chunk(self, key: str, content: Mapping[str, Any]) -> bytes:
        return self._wrap.event("response.chunk", {"chunk": {key: content}})


class _Deltas:
    """Writes steps for a session without."""

    def __init__(self, wrap: Envelope) -> None:
        self._wrap = wrap

    def step(self, step: Step) -> Iterator[bytes]:
        match step:
            case Say(text):
                yield self._delta(text)
            case Think(text=text):
                yield self._delta(text, x_grok={"is_thinking": True})
            case UseTool():
                yield _output(self._wrap, "tool_usage_card", _tool_card(step))
            case ToolResult(results=results):
                yield from (self._found(result) for result in results)
            case Cite():
                yield write_card(self._wrap, citation_card(step))
            case Mark(card_id=card_id, number=number):
                yield self._delta(render_mark(card_id, number))
            case Picture():
                yield write_card(self._wrap, picture_card(step))
            case Snapshot() | PicturesFollow() | Film():
                pass

    def _delta(self, text: str, **more: Any) -> bytes:
        return self._wrap.event("response.output_text.delta", {"delta": text, **more})

    def _found(self, result: Mapping[str, str]) -> bytes:
        found = {"url": result["url"], "title": result["title"]}
        return self._wrap.event("response.search.result", {"result": found})


def _lead(answer: Answer, frame: Frame, wrap: Envelope, *, chunks: bool) -> Iterator[Line]:
    item = {"item": {"id": frame.answer_id, "role": "assistant"}}
    layout = {
        "reasoning_ui_layout": "SPLIT",
        "effort": answer.effort,
        "steer_model_id": frame.steered,
    }
    running = {"response": {"id": frame.answer_id, "status": "in_progress"}}
    events: list[tuple[str, Mapping[str, Any]]] = [
        ("response.created", running),
        ("response.output_item.added", item),
        ("response.content_part.added", {}),
    ]
    if chunks:
        events.append(("response.chunk", {"chunk": {"ui_layout": layout}}))
    else:
        events.append(("conversation.queue.updated", {}))
    return (Line(Phase.LEAD, wrap.event(kind, fields)) for kind, fields in events)


def _tail(answer: Answer, frame: Frame, wrap: Envelope) -> Iterator[Line]:
    done = {"response": {"id": frame.answer_id, "status": "completed", "usage": {}}}
    ends: Iterable[tuple[str, Mapping[str, Any]]] = (
        ("response.content_part.done", {}),
        ("response.output_item.done", {}),
        ("response.done", done),
        ("response.persisted", {"status": "ok"}),
        ("conversation.title.updated", {"title": answer.title}),
    )
    for kind, fields in ends:
        phase = Phase.STOP if kind.endswith(("part.done", "item.done")) else Phase.TAIL
        yield Line(phase, wrap.event(kind, fields))


def _tool_card(step: UseTool) -> dict[str, Any]:
    return {"tool_usage_card_id": step.card_id, _TOOLS[step.tool]: {"args": step.args}}


def _tool_result(step: ToolResult) -> dict[str, Any]:
    pages = [
        {"url": result["url"], "title": result["title"], "snippet": result.get("preview", "")}
        for result in step.results
    ]
    return {"tool_call_id": step.card_id, "web_search": {"webpages": pages}}


def _citation(urls: Mapping[str, str], card_id: str, number: int) -> dict[str, Any]:
    return {
        "id": card_id,
        "kind": "CITATION_KIND_WEB_PAGE",
        "url": urls[card_id],
        "citation_id": str(number),
    }


def write_card(wrap: Envelope, card: Mapping[str, Any]) -> bytes:
    """Write a card (2.6) as an event."""
    text = msgspec.json.encode(card).decode()
    return _output(wrap, "card_attachment", {"json_data": text})


def _output(wrap: Envelope, key: str, content: Mapping[str, Any]) -> bytes:
    return wrap.event("response.grok.output", {"output": {key: content}})


_ANSWER = "CHANNEL_ASSISTANT_RESPONSE"
_CHANNELS: Mapping[str, str] = {
    "header": "CHANNEL_ASSISTANT_NOTETAKER_HEADER",
    "summary": "CHANNEL_ASSISTANT_ANALYSIS",
}
_TOOLS: Mapping[str, str] = {"webSearch": "web_search", "chatroomSend": "chatroom_send"}
