"""One call on its way: a transfer that can be read in bounded steps and ended at any moment."""

import asyncio
import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from curl_cffi import CurlError, CurlHttpVersion, CurlOpt
from curl_cffi.curl import (
    CURL_WRITEFUNC_ERROR,
    CURL_WRITEFUNC_PAUSE,
    CURLPAUSE_CONT,
    CURLPAUSE_RECV,
)

from grokgate_web.transport.connections import Connections
from grokgate_web.transport.model import Request, TransportError, to_transport_error

MAX_HELD = 256 * 1024
"""Bytes that wait for a reader before the transfer is paused."""
MAX_BURST = 16 * 1024 * 1024
"""Bytes that may be unpacked at a time; a compressed answer with more of them is a bomb."""
MAX_UNREAD = 256 * 1024
"""Bytes that `Exchange.finish` reads."""

_MAX_PIECES = 64
_STATUS_LINE = re.compile(rb"HTTP/[0-9](?:\.[0-9])? ([0-9]{3})(?![0-9])")
_CONTROLS = bytes((*range(9), *range(10, 32), 127))


class Exchange:
    """One call on its way. Read by one task; `close` at any time, any number of times."""

    _reusable = True
    """The handle serves further calls if this one came to its end."""

    def __init__(
        self, connections: Connections, request: Request, on_sent: Callable[[], None]
    ) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._max_bytes = request.max_bytes
        self._pieces: list[bytes] = []
        self._held = 0
        self._total = 0
        self._paused = False
        self._pausing = False
        """`_pause` is about to be called."""
        self._broken: TransportError | None = None
        self._headed = False
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self.status = 0
        """HTTP status; 0 before `head`."""
        self.headers: dict[str, str] = {}
        """Lower-case names; of a repeated header the last value."""
        self._curl = connections.handle()
        try:
            for option, value in self._options(request, on_sent):
                self._curl.setopt(option, value)
            self._future = connections.start(self._curl)
        except BaseException:
            self._curl.close()
            raise
        self._future.add_done_callback(self._ended)

    async def head(self, until: float) -> None:
        """Wait for the answer's headers.

        Args:
            until: Deadline, loop time.

        Raises:
            TransportError: They did not come.
        """
        while not self._headed:
            if failure := self._failure():
                raise failure
            if self._future.done():
                raise TransportError("reset")
            await self._wait(until)

    async def read(self, until: float) -> bytes:
        """Return everything at hand, waiting for something; empty at the end of the answer.

        Args:
            until: Deadline, loop time.

        Raises:
            TransportError: The answer broke off; what came before it was returned first.
        """
        while not self._pieces:
            if failure := self._failure():
                raise failure
            if self._future.done():
                return b""
            await self._wait(until)
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        if self._paused and not self._future.done():
            self._resume()
        return data

    def close(self) -> None:
        """End the call at once, whatever it waits for; never blocks."""
        if self._closed:
            return
        self._closed = True
        clean = self._reusable and self._future.done() and self._failure() is None
        self._connections.stop(self._curl, self._future, reusable=clean)
        self._connections.used_at = self._loop.time()

    async def finish(self, within_s: float) -> None:
        """Read to the end what nobody needs any more, so that the connection can be used again.

        Gives up after *within_s*, after `MAX_UNREAD` bytes, or when the answer breaks off.
        """
        until, left = self._loop.time() + within_s, MAX_UNREAD
        with suppress(TransportError):
            while left > 0 and (piece := await self.read(until)):
                left -= len(piece)

    def retire(self) -> None:
        """Have nobody use this call's connections again (F-TOK-37)."""
        self._connections.retired = True

    def _options(
        self, request: Request, on_sent: Callable[[], None]
    ) -> Iterator[tuple[CurlOpt, Any]]:
        """Yield what is set for this call; of an option that comes twice the last value counts.

        A used handle remembers its last call, and points to what is no more: so everything is said
        each time.
        """
        body = _Body(request.body, on_sent)
        plain = request.url.startswith("http://")
        yield CurlOpt.URL, request.url
        yield CurlOpt.POST if request.method == "POST" else CurlOpt.HTTPGET, 1
        yield CurlOpt.CUSTOMREQUEST, request.method
        # Only once: the library adds to the lines it was given before.
        yield CurlOpt.HTTPHEADER, self._lines(request)
        yield CurlOpt.READDATA, body
        yield CurlOpt.SEEKDATA, body
        yield CurlOpt.POSTFIELDSIZE_LARGE, len(request.body)
        yield CurlOpt.MAXFILESIZE_LARGE, request.max_bytes
        # Without TLS an impersonated handle would offer an upgrade to HTTP/2.
        yield CurlOpt.HTTP_VERSION, CurlHttpVersion.V1_1 if plain else CurlHttpVersion.V2TLS
        yield CurlOpt.HEADERFUNCTION, self._on_header
        yield CurlOpt.WRITEFUNCTION, self._on_data

    def _lines(self, request: Request) -> list[bytes]:
        # Libcurl's own `Expect: 100-continue` is no browser's; the bare name switches it off.
        return [*(header_line(name, value) for name, value in request.headers), b"Expect:"]

    def _resume(self) -> None:
        """Let both directions go on: libcurl knows no less.

        What it held back arrives, or fails, within this call.
        """
        self._paused = False
        self._steer(CURLPAUSE_CONT)

    def _steer(self, action: int) -> None:
        try:
            self._curl.pause(action)
        except CurlError as error:
            self._broken = to_transport_error(error)
            self._wake()

    def _on_header(self, line: bytes) -> int:
        if self._headed:
            return len(line)  # trailers
        if found := _STATUS_LINE.match(line):
            self.status, self.headers = int(found[1]), {}
        elif line.strip():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.strip().lower()] = value.strip()
        elif self.status >= 200:  # noqa: PLR2004 - 1xx answers precede the real one
            self._headed = True
            self._wake()
        return len(line)

    def _on_data(self, piece: bytes) -> int:
        size = len(piece)
        if self._held >= MAX_HELD or len(self._pieces) >= _MAX_PIECES:
            if "content-encoding" not in self.headers:
                self._paused = True
                return CURL_WRITEFUNC_PAUSE
            self._pause_soon()
        self._total += size
        if self._total > self._max_bytes or self._held > MAX_BURST:
            self._broken = TransportError("too_large")
            self._wake()
            return CURL_WRITEFUNC_ERROR
        self._pieces.append(piece)
        self._held += size
        if self._waiter is not None:
            self._wake()
        return size

    def _full(self) -> bool:
        return self._held >= MAX_HELD or len(self._pieces) >= _MAX_PIECES

    def _pause_soon(self) -> None:
        """Pause once libcurl has unpacked what it has received.

        Were it paused meanwhile, it would unpack the rest into memory of its own, up to 64 MiB.
        """
        if not self._pausing:
            self._pausing = True
            self._loop.call_soon(self._pause)

    def _pause(self) -> None:
        self._pausing = False
        if self._full() and not (self._closed or self._future.done()):
            self._paused = True
            self._steer(CURLPAUSE_RECV)

    def _ended(self, future: "asyncio.Future[None]") -> None:
        if not future.cancelled():
            future.exception()
        self._wake()

    def _failure(self) -> TransportError | None:
        if self._broken is not None or not self._future.done():
            return self._broken
        if self._future.cancelled():
            return TransportError("reset")
        error = self._future.exception()
        return None if error is None else to_transport_error(error)

    async def _wait(self, until: float) -> None:
        """Sleep until something happens.

        A plain future and timer: this runs once per arrival of data and may be cancelled anywhere.
        """
        left = until - self._loop.time()
        if left <= 0:
            raise TransportError("timeout")
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(left, self._wake)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def header_line(name: str, value: str) -> bytes:
    """Render a header; no value, wherever it was pasted from, can begin another one (S16)."""
    return f"{name}: {value}".encode().translate(None, _CONTROLS)


class _Body(io.BytesIO):
    """A request body that says when it is first asked for: the connection stands by then."""

    def __init__(self, content: bytes, on_sent: Callable[[], None]) -> None:
        super().__init__(content)
        self._on_sent: Callable[[], None] | None = on_sent

    def read(self, size: int | None = -1, /) -> bytes:
        if self._on_sent is not None:
            on_sent, self._on_sent = self._on_sent, None
            on_sent()
        return super().read(size)
