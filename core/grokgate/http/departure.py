"""How a reply leaves: the headers that every reply has, and what became of it."""

import math
import time
from collections.abc import Sequence
from typing import Any

from litestar.types import HTTPScope, Message, Send

from grokgate import __version__
from grokgate.http.arrival import may_have_body
from grokgate.http.body import shown_names
from grokgate.http.errors import family_of
from grokgate.keys import Rate
from grokgate.plugin.records import Caller

_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_CSP = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_VERSION = (b"x-grokgate-version", __version__.encode())
_OPENAI_VERSION = (b"openai-version", b"2020-10-01")
_CLOSE = (b"connection", b"close")
_EVENT_STREAM = b"text/event-stream"
ANONYMOUS = "anonymous"


class Departure:
    """The ``send`` of one request: completes the head, passes everything on at once.

    Args:
        send: Of the server.
        scope: Of the request.
        path: Of the request.
        granted: What `cors.granted` returned for it.
    """

    def __init__(
        self,
        send: Send,
        scope: HTTPScope,
        *,
        path: str,
        granted: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self._send = send
        self._scope = scope
        self._path = path
        self._granted = granted
        self._began = time.perf_counter()
        self.status: int | None = None
        """None: no head was sent."""
        self.complete = False
        self.first_byte_s: float | None = None
        """Seconds until the body began; None: there was none."""
        self.is_stream = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since the request was seen."""
        return time.perf_counter() - self._began

    async def __call__(self, message: Message) -> None:
        """Send a message of the application."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.is_stream = any(
                name == b"content-type" and value.startswith(_EVENT_STREAM)
                for name, value in message["headers"]
            )
            message["headers"] = [*message["headers"], *self._common(message["headers"])]
        elif message["type"] == "http.response.body":
            self.complete = not message["more_body"]
            if self.first_byte_s is None and message["body"]:
                self.first_byte_s = self.elapsed_s
        await self._send(message)

    def _leaves_body(self) -> bool:
        """Tell whether the body was not read, so that the server closes the connection.

        A client that is not told would use it again. HTTP/2 knows no such header, and needs none.
        """
        if self._scope["state"].get("body_read") or self._scope["http_version"] == "2":
            return False
        return may_have_body(self._scope)

    def _common(self, present: Any) -> list[tuple[bytes, bytes]]:
        state = self._scope["state"]
        request_id = state["request_id"].encode()
        elapsed_ms = str(int(self.elapsed_s * 1000)).encode()
        headers = [
            (b"x-request-id", request_id),
            (b"openai-processing-ms", elapsed_ms),
            *_SECURITY,
        ]
        if self._leaves_body():
            headers.append(_CLOSE)
        if not any(name == b"content-security-policy" for name, _ in present):
            headers.append(_CSP)
        headers.extend(self._granted)
        if self._path.startswith("/v1/"):
            anthropic = family_of(self._scope) == "anthropic"
            headers.append((b"request-id", request_id) if anthropic else _OPENAI_VERSION)
        caller: Caller | None = state.get("caller")
        if caller is not None and caller.key_id != ANONYMOUS:
            headers.append(_VERSION)
        if rate := state.get("rate"):
            headers.extend(rate_headers(rate))
        if ignored := shown_names(state.get("ignored", ())):
            headers.append((b"x-grokgate-ignored", ignored.encode()))
        return headers


def rate_headers(rate: Rate) -> list[tuple[bytes, bytes]]:
    """Return what tells a client about its requests per minute (contract 1.2)."""
    return [
        (b"x-ratelimit-limit-requests", str(rate.limit).encode()),
        (b"x-ratelimit-remaining-requests", str(rate.remaining).encode()),
        (b"x-ratelimit-reset-requests", _duration(rate.reset_s).encode()),
    ]


def _duration(seconds: float) -> str:
    """Write a duration as ``12ms``, ``1s`` or ``1m0s``."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
