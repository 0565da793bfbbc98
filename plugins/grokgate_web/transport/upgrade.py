"""A call that turns into two streams of bytes (RFC 6455, 4.1)."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from curl_cffi import CurlHttpVersion, CurlOpt

from grokgate_web.transport.connections import Connections
from grokgate_web.transport.model import Request
from grokgate_web.transport.outgoing import Sending

SWITCHING = 101

_ACCEPT_SALT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NEVER_ASKED_FOR = frozenset(("sec-websocket-extensions", "sec-websocket-protocol"))


class Upgrade(Sending):
    """One upgrade to a WebSocket; after a refusal an ordinary answer."""

    _reusable = False

    def __init__(self, connections: Connections, request: Request) -> None:
        self._key = base64.b64encode(secrets.token_bytes(16))
        super().__init__(connections, request, _nothing)

    @property
    def asked(self) -> bool:
        """Whether the connection stood and the request went out."""
        return self._outgoing.asked

    @property
    def accepted(self) -> bool:
        """Whether the answer is one of a WebSocket server to this very call."""
        digest = hashlib.sha1(self._key + _ACCEPT_SALT, usedforsecurity=False).digest()
        return (
            self.headers.get("upgrade", "").lower() == "websocket"
            and "upgrade" in self.headers.get("connection", "").lower()
            and self.headers.get("sec-websocket-accept") == base64.b64encode(digest).decode()
            and not _NEVER_ASKED_FOR & self.headers.keys()
        )

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return self._outgoing.held

    def now(self) -> float:
        """Return loop time."""
        return self._loop.time()

    def write(self, data: bytes) -> None:
        """Send *data* after what was written before; lost once the connection is."""
        self._outgoing.add(data)
        self._send_on()

    def write_end(self) -> None:
        """Say that nothing more will be sent: an ordinary answer ends only then."""
        self._outgoing.ended = True
        self._send_on()

    def _options(
        self, request: Request, on_sent: Callable[[], None]
    ) -> Iterator[tuple[CurlOpt, Any]]:
        yield from super()._options(request, on_sent)
        yield CurlOpt.UPLOAD, 1
        yield CurlOpt.CUSTOMREQUEST, "GET"
        yield CurlOpt.HTTP_VERSION, CurlHttpVersion.V1_1
        yield CurlOpt.HTTPPROXYTUNNEL, 1

    def _lines(self, request: Request) -> list[bytes]:
        return [
            *super()._lines(request),
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: " + self._key,
            # The bare name switches off what libcurl adds to an upload by itself.
            b"Transfer-Encoding:",
        ]

    def _on_header(self, line: bytes) -> int:
        taken = super()._on_header(line)
        if not line.strip() and self.status == SWITCHING:
            self._headed = True
            self._wake()
        return taken


def _nothing() -> None:
    pass
