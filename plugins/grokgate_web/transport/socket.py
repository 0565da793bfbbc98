"""WebSockets over the same impersonated connections as HTTP calls.

curl_cffi connects its own sockets in threads, which cannot be aborted, and tells of a refusal only
its number. Here the upgrade is an ordinary transfer with headers of our own, after which libcurl
passes raw bytes both ways: limits, pauses, deadlines and aborting are those of `Exchange`, and a
refusal has its headers and body. Frames are read and written by `frames`.
"""

from collections import deque
from contextlib import suppress

from msgspec import Struct

from grokgate_web.transport.connections import Connections
from grokgate_web.transport.exchange import MAX_HELD, Exchange
from grokgate_web.transport.frames import (
    MAX_MESSAGE,
    NORMAL_CLOSURE,
    Frame,
    FrameError,
    FrameReader,
    MessageTooLong,
    Opcode,
    encode,
)
from grokgate_web.transport.model import Request, TransportError
from grokgate_web.transport.upgrade import SWITCHING, Upgrade


class Message(Struct, frozen=True):
    """One message of the server."""

    data: bytes
    text: bool


class Socket:
    """One WebSocket. Read by one task; `send` and `close` at any time, neither blocks."""

    def __init__(
        self, connections: Connections, request: Request, *, max_message: int = MAX_MESSAGE
    ) -> None:
        self._exchange = Upgrade(connections, request)
        self._reader = FrameReader(max_message=max_message)
        self._arrived: deque[Frame] = deque()
        self._failure: TransportError | None = None
        """Raised when what came before it was received."""
        self._closing = False
        self.close_code: int | None = None
        """Of the server's closing frame."""

    @property
    def exchange(self) -> Exchange:
        """The upgrade itself; after a refusal its status, headers and body can be read."""
        return self._exchange

    @property
    def connected(self) -> bool:
        """Whether there was a connection to ask on."""
        return self._exchange.asked

    async def open(self, until: float) -> bool:
        """Wait for the answer to the upgrade; false: it is a refusal, which `exchange` holds.

        Args:
            until: Deadline, loop time.

        Raises:
            TransportError: There was no answer, or none of a WebSocket server.
        """
        await self._exchange.head(until)
        if self._exchange.status != SWITCHING:
            self._exchange.write_end()
            return False
        if not self._exchange.accepted:
            raise TransportError("reset")
        return True

    async def receive(self, until: float) -> Message | None:
        """Return the next message; None once the server has closed the socket.

        Args:
            until: Deadline, loop time; frames that carry no message do not move it.

        Raises:
            TransportError: The connection broke, or a message is over the limit.
        """
        while True:
            while self._arrived:
                frame = self._arrived.popleft()
                if frame.opcode is Opcode.CLOSE:
                    self._answer_close(frame)
                    return None
                if frame.opcode is Opcode.PING:
                    self._answer_ping(frame)
                elif frame.opcode is not Opcode.PONG:
                    return Message(frame.data, text=frame.opcode is Opcode.TEXT)
            if self._failure is not None:
                raise self._failure
            await self._read(until)

    def send(self, text: bytes) -> None:
        """Send a text message, as soon as the connection takes it."""
        self._exchange.write(encode(Opcode.TEXT, text))

    def ping(self) -> None:
        """Give a sign of life; the server's answer is no message."""
        self._exchange.write(encode(Opcode.PING, b""))

    async def finish(self, within_s: float) -> None:
        """Close in good order: say so, and wait at most *within_s* for the server to do it too."""
        self._say_close()
        until = self._exchange.now() + within_s
        with suppress(TransportError):
            while await self.receive(until) is not None:
                pass

    def close(self) -> None:
        """Cut the connection at once."""
        self._exchange.close()

    async def _read(self, until: float) -> None:
        data = await self._exchange.read(until)
        if not data:
            raise TransportError("reset")
        try:
            self._arrived.extend(self._reader.feed(data))
        except MessageTooLong:
            self._failure = TransportError("too_large")
        except FrameError:
            self._failure = TransportError("reset")

    def _answer_close(self, frame: Frame) -> None:
        self.close_code = frame.close_code
        self._say_close()

    def _answer_ping(self, frame: Frame) -> None:
        """Answer, unless the server takes nothing: then answers must not pile up."""
        if self._exchange.unsent < MAX_HELD:
            self._exchange.write(encode(Opcode.PONG, frame.data))

    def _say_close(self) -> None:
        if not self._closing:
            self._closing = True
            self._exchange.write(encode(Opcode.CLOSE, NORMAL_CLOSURE.to_bytes(2, "big")))
