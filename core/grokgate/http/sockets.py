"""WebSockets: the handshake is answered like a request, and so is each turn over the socket.

1. What no route should see, overload and a shutdown are refused here, before the application.
2. Whatever the application refuses before the upgrade (path, key, switch) becomes an ordinary
   reply with the envelope of the route's family. Litestar alone would answer 403 and no word.
3. Once the socket is open, its handler asks the `ClientRights` in the scope's state for every turn.

An open socket alone does not count as a request in progress; its turns do. There may be as many
sockets as requests, beside them. A shutdown waits for a socket all the same, so that it can be
closed in order: whoever holds it looks at `draining`.
"""

import time
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send, WebSocketScope
from structlog.contextvars import bound_contextvars

from grokgate.errors import GatewayError, InternalError, Overloaded, PermissionDenied, UnknownUrl
from grokgate.http.accounting import CLIENT_GONE, UNROUTED
from grokgate.http.arrival import head_fault
from grokgate.http.errors import family_of, plugin_of, render, to_gateway_error
from grokgate.http.rights import METHOD, SHUTTING_DOWN, ClientRights, SocketServices
from grokgate.plugin.records import Caller

_SWITCHING = 101
_FAULT = 1011
"""Close code after a defect (RFC 6455, 7.4.1)."""


class SocketSide:
    """ASGI application for the WebSockets of an ASGI application."""

    def __init__(self, app: ASGIApp, services: SocketServices) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one handshake, and serve the socket until it ends."""
        assert scope["type"] == ScopeType.WEBSOCKET
        rights = ClientRights(scope, self._services)
        handshake = _Handshake(scope, send)
        scope["state"] = {
            **scope.get("state", {}),
            "request_id": rights.request_id,
            "streams": self._services.streams,
            "rights": rights,
        }
        with bound_contextvars(request_id=rights.request_id):
            try:
                await self._serve(scope, receive, handshake)
            finally:
                self._account(scope, handshake)

    async def _serve(
        self, scope: WebSocketScope, receive: Receive, handshake: "_Handshake"
    ) -> None:
        connect = await receive()
        fault = head_fault(scope["path"], scope["headers"]) or self._fault(scope)
        if fault is not None:
            await handshake.refuse(fault)
            return
        self._services.drain.connect()
        try:
            await self._app(scope, _Replayed(connect, receive), handshake)
        finally:
            self._services.drain.disconnect()

    def _fault(self, scope: WebSocketScope) -> GatewayError | None:
        if self._services.drain.draining:
            return Overloaded(SHUTTING_DOWN)
        if self._services.drain.sockets >= self._services.max_inflight():
            return Overloaded()
        # A page needs no preflight for a socket, so that without a key any page could use it.
        if not self._services.open_to_origins() and _is_foreign_page(scope):
            return PermissionDenied(
                "Pages of other origins cannot be served without a key.", code="host_not_allowed"
            )
        return None

    def _account(self, scope: WebSocketScope, handshake: "_Handshake") -> None:
        state = scope["state"]
        if (exception := state.get("exception")) is not None:
            plugin = plugin_of(scope)
            self._services.metrics.plugin_fault(plugin)
            self._services.log.error("unhandled_error", plugin=plugin, exc_info=exception)
        caller: Caller | None = state.get("caller")
        route, seconds = str(scope.get("path_template", UNROUTED)), handshake.elapsed_s
        if handshake.status != _SWITCHING:
            self._services.metrics.request_finished(
                route, METHOD, status=handshake.status, seconds=seconds
            )
        self._services.log.info(
            "socket",
            route=route,
            status=handshake.status,
            s=round(seconds, 3),
            key=caller.name if caller is not None else None,
            error=state.get("error_code"),
        )


async def note_refusal(error: Exception, scope: Scope) -> None:
    """Keep why the application gave a socket up: a hook of Litestar's, which tells nobody else."""
    if scope["type"] == ScopeType.WEBSOCKET:
        routed = scope.get("route_handler") is not None
        told = to_gateway_error(error) if routed else UnknownUrl()
        scope["state"]["refusal"] = told
        if isinstance(told, InternalError):
            scope["state"]["exception"] = error


class _Replayed:
    """The ``receive`` of a socket whose first message was read already."""

    def __init__(self, first: ReceiveMessage, receive: Receive) -> None:
        self._first: Any = first
        self._receive = receive

    async def __call__(self) -> Any:
        first, self._first = self._first, None
        return first if first is not None else await self._receive()


class _Handshake:
    """The ``send`` of one socket: a refusal before the upgrade becomes a reply."""

    def __init__(self, scope: WebSocketScope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()
        self.status = CLIENT_GONE
        """101 once the socket is open, else that of the reply."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since the handshake arrived."""
        return time.perf_counter() - self._began

    async def __call__(self, message: Message) -> None:
        """Send a message of the application."""
        if message["type"] == "websocket.accept":
            self.status = _SWITCHING
            message["headers"] = [*message["headers"], (b"x-request-id", self._request_id)]
        elif message["type"] == "websocket.close" and self.status != _SWITCHING:
            await self.refuse(self._scope["state"].get("refusal") or UnknownUrl())
            return
        elif message["type"] == "websocket.close" and "exception" in self._scope["state"]:
            message["code"], message["reason"] = _FAULT, ""
        await self._send(message)

    async def refuse(self, error: GatewayError) -> None:
        """Answer the handshake with the envelope of *error*."""
        self._scope["state"]["error_code"] = error.code
        rendered = render(
            error, family=family_of(self._scope), request_id=self._request_id.decode()
        )
        self.status = rendered.status
        headers = {
            **rendered.headers,
            "content-length": str(len(rendered.body)),
            "x-request-id": self._request_id.decode(),
            "x-content-type-options": "nosniff",
        }
        start: Any = {
            "type": "websocket.http.response.start",
            "status": rendered.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        body: Any = {
            "type": "websocket.http.response.body",
            "body": rendered.body,
            "more_body": False,
        }
        await self._send(start)
        await self._send(body)

    @property
    def _request_id(self) -> bytes:
        return str(self._scope["state"]["request_id"]).encode()


def _is_foreign_page(scope: WebSocketScope) -> bool:
    """Tell whether a page of another origin asks; programs send no ``Origin``."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] != headers.get(b"host")
