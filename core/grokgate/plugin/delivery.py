"""Sends a stored file: whole or one range, with what browsers and players need (F-FILE-03, S12).

A read piece goes out before the next one is read, so a file of any size takes no memory. The file
is closed when the client leaves, stops reading, or the process shuts down.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

import anyio
from litestar import Request, Response
from litestar.types import Receive, Scope, Send
from msgspec import Struct

from grokgate.errors import GatewayError, InvalidRequest
from grokgate.plugin.stream import CLOSE_S, STALL_S, OpenStreams

Read: TypeAlias = Callable[[int, int], Awaitable[AsyncGenerator[bytes, None]]]
"""Opens the content from its first argument up to its second, in bytes."""

_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))\Z")
_CSP: Final = "default-src 'none'; sandbox"


class InvalidRange(InvalidRequest):
    """A range that is malformed, outside of the file, or more than one."""

    status = 416
    default_code = "invalid_range"
    default_message = "The requested range cannot be served."


class Content(Struct, frozen=True, kw_only=True):
    """What is known of a file before it is read."""

    name: str
    """As it is offered for saving."""
    mime: str
    size: int
    """Bytes."""
    etag: str
    """Quoted."""
    disposition: Literal["inline", "attachment"]
    cache_control: str


class FileReply(Response[None]):
    """A reply whose body is a file, or a part of it.

    Args:
        status: 200, 206 or 304.
        headers: Complete, besides those of every reply.
        body: Closed exactly once; None: the reply has no body.
    """

    def __init__(
        self, status: int, headers: Mapping[str, str], body: AsyncGenerator[bytes, None] | None
    ) -> None:
        super().__init__(None, headers=headers)
        head = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        self._delivery = _Delivery(status, head, body)

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Return the application that delivers the file; a handler's status has no say."""
        return self._delivery


async def deliver(request: Request[Any, Any, Any], content: Content, read: Read) -> FileReply:
    """Answer a GET or HEAD for a file; the file is open when this returns.

    Raises:
        InvalidRange: Carries the size of the file.
        GatewayError: What *read* raises.
    """
    headers = _headers(content)
    if _is_known(request.headers.get("if-none-match", ""), content.etag):
        return FileReply(304, headers, None)
    start, end = 0, content.size
    wanted = _wanted_range(request, content)
    if wanted is not None:
        start, end = wanted
        headers["content-range"] = f"bytes {start}-{end - 1}/{content.size}"
    headers |= {"content-type": content.mime, "content-length": str(end - start)}
    body = await read(start, end)
    if request.method == "HEAD":
        await body.aclose()
    return FileReply(
        200 if wanted is None else 206, headers, None if request.method == "HEAD" else body
    )


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """Return the first byte wanted and the one after the last; None: the whole file.

    Args:
        text: The ``Range`` header; units other than bytes are ignored (RFC 9110, 14.2).
        size: Bytes of the file.

    Raises:
        InvalidRange: Malformed, outside of the file, or more than one range (S17).
    """
    if not text.startswith("bytes="):
        return None
    match = _RANGE.match(text.replace(" ", ""))
    if match is None:
        raise _unsatisfiable(size)
    first, last, suffix = match.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
    if start >= end:
        raise _unsatisfiable(size)
    return start, end


def disposition(kind: str, name: str) -> str:
    """Return a ``Content-Disposition`` for any name (RFC 6266)."""
    plain = "".join(char if _is_plain(char) else "_" for char in name)
    value = f'{kind}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"


def _is_plain(char: str) -> bool:
    return char.isascii() and char.isprintable() and char not in '"\\%'


def _headers(content: Content) -> dict[str, str]:
    return {
        "accept-ranges": "bytes",
        "cache-control": content.cache_control,
        "content-disposition": disposition(content.disposition, content.name),
        "content-security-policy": _CSP,
        "etag": content.etag,
    }


def _wanted_range(request: Request[Any, Any, Any], content: Content) -> tuple[int, int] | None:
    header = request.headers.get("range")
    condition = request.headers.get("if-range", content.etag)
    if header is None or request.method != "GET" or condition != content.etag:
        return None
    return parse_range(header, content.size)


def _is_known(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return etag in tags or tags == ["*"]


def _unsatisfiable(size: int) -> InvalidRange:
    return InvalidRange(headers={"content-range": f"bytes */{size}"})


class _Delivery:
    """An ASGI application that sends one file, once."""

    def __init__(
        self, status: int, head: list[tuple[bytes, bytes]], body: AsyncGenerator[bytes, None] | None
    ) -> None:
        self._status = status
        self._head = head
        self._body = body
        self._work = anyio.CancelScope()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file; returns early when the client leaves or stops reading."""
        if self._body is None:
            await self._start(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        state = scope["state"]
        streams: OpenStreams = state["streams"]
        streams.add(self)
        try:
            with self._work:
                await self._start(send)
                async with anyio.create_task_group() as group:
                    group.start_soon(self._watch, receive)
                    await self._send(self._body, send, state)
                    group.cancel_scope.cancel()
        finally:
            streams.discard(self)
            with anyio.move_on_after(CLOSE_S, shield=True):
                await self._body.aclose()

    def stop(self, _: GatewayError) -> None:
        """Break off, for a shutdown; the announced length tells the client."""
        self._work.cancel()

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._status, "headers": self._head})

    async def _send(
        self, body: AsyncGenerator[bytes, None], send: Send, state: dict[str, Any]
    ) -> None:
        """Send piece by piece; a body that fails breaks off, as `stop` does."""
        try:
            async for piece in body:
                with anyio.move_on_after(STALL_S) as patience:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                if patience.cancelled_caught:
                    return
        except GatewayError as error:
            state["error_code"] = error.code
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._work.cancel()
