"""A client of WebSockets that needs no port: it speaks ASGI with the application itself."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec

WAIT_S = 10.0
"""Seconds to wait for what must come."""


class SocketTalk:
    """One WebSocket, from its handshake on; for one task.

    Attributes:
        accepted: Whether the handshake succeeded.
        status: Of the reply that refused it; None: none did.
        code: Of the close frame; None: none came.
        closed: Set when the application has ended.
    """

    def __init__(self) -> None:
        self.accepted = False
        self.status: int | None = None
        self.code: int | None = None
        self.closed = asyncio.Event()
        self._body = b""
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._heard: asyncio.Queue[str | None] = asyncio.Queue()
        self._answered = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()

    @property
    def refusal(self) -> Any:
        """The body of the reply that refused the handshake, decoded from JSON."""
        return msgspec.json.decode(self._body)

    def say(self, message: object) -> None:
        """Send *message*: a text as it is, bytes as a binary frame, anything else as JSON."""
        if isinstance(message, bytes):
            self._sent.put_nowait({"type": "websocket.receive", "bytes": message, "text": None})
            return
        text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
        self._sent.put_nowait({"type": "websocket.receive", "bytes": None, "text": text})

    async def hear(self) -> Any:
        """Return the next message, decoded from JSON.

        Raises:
            EOFError: The socket was closed.
            TimeoutError: Nothing came.
        """
        with anyio.fail_after(WAIT_S):
            text = await self._heard.get()
        if text is None:
            self._heard.put_nowait(None)
            raise EOFError
        return msgspec.json.decode(text)

    def stop_reading(self) -> None:
        """Take no further message: who sends one waits for ever."""
        self._reads.clear()

    def leave(self) -> None:
        """Close the socket."""
        self._sent.put_nowait({"type": "websocket.disconnect", "code": 1005})

    async def until_closed(self) -> None:
        """Wait for the application's end."""
        with anyio.fail_after(WAIT_S):
            await self.closed.wait()

    async def run(self, app: Any, scope: MutableMapping[str, Any]) -> None:
        """Speak with *app* until it ends."""
        self._sent.put_nowait({"type": "websocket.connect"})
        try:
            await app(scope, self._sent.get, self._take)
        finally:
            self._heard.put_nowait(None)
            self._answered.set()
            self.closed.set()

    async def until_answered(self) -> None:
        """Wait for the answer to the handshake."""
        with anyio.fail_after(WAIT_S):
            await self._answered.wait()

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        match message["type"]:
            case "websocket.accept":
                self.accepted = True
                self._answered.set()
            case "websocket.send":
                await self._reads.wait()
                self._heard.put_nowait(message["text"])
            case "websocket.close":
                self.code = message["code"]
            case "websocket.http.response.start":
                self.status = message["status"]
            case "websocket.http.response.body":
                self._body += message["body"]
                self._answered.set()
        await asyncio.sleep(0)


@asynccontextmanager
async def talking(
    app: Any, path: str, *, query: str = "", **headers: str
) -> AsyncIterator[SocketTalk]:
    """Ask *app* for a socket and wait for the answer; the client leaves at the end.

    Args:
        app: An ASGI application.
        path: Without a query.
        query: What stands behind the question mark.
        headers: Of the handshake; underscores stand for hyphens.
    """
    talk = SocketTalk()
    sent = {"host": "localhost", **{name.replace("_", "-"): headers[name] for name in headers}}
    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), text.encode()) for name, text in sent.items()],
        "client": None,
        "server": None,
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }
    async with anyio.create_task_group() as group:
        group.start_soon(talk.run, app, scope)
        await talk.until_answered()
        yield talk
        talk.leave()
        await talk.until_closed()
