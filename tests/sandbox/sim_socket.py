"""A tiny ASGI client for the sandbox's sockets, whatever is said over them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from grokgate.sandbox.request import AbruptClose
from sandbox.sim_client import App


class SocketTalk:
    """One socket under way, from its handshake on."""

    def __init__(self) -> None:
        self.accepted = False
        self.status: int | None = None
        self.body = b""
        self.frames: list[str | bytes] = []
        self.code: int | None = None
        """Of the close frame; 1006: the connection was cut."""
        self.ended = False
        self._heard = 0
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._news = asyncio.Event()

    async def say_text(self, text: str | bytes) -> None:
        field = "text" if isinstance(text, str) else "bytes"
        await self._sent.put({"type": "websocket.receive", field: text})

    async def hear(self) -> Any:
        """Return the next frame of JSON."""
        await self.until(lambda: len(self.frames) > self._heard)
        self._heard += 1
        return json.loads(self.frames[self._heard - 1])

    async def leave(self) -> None:
        await self._sent.put({"type": "websocket.disconnect", "code": 1000})

    async def until(self, test: Callable[[], bool]) -> None:
        """Wait for a state; the end of the socket ends all waiting."""
        async with asyncio.timeout(5):
            while not test() and not self.ended:
                self._news.clear()
                await self._news.wait()

    async def run(self, app: App, scope: dict[str, Any]) -> None:
        await self._sent.put({"type": "websocket.connect"})
        try:
            await app(scope, self._sent.get, self._take)
        except AbruptClose:
            self.code = 1006
        self.ended = True
        self._news.set()

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        match message["type"]:
            case "websocket.accept":
                self.accepted = True
            case "websocket.send":
                text = message.get("text")
                self.frames.append(message["bytes"] if text is None else text)
            case "websocket.close":
                self.code = message["code"]
            case "websocket.http.response.start":
                self.status = message["status"]
            case "websocket.http.response.body":
                self.body += message["body"]
        self._news.set()


Talk = TypeVar("Talk", bound=SocketTalk)


@asynccontextmanager
async def connected(
    app: App, path: str, talking: Talk, *, sent: dict[str, str]
) -> AsyncIterator[Talk]:
    """Open a socket and wait for the answer to its handshake; it is left at the end."""
    path, _, query = path.partition("?")
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }
    task = asyncio.create_task(talking.run(app, scope))
    try:
        await talking.until(lambda: talking.accepted)
        yield talking
    finally:
        await talking.leave()
        async with asyncio.timeout(5):
            await task
