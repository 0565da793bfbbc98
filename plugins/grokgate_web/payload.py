"""Requests → bodies and frames, from the templates of the profile."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from grokgate.upstream import Attachment, Blob, Conversation, Message, Text, Wire
from grokgate_web.profile import PLACEHOLDER, Chat, Gateway
from grokgate_web.settings import WebSettings

_ABSENT: Final = object()
_PLAIN: Final = frozenset({bool, int, float})
"""Types of most items of a table; they hold no placeholder."""


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Replace texts that are exactly one placeholder by their value.

    Keys whose value is None are left out of their table.
    """
    if isinstance(template, dict):
        filled = {
            key: item if type(item) in _PLAIN else fill(item, values)
            for key, item in template.items()
        }
        return {key: item for key, item in filled.items() if item is not _ABSENT}
    if isinstance(template, list):
        return [fill(item, values) for item in template]
    if isinstance(template, str) and (found := PLACEHOLDER.fullmatch(template)):
        value = values[found[1]]
        return _ABSENT if value is None else value
    return template


def flatten(messages: Sequence[Message]) -> str:
    """Turn a conversation into the one prompt the upstream takes (F-CHAT-09).

    System messages come first, the last user message stands bare, every other one as
    ``role: text``; messages without text are left out.
    """
    spoken = [(message.role, text) for message in messages if (text := _text(message))]
    ordered = [item for item in spoken if item[0] == "system"]
    ordered += [item for item in spoken if item[0] != "system"]
    last = max((index for index, item in enumerate(ordered) if item[0] == "user"), default=-1)
    return "\n\n".join(
        text if index == last else f"{role}: {text}" for index, (role, text) in enumerate(ordered)
    )


def attachments(request: Conversation) -> list[Blob]:
    """List the files of a conversation, oldest first."""
    return [
        part.blob
        for message in request.messages
        for part in message.parts
        if isinstance(part, Attachment)
    ]


def modes(wire: Wire) -> list[str | None]:
    """List the mode names to try, in order; None where the wire names none."""
    mode = wire.params.get("mode")
    fallbacks = wire.params.get("fallbacks", ())
    names = [mode, *(fallbacks if isinstance(fallbacks, tuple) else (fallbacks,))]
    return list(dict.fromkeys(str(name) for name in names if name)) or [None]


def chat_body(
    chat: Chat,
    request: Conversation,
    *,
    wire: Wire,
    mode: str | None,
    prompt: str,
    uploaded: Iterable[str],
    settings: WebSettings,
) -> bytes:
    """Build the body of a conversation call."""
    values = {
        "temporary": settings.temporary,
        "model": wire.name,
        "mode": mode,
        "message": prompt,
        "attachments": list(uploaded),
        "no_search": not request.search,
        "no_memory": settings.disable_memory,
        "instruction": settings.custom_instruction or None,
    }
    template = {**chat.body, **chat.additions.get(wire.name, {})}
    return msgspec.json.encode(fill(template, values))


def session_event(
    gateway: Gateway, request: Conversation, *, wire: Wire, event_id: str, settings: WebSettings
) -> dict[str, Any]:
    """Build the event that opens a conversation on the gateway socket."""
    values = {
        "model": wire.name,
        "temporary": settings.temporary,
        "no_memory": settings.disable_memory,
        "without_search": None if request.search else True,
    }
    session = fill(gateway.session, values)
    return {"type": "session.create", "event_id": event_id, "session": session}


def message_event(
    prompt: str, uploaded: Sequence[str], *, event_id: str, message_id: str
) -> dict[str, Any]:
    """Build the event that says *prompt* on the gateway socket, with files mentioned before it."""
    mentions = [{"mention": {"target": {"file_mention": {"file_id": id_}}}} for id_ in uploaded]
    chunks = [*mentions, {"text": {"text": prompt}}]
    attached = {"file_attachment_ids": list(uploaded)} if uploaded else {}
    item = {
        "type": "message",
        "role": "user",
        "x_grok": {"client_message_id": message_id, "input_chunks": chunks},
        **attached,
    }
    return {"type": "conversation.item.create", "event_id": event_id, "item": item, **attached}


def envelope(event: Mapping[str, Any], session_id: str = "") -> bytes:
    """Wrap an event for the gateway socket; the first one has no session yet."""
    outer = {"session_id": session_id} if session_id else {}
    return msgspec.json.encode({**outer, "event": event})


def quota_body(template: Mapping[str, Any], name: str) -> bytes:
    """Build the body of a quota call for the window *name*."""
    return msgspec.json.encode(fill(template, {"model": name}))


def _text(message: Message) -> str:
    found = (part.text for part in message.parts if isinstance(part, Text))
    return "\n".join(text for text in found if text.strip())
