"""One WebSocket of the simulated upstream, between ASGI and the endpoints that speak over it."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, TypeVar

import msgspec

from grokgate.sandbox.hangup import hang_up
from grokgate.sandbox.journal import Exchange, Frame
from grokgate.sandbox.request import Receive, Send

Message = TypeVar("Message")

DROPPED = 1006
"""What a client reports when no close frame came (RFC 6455, 7.4.1)."""
_TOO_MUCH = 1008
"""Close code of a client that breaks the rules."""


class Socket:
    """An open socket; what passes through it is noted in the journal.

    One task may read while others write. Reading and writing raise `SocketClosed` once the client
    has left, the endpoint has closed the socket, or the control plane did.
    """

    def __init__(
        self, receive: Receive, send: Send, exchange: Exchange, client: tuple[str, int] | None
    ) -> None:
        self._receive = receive
        self._send = send
        self._exchange = exchange
        self._client = client
        self._open = True
        self._pending: asyncio.Task[MutableMapping[str, Any]] | None = None
        self._closed = asyncio.Event()

    @property
    def account(self) -> str | None:
        """Token of whose it is."""
        return self._exchange.account

    async def read(self) -> str | bytes:
        """Wait for the next message: text, or the bytes of a binary frame."""
        self._require_open()
        message = await self._next()
        if message["type"] == "websocket.disconnect":
            self._open = False
            self._closed.set()
        self._require_open()
        text = message.get("text")
        content: str | bytes = message.get("bytes") or b"" if text is None else text
        self._exchange.note(Frame.received(content))
        return content

    async def write(self, content: object) -> None:
        """Send an object as a text frame of JSON."""
        await self.write_text(msgspec.json.encode(content).decode())

    async def write_text(self, text: str) -> None:
        """Send a text frame."""
        await self._transmit({"type": "websocket.send", "text": text}, Frame.sent(text))

    async def write_bytes(self, content: bytes) -> None:
        """Send a binary frame."""
        await self._transmit({"type": "websocket.send", "bytes": content}, Frame.sent(content))

    async def close(self, code: int = 1000) -> None:
        """Send a close frame, or for `DROPPED` cut the connection; a closed socket stays closed."""
        if not self._open:
            return
        self._open = False
        self._exchange.close_code = code
        if code != DROPPED:
            await self._stop_reading()
            await self._send({"type": "websocket.close", "code": code})
        elif self._client is not None:
            hang_up(self._client)
        self._closed.set()

    async def until_closed(self) -> None:
        """Wait until either side has closed the socket, as far as reading has noticed."""
        await self._closed.wait()

    async def _next(self) -> MutableMapping[str, Any]:
        self._pending = pending = asyncio.create_task(_awaited(self._receive))
        try:
            await asyncio.wait((pending,))
        finally:
            pending.cancel()
        if pending.cancelled():
            raise SocketClosed
        return pending.result()

    async def _stop_reading(self) -> None:
        """Give up a pending read: granian sends no close frame while one waits."""
        if self._pending is not None and not self._pending.done():
            self._pending.cancel()
            await asyncio.wait((self._pending,))

    async def _transmit(self, message: dict[str, Any], frame: Frame) -> None:
        self._require_open()
        self._exchange.note(frame)
        await self._send(message)

    def _require_open(self) -> None:
        if not self._open:
            raise SocketClosed


async def enqueue(socket: Socket, inbox: "asyncio.Queue[Message]", message: Message) -> None:
    """Put *message* into *inbox*, and close on a client that floods it.

    A reader that waited for room would not notice that the client leaves.

    Raises:
        SocketClosed: The inbox was full.
    """
    if inbox.full():
        await socket.close(_TOO_MUCH)
        raise SocketClosed
    inbox.put_nowait(message)


async def _awaited(receive: Receive) -> MutableMapping[str, Any]:
    """Make a coroutine of what may be any awaitable."""
    return await receive()


class SocketClosed(Exception):
    """The socket is closed; ends the conversation over it."""
