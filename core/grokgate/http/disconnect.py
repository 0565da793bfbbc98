"""Stops the work for a client that left before it got an answer (reliability 4, item 9).

Neither the server nor Litestar cancels a handler whose client is gone. `CancelOnDisconnect` passes
messages on until the body is complete, then waits for the disconnect itself. Once the response
begins it cancels nothing any more, but tells the response (`EventStream`) when the client leaves.

The wait is never given up and begun again within a request: after a cancelled
``receive`` granian 2.8 may report a disconnect that did not happen.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import anyio
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPDisconnectEvent, Message, Receive, Scope, Send
from litestar.types.asgi_types import HTTPReceiveMessage, HTTPRequestEvent

from grokgate.errors import GatewayError
from grokgate.http.arrival import may_have_body
from grokgate.plugin.stream import OpenStreams


class CancelOnDisconnect:
    """Middleware that cancels a handler when its client leaves.

    A cancelled request ends without a response, which the access log shows as 499. A request
    without body is watched from its start, any other once its body has been read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application until it ends or the client leaves."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        with anyio.CancelScope() as work:
            watch = _Watch(receive, send, gone=work.cancel)
            open_work: OpenStreams = scope["state"]["streams"]
            open_work.add(watch)
            if not may_have_body(scope):
                watch.expect_no_body()
            try:
                await self._app(scope, watch.receive, watch.send)
            finally:
                watch.close()
                open_work.discard(watch)
        if work.cancelled_caught and watch.stopped_by is not None:
            raise watch.stopped_by


class _Watch:
    """The one reader of a request's messages: the handler first, then the wait for the end.

    The wait is a plain task: a task group for each request costs several times as much.
    """

    def __init__(self, receive: Receive, send: Send, *, gone: Callable[[], None]) -> None:
        self._receive = receive
        self._send = send
        self._gone = gone
        self._body_awaited = False
        self._over = False
        self._waiting: asyncio.Task[None] | None = None
        self._answering = False
        self.stopped_by: GatewayError | None = None
        """Why the work was given up before its response began."""

    def stop(self, error: GatewayError) -> None:
        """Give the work up with *error*; once the response has begun it is left alone."""
        if not self._answering:
            self.stopped_by = error
            self._gone()

    def expect_no_body(self) -> None:
        """Begin to watch; a handler that reads all the same finds an empty body."""
        self._body_awaited = True
        self._begin()

    async def receive(self) -> HTTPReceiveMessage:
        """Hand the next message to the handler; while the watch runs only the watch reads."""
        if self._body_awaited:
            self._body_awaited = False
            return HTTPRequestEvent(type="http.request", body=b"", more_body=False)
        if self._waiting is not None:
            await asyncio.wait([self._waiting])
        if self._over or self._waiting is not None:
            return HTTPDisconnectEvent(type="http.disconnect")
        message: HTTPReceiveMessage = await self._receive()  # type: ignore[assignment]  # no socket
        if message["type"] == "http.request" and not message["more_body"]:
            self._begin()
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on; from the first one on the response is in charge."""
        self._answering = True
        await self._send(message)

    def close(self) -> None:
        """End the wait; the request is over.

        What waits refers to this: were it kept, the whole request would wait for the collector.
        """
        self._over = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()

    def _begin(self) -> None:
        if self._waiting is None and not self._over:
            self._waiting = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        """Wait for the client to leave; before the response begins that cancels its work."""
        with suppress(GatewayError):  # the connection broke before the end of the request
            while (await self._receive())["type"] != "http.disconnect":
                pass
        if not self._answering:
            self._gone()
