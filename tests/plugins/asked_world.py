"""Requests for responses as the plugin reads them, for tests."""

from typing import Any

import msgspec

from grokgate.upstream import Blob, Message, Part, Role, Text
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.translate import Asked, History, ask, conversation


class Options(msgspec.Struct):
    thinking: bool = True
    thinking_format: Any = "reasoning_content"
    thinking_summary: bool = False
    show_search_sources: bool = False


def request(**fields: Any) -> ResponsesRequest:
    body = {"model": "grok-4", **({} if "messages" in fields else {"input": "Hi"}), **fields}
    return msgspec.json.decode(msgspec.json.encode(body), type=ResponsesRequest)


def asked(history: History | None = None, **fields: Any) -> Asked:
    return ask(request(**fields), options=Options(), history=history, unseal={"ok": "text"}.get)


def turn(role: Role, *parts: Part | str) -> Message:
    said = tuple(Text(text=part) if isinstance(part, str) else part for part in parts)
    return Message(role=role, parts=said)


def turns(asked: Asked, *blobs: Blob, history: History | None = None) -> list[Message]:
    return list(conversation(asked, history, blobs).messages)
