"""A call whose body is made while it is sent."""

import io
from collections.abc import Callable, Iterator
from typing import Any

from curl_cffi import CurlOpt
from curl_cffi.curl import CURL_READFUNC_PAUSE

from grokgate_web.transport.connections import Connections
from grokgate_web.transport.exchange import MAX_HELD, Exchange
from grokgate_web.transport.model import Request


class Outgoing(io.RawIOBase):
    """Bytes that libcurl asks for when the connection can take them.

    Args:
        on_asked: Called once, when the connection stands and the first bytes are asked for.
        on_room: Called when few enough wait for more to be added.
    """

    def __init__(self, on_asked: Callable[[], None], on_room: Callable[[], None]) -> None:
        super().__init__()
        self._on_asked = on_asked
        self._on_room = on_room
        self._waiting = bytearray()
        self._begun = False
        self.asked = False
        """The connection stands."""
        self.paused = False
        """Libcurl asks again only after it was told to."""
        self.ended = False
        """Nothing more will be added."""

    @property
    def held(self) -> int:
        """Bytes that wait to be sent."""
        return len(self._waiting)

    def add(self, data: bytes) -> None:
        """Send *data* after what was added before."""
        self._waiting += data

    def read(self, size: int = -1, /) -> "bytes | int":
        """Return what comes next; no bytes are the end."""
        if not self.asked:
            self.asked = True
            self._on_asked()
        if not self._waiting and not self.ended:
            self.paused = True
            return CURL_READFUNC_PAUSE
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._begun = self._begun or bool(piece)
        if len(self._waiting) < MAX_HELD:
            self._on_room()
        return piece

    def seek(self, offset: int, _whence: int = io.SEEK_SET, /) -> int:
        """Start again, on a new connection after a kept one that was dead.

        Raises:
            OSError: Something went out, and is not there any more.
        """
        if offset or self._begun:
            raise io.UnsupportedOperation
        return 0


class Sending(Exchange):
    """One call that can be added to while it is on its way."""

    def __init__(
        self, connections: Connections, request: Request, on_sent: Callable[[], None]
    ) -> None:
        self._outgoing = Outgoing(on_sent, self._wake)
        super().__init__(connections, request, on_sent)

    def _options(
        self, request: Request, on_sent: Callable[[], None]
    ) -> Iterator[tuple[CurlOpt, Any]]:
        yield from super()._options(request, on_sent)
        yield CurlOpt.READDATA, self._outgoing
        yield CurlOpt.SEEKDATA, self._outgoing

    def _send_on(self) -> None:
        """Have libcurl ask for what was added."""
        if self._outgoing.paused and not (self._closed or self._future.done()):
            self._outgoing.paused = False
            self._resume()
