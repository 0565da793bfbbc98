"""``Idempotency-Key``: what a client asks for twice is done once (D24, D28, F-API-10).

For POSTs of routes that create work, when the header is there:

1. `Idempotency`, a middleware, puts a watch over the reply into the request's state.
2. The before-request hook of `reserving` comes after the guards. It reads the body and reserves the
   key: that may be refused, or the recorded reply takes the place of the handler.
3. A successful reply is recorded before its last piece leaves. An event stream holds the key until
   its end and is never collected. Any other reply frees the key, and so does a client that leaves.
"""

import hashlib
import re
from collections.abc import Callable
from copy import copy
from typing import Any

from anyio import to_thread
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from grokgate.errors import InvalidRequest, StoreUnavailable
from grokgate.http.body import MULTIPART
from grokgate.objects import REPLY_BYTES, Replies, Reply, Reservation

REPLAYED = "x-grokgate-idempotent-replay"
"""Header of a reply that was recorded earlier."""
_NAME = b"idempotency-key"
_KEY = re.compile(rb"[!-~]{1,255}\Z")
_STATE = "idempotency"
_STREAM = "text/event-stream"
_LARGE = 256 << 10
"""Bytes from which a body is digested in a thread: 256 MiB take 0.3 s."""
_BOUNDARIES = 65
"""Of a form with as many parts as are taken; a body with more is refused after this."""


class Idempotency:
    """Middleware that ends the reservation of a request with its reply.

    Args:
        app: Holds the handlers of `reserving`; must be the innermost middleware, to see replies as
            they were made.
        replies: Where keys are reserved, asked at each request.
        log: Told of replies that could not be recorded.
    """

    def __init__(self, app: ASGIApp, *, replies: Callable[[], Replies], log: Any) -> None:
        self._app = app
        self._replies = replies
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; watch its reply when it has the header."""
        if not _is_meant(scope):
            await self._app(scope, receive, send)
            return
        once = _Once(send, self._replies(), self._log)
        scope["state"][_STATE] = once
        try:
            await self._app(scope, receive, once.send)
        finally:
            once.release()


def reserving(handler: BaseRouteHandler) -> BaseRouteHandler:
    """Return *handler* with a before-request hook that reserves the key of a request.

    A hook that the handler brings is called after it: Litestar would call that one alone.
    """
    if not isinstance(handler, HTTPRouteHandler):
        return handler
    own = handler.before_request

    async def reserve(request: Request[Any, Any, Any]) -> Any:
        once: _Once | None = request.scope["state"].get(_STATE)
        reply = None if once is None else await once.begin(request)
        return await own(request) if reply is None and own is not None else reply

    changed = copy(handler)
    changed.before_request = reserve
    return changed


class _Once:
    """The ``send`` of one request with a key, and the reservation it may hold."""

    def __init__(self, send: Send, replies: Replies, log: Any) -> None:
        self._send = send
        self._replies = replies
        self._log = log
        self._reservation: Reservation | None = None
        self._status = 0
        self._content_type = ""
        self._pieces: list[bytes] | None = []
        """Of the body; None: a stream, or too long, which are not recorded."""
        self._bytes = 0

    async def begin(self, request: Request[Any, Any, Any]) -> Response[bytes] | None:
        """Reserve the key; return the reply when the request was answered before.

        Raises:
            InvalidRequest: The header is not a key.
            Conflict: ``idempotency_in_progress`` or ``idempotency_mismatch``.
            StoreUnavailable: Replies cannot be recorded now.
        """
        self._state = request.scope["state"]
        owner = self._state["caller"].key_id
        key = _key(request.scope)
        answer = await self._replies.reserve(owner, key, request=await _digest(request))
        if isinstance(answer, Reply):
            return _replay(answer)
        self._reservation = answer
        return None

    async def send(self, message: Message) -> None:
        """Pass a message on; before the last one leaves, the reservation has ended."""
        if self._reservation is not None:
            if message["type"] == "http.response.start":
                self._begin_reply(message)
            elif message["type"] == "http.response.body":
                await self._continue_reply(self._reservation, message)
        await self._send(message)

    def release(self) -> None:
        """Free the key, unless the reply was recorded."""
        if self._reservation is not None:
            self._replies.release(self._reservation)
            self._reservation = None

    def _begin_reply(self, message: Any) -> None:
        self._status = message["status"]
        headers = dict(message["headers"])
        self._content_type = headers.get(b"content-type", b"").decode("latin-1")
        if not 200 <= self._status < 300:  # noqa: PLR2004 - the class of successes
            self.release()

    async def _continue_reply(self, reservation: Reservation, message: Any) -> None:
        self._gather(message["body"])
        if message["more_body"]:
            return
        if self._pieces is not None and "error_code" not in self._state:
            await self._record(reservation, b"".join(self._pieces))
        self.release()

    def _gather(self, body: bytes) -> None:
        """Add to what will be recorded; an event stream is not (D28)."""
        self._bytes += len(body)
        if self._pieces is None or self._content_type.startswith(_STREAM):
            self._pieces = None
        elif self._bytes > REPLY_BYTES:
            self._pieces = None
            self._log.warning("idempotent_reply_not_recorded", reason="too_large")
        else:
            self._pieces.append(body)

    async def _record(self, reservation: Reservation, body: bytes) -> None:
        """Record the reply; what cannot be recorded is sent all the same, for its work is done."""
        reply = Reply(status=self._status, content_type=self._content_type, body=body)
        try:
            await self._replies.complete(reservation, reply)
        except StoreUnavailable:
            self._log.warning("idempotent_reply_not_recorded", reason="storage_unavailable")


def _is_meant(scope: Scope) -> bool:
    return (
        scope["type"] == ScopeType.HTTP
        and scope["method"] == "POST"
        and any(name == _NAME for name, _ in scope["headers"])
    )


def _key(scope: Scope) -> str:
    values = [value for name, value in scope["headers"] if name == _NAME]
    if len(values) != 1 or not _KEY.match(values[0]):
        raise InvalidRequest(
            "The Idempotency-Key header must be sent once, with 1 to 255 visible ASCII characters."
        )
    return values[0].decode("ascii")


async def _digest(request: Request[Any, Any, Any]) -> str:
    """Digest path and body; the boundary of a form is left out, since each try has its own."""
    media_type, options = request.content_type
    boundary = b""
    if media_type == MULTIPART:
        # The form is read whole here, and so counts among the bodies held in memory (`Arrival`).
        request.scope["state"]["spooled"] = False
        boundary = options.get("boundary", "").encode()
    path, body = _path(request.scope), await request.body()
    if len(body) < _LARGE:
        return _digest_of(path, body, boundary)
    return await to_thread.run_sync(_digest_of, path, body, boundary)


def _digest_of(path: bytes, body: bytes, boundary: bytes) -> str:
    digest = hashlib.sha256(path + b"\0")
    start, view = 0, memoryview(body)
    for _ in range(_BOUNDARIES if boundary else 0):
        if (end := body.find(boundary, start)) < 0:
            break
        digest.update(view[start:end])
        start = end + len(boundary)
    digest.update(view[start:])
    return digest.hexdigest()


def _path(scope: Scope) -> bytes:
    """Return the path; with and without a trailing slash it is the same (contract 1.1)."""
    path: str = scope["path"]
    return path.rstrip("/").encode("utf-8", "surrogatepass")


def _replay(reply: Reply) -> Response[bytes]:
    headers = {"content-type": reply.content_type, REPLAYED: "true"}
    return Response(reply.body, status_code=reply.status, headers=headers)
