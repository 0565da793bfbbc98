"""WebSockets of clients: messages both ways, and the rights of each turn over them.

1. The handshake passes the guards of its route like any request; a refusal is an HTTP reply.
2. `ClientSocket.accept` opens the socket. One task reads, any task may write.
3. What a client asks for over the socket runs inside `ClientSocket.turn`: key and switch are asked
   again, and the turn counts, is ended by a shutdown and is logged like a request of its own.
4. `ClientSocket.close` ends it; a handler that returns on an open socket closes it as well.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Protocol, TypeVar

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect
from litestar.types import ReceiveMessage

from grokgate.plugin.records import Caller

T = TypeVar("T")


class SocketClosed(Exception):
    """The client has left, or the socket was closed."""


class SocketTurn(Protocol):
    """One piece of work for the client of a socket."""

    caller: Caller
    """With a request id of this turn's own."""

    async def run(self, work: Callable[[], Awaitable[None]], /) -> None:
        """Do *work*; its end and its error are those of the turn, for log and metrics.

        Raises:
            Overloaded: A shutdown gave the work up; it was cancelled.
            InternalError: *work* raised something unforeseen, which was logged.
            GatewayError: What *work* raised.
            SocketClosed: The client left.
        """
        ...


class Room(Protocol):
    """Bytes that all sockets of the process may hold together."""

    def take(self, size: int, /) -> None:
        """Reserve *size* bytes; raises `Overloaded` when they are not there."""
        ...

    def give_back(self, size: int, /) -> None:
        """Return what was taken."""
        ...


class Rights(Protocol):
    """What the gateway lets the client of one socket do, now."""

    @property
    def draining(self) -> bool:
        """Whether the process is about to stop: sockets without a turn are to end."""
        ...

    @property
    def memory(self) -> Room:
        """Room for what is remembered between turns."""
        ...

    @property
    def message_bytes(self) -> int:
        """The most that one message may have."""
        ...

    async def check(self) -> Caller:
        """Ask again what the handshake was asked.

        Raises:
            AuthenticationFailed: The key is not accepted any more.
            GatewayError: Switched off, or not for this key.
        """
        ...

    def turn(self) -> AbstractAsyncContextManager[SocketTurn]:
        """Begin one piece of work, which counts as a request until the context is left.

        Raises:
            GatewayError: As for a request, `Overloaded` included.
        """
        ...

    def reader(self, body_type: type[T], /) -> Callable[[bytes], T]:
        """Make the strict decoder of a message, with the rules of a request's body.

        It raises `InvalidRequest` with the code and the place of the first fault.
        """
        ...

    def take(self, size: int, /) -> None:
        """Count *size* bytes of a message that is kept; raises `Overloaded`."""
        ...

    def give_back(self, size: int, /) -> None:
        """Count them out."""
        ...


class ClientSocket:
    """An open WebSocket."""

    def __init__(self, socket: WebSocket[Any, Any, Any]) -> None:
        self._socket = socket
        self._reading: asyncio.Task[ReceiveMessage] | None = None
        self._open = True
        self.rights: Rights = socket.scope["state"]["rights"]
        """What its client may do."""

    @classmethod
    async def accept(cls, socket: WebSocket[Any, Any, Any]) -> "ClientSocket":
        """Answer the handshake with yes."""
        await socket.accept()
        return cls(socket)

    async def read(self) -> str | bytes:
        """Wait for the next message: text, or the bytes of a binary one; for one task.

        Raises:
            SocketClosed: There will be none.
        """
        message = await self._next()
        if message["type"] != "websocket.receive":
            self._open = False
            raise SocketClosed
        text = message.get("text")
        return message.get("bytes") or b"" if text is None else text

    async def write(self, text: str) -> None:
        """Send a text message.

        Raises:
            SocketClosed: The client has left.
        """
        if not self._open:
            raise SocketClosed
        try:
            await self._socket.send({"type": "websocket.send", "bytes": None, "text": text})
        except WebSocketDisconnect:
            raise SocketClosed from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame; a closed socket stays as it is.

        Args:
            code: RFC 6455, 7.4.
            reason: At most 123 bytes.
        """
        if not self._open:
            return
        self._open = False
        await self._stop_reading()
        with suppress(WebSocketDisconnect):
            await self._socket.close(code, reason)

    async def _next(self) -> ReceiveMessage:
        if not self._open:
            raise SocketClosed
        self._reading = reading = asyncio.create_task(self._receive())
        try:
            await asyncio.wait([reading])
        finally:
            reading.cancel()
        if reading.cancelled():
            raise SocketClosed
        return reading.result()

    async def _receive(self) -> ReceiveMessage:
        return await self._socket.receive()

    async def _stop_reading(self) -> None:
        """Give up a pending read: granian 2.8 sends no close frame while one waits."""
        if self._reading is not None and not self._reading.done():
            self._reading.cancel()
            await asyncio.wait([self._reading])
