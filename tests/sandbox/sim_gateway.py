"""A tiny ASGI client for the gateway socket, with the words of its protocol."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from grokgate.sandbox import Sandbox
from sandbox.sim_client import ORIGIN
from sandbox.sim_socket import SocketTalk, connected

PATH = "/ws/mgw/"
RESPOND = {"type": "response.create"}
PING = {"type": "ping"}


def handshake(sandbox: Sandbox, token: str = "t", **more: Any) -> dict[str, str]:
    """The header set of a handshake, complete for a strict sandbox."""
    user_id = sandbox.accounts[token].user_id
    known: dict[str, str | None] = {
        "host": "127.0.0.1:9",
        "origin": ORIGIN,
        "user-agent": "Mozilla/5.0",
        "accept-language": "en",
        "cache-control": "no-cache",
        "pragma": "no-cache",
        "cookie": f"sso={token}; sso-rw={token}; x-userid={user_id}",
    }
    known |= {name.replace("_", "-"): value for name, value in more.items()}
    return {name: value for name, value in known.items() if value is not None}


def session(model: str = "fast", *, chunks: bool = True, **flags: Any) -> dict[str, Any]:
    x_grok = {
        "protocol_capabilities": ["conversation_attached", "custom_methods_v1"],
        "use_chunk": chunks,
        **flags,
    }
    return {"type": "session.create", "session": {"model": model, "x_grok": x_grok}}


def item(text: str, *, files: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    mentions = [{"mention": {"target": {"file_mention": {"file_id": file}}}} for file in files]
    x_grok = {
        "client_message_id": str(uuid.uuid4()),
        "input_chunks": [*mentions, {"text": {"text": text}}],
    }
    attached = {"file_attachment_ids": files} if files else {}
    message = {"type": "message", "role": "user", "x_grok": x_grok, **attached}
    return {"type": "conversation.item.create", "item": message, **attached, **more}


class Line(SocketTalk):
    """One gateway socket under way, with the words of its protocol."""

    def __init__(self) -> None:
        super().__init__()
        self.session_id: str | None = None

    @property
    def events(self) -> list[dict[str, Any]]:
        """Whatever is JSON and an event."""
        return [event for frame in self.frames if (event := _event(frame)) is not None]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def answer(self) -> list[dict[str, Any]]:
        """Events from the beginning of the answer on."""
        return self.events[self.kinds.index("response.created") :]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        found = [event.get("chunk") for event in self.events if event["type"] == "response.chunk"]
        return [chunk for chunk in found if isinstance(chunk, dict)]

    def said(self, channel: str = "CHANNEL_ASSISTANT_RESPONSE") -> str:
        texts = [chunk["text"] for chunk in self.chunks if isinstance(chunk.get("text"), dict)]
        said = [text.get("text") for text in texts if text.get("channel") == channel]
        return "".join(text for text in said if isinstance(text, str))

    def of(self, kind: str) -> dict[str, Any]:
        return next(event for event in self.events if event["type"] == kind)

    async def say(self, event: dict[str, Any], **more: Any) -> None:
        known = {} if self.session_id is None else {"session_id": self.session_id}
        event = {"event_id": f"evt_{uuid.uuid4()}", **event}
        await self.say_text(json.dumps({**known, "event": event, **more}))

    async def open(self, **more: Any) -> None:
        """Create a session and wait until it stands."""
        await self.say(session(**more))
        await self.until(lambda: {"session.created", "conversation.attached"} <= {*self.kinds})
        frames = [json.loads(frame) for frame in self.frames if isinstance(frame, str)]
        self.session_id = frames[0]["session_id"] if frames else None

    async def ask(self, text: str, *, end: str = "conversation.title.updated", **more: Any) -> None:
        """Send a message and wait until its answer is over."""
        await self.say(item(text, **more))
        await self.say(RESPOND)
        await self.until(lambda: end in self.kinds or "error" in self.kinds)


@asynccontextmanager
async def dial(
    sandbox: Sandbox,
    *,
    token: str = "t",
    path: str = PATH,
    uid: str | None = None,
    sent: dict[str, str] | None = None,
) -> AsyncIterator[Line]:
    """Open a socket; it is left at the end of the block."""
    user_id = sandbox.accounts[token].user_id if uid is None else uid
    headers = handshake(sandbox, token) if sent is None else sent
    async with connected(sandbox.app, f"{path}?uid={user_id}", Line(), sent=headers) as line:
        yield line


async def talk_over(sandbox: Sandbox, text: str, *, token: str = "t", **more: Any) -> Line:
    """Ask one question over a socket of its own; returns when it is answered or lost."""
    async with dial(sandbox, token=token) as line:
        if line.accepted:
            await line.open(**more)
            await line.ask(text)
        return line


def _event(frame: str | bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(frame) if isinstance(frame, str) else None
    except ValueError:
        return None
    event = content.get("event") if isinstance(content, dict) else None
    return event if isinstance(event, dict) else None
