"""Requests and plain replies of the simulated upstream, between ASGI and the endpoints."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request body that are read."""


class Request(Struct, frozen=True, kw_only=True):
    """One request, its body read."""

    method: str
    path: str
    """Decoded, without the query."""
    query: Mapping[str, str]
    headers: tuple[tuple[str, str], ...]
    """As they arrived, in order; names in lower case."""
    cookies: Mapping[str, str]
    origin: str
    """Scheme and host the client addressed; a socket's is that of its handshake."""
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the first value of a header, by its lower-case name."""
        return next((value for known, value in self.headers if known == name), None)


class Reply(Struct, frozen=True, kw_only=True):
    """A whole answer."""

    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Stream(Struct, frozen=True, kw_only=True):
    """An answer sent piece by piece; errors of the iterator cut the connection."""

    pieces: Iterator[bytes]
    """One framed line each."""
    status: int = 200
    headers: Mapping[str, str] = {}
    gap_s: float = 0.0
    """Seconds between two pieces."""
    stall_at: int | None = None
    """Pieces after which nothing more is sent while the client stays."""
    chunk_bytes: int = 0
    """Largest write; 0: a piece."""


Answered: TypeAlias = Reply | Stream


class AbruptClose(Exception):
    """Leaves the application in mid-answer, so that the server drops the connection.

    ASGI has no reset. An application that ends without the last body message is what comes
    closest: granian and uvicorn close the connection without the terminating chunk, which a client
    sees as an incomplete transfer.
    """


def parse_head(scope: Scope) -> Request:
    """Take the head of a request apart."""
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
    )
    host = next((value for name, value in headers if name == "host"), "")
    scheme = scope.get("scheme", "http").replace("ws", "http")
    return Request(
        method=scope.get("method", "GET"),
        path=scope["path"],
        query=dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))),
        headers=headers,
        cookies=_cookies(headers),
        origin=f"{scheme}://{host}",
    )


async def read_body(receive: Receive) -> bytes | None:
    """Read a request body, a little more than `MAX_BODY` bytes at most; None: the client left."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > MAX_BODY or not message.get("more_body", False):
            return b"".join(parts)


def json_reply(content: object, *, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(status=status, body=msgspec.json.encode(content))


def invalid(message: str, *, status: int = 400) -> Reply:
    """Answer that the client's payload is at fault; the wording is ours."""
    return json_reply({"error": {"code": 3, "message": message, "details": []}}, status=status)


def _cookies(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Read all cookie headers; separators may lack their space (upstream-protocol.md 1.5)."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name == "cookie":
            found.update(_pairs(value))
    return found


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for piece in text.split(";"):
        name, equals, value = piece.strip().partition("=")
        if equals:
            yield name, value
