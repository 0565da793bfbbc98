"""How a request arrives: what its head must not contain, and its body, counted and timed."""

import asyncio
from collections.abc import Iterable
from typing import Any

from litestar.types import HTTPReceiveMessage, HTTPScope, Receive

from grokgate.errors import (
    BodyTooLarge,
    GatewayError,
    InvalidRequest,
    Overloaded,
    RequestTimeout,
    UnknownUrl,
)

BODY_IDLE_S = 30.0
"""Seconds a body may take from one piece to the next (F16)."""
BODIES_BYTES = 256 << 20
"""Bytes of bodies held at once, over all requests (S17)."""
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_CONTROLS = dict.fromkeys([*range(0x20), 0x7F])


def head_fault(path: str, headers: Iterable[tuple[bytes, bytes]]) -> GatewayError | None:
    """Find what no route should see: odd paths, and headers two readers could read differently.

    A doubled credential is not among them: that is 401, after the path (`auth.credential`).
    """
    if "//" in path or path.translate(_CONTROLS) != path:
        return UnknownUrl()
    hosts = lengths = encodings = 0
    for name, _ in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            lengths += 1
        elif name == b"transfer-encoding":
            encodings += 1
    if hosts > 1 or lengths + encodings > 1:
        return InvalidRequest("A header that may be sent once was sent twice.")
    return None


def may_have_body(scope: HTTPScope) -> bool:
    """Tell by its head whether a request may have a body; only HTTP/2 leaves that open."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return True
    length = headers.get(b"content-length")
    if length is None:
        return scope["http_version"] == "2" and scope["method"] not in _BODILESS
    return length != b"0"


def announced_size(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Return how many bytes the body of a request will have; None: its head does not say."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


class BodyBudget:
    """Bytes of bodies held by all requests together."""

    def __init__(self, limit: int = BODIES_BYTES) -> None:
        self._left = limit

    def take(self, size: int) -> None:
        """Reserve *size* bytes; raises `Overloaded` when they are not there."""
        if size > self._left:
            raise Overloaded
        self._left -= size

    def give_back(self, size: int) -> None:
        """Return what was taken."""
        self._left += size


class Arrival:
    """The ``receive`` of one request: bounds its body in size and in pauses.

    A body is complete with its last announced byte: the server would say so in a message of its
    own, and each one is a trip between threads.

    Raises from ``receive``:
        InvalidRequest: The client left within the body, or its framing is broken.
        BodyTooLarge: More arrived than ``state["body_limit"]``.
        RequestTimeout: Nothing arrived for `idle_s`.
        Overloaded: All bodies together are over the budget.
    """

    def __init__(
        self,
        receive: Receive,
        state: dict[str, Any],
        *,
        announced: int | None = None,
        budget: BodyBudget,
        idle_s: float,
    ) -> None:
        self._receive = receive
        self._state = state
        self._budget = budget
        self._announced = announced
        self._idle_s = idle_s
        self._size = 0
        self._held = 0
        self._complete = False

    async def __call__(self) -> HTTPReceiveMessage:
        """Return the next message; after the body nothing is timed."""
        if self._complete:
            return await self._receive()  # type: ignore[return-value]  # HTTP only
        try:
            async with asyncio.timeout(self._idle_s):
                message: HTTPReceiveMessage = await self._receive()  # type: ignore[assignment]
        except TimeoutError:
            raise RequestTimeout from None
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The request body ended early.")
        self._size += len(message["body"])
        if self._size == self._announced:
            message["more_body"] = False
        self._complete = self._state["body_read"] = not message["more_body"]
        self._count(len(message["body"]))
        return message

    def close(self) -> None:
        """Give the budget back; the request is over."""
        self._budget.give_back(self._held)
        self._held = 0

    def _count(self, size: int) -> None:
        if not size:
            return
        if self._size > self._state.get("body_limit", 0):
            raise BodyTooLarge
        if not self._state.get("spooled", False):
            self._budget.take(size)
            self._held += size
