"""The outermost layer: wraps the finished application and sees every request, 404 and 405 too.

Litestar's own middleware runs after routing, hence a wrapper (architecture 6). In order:

1. a request id, in the log context and in the reply;
2. CORS preflights, answered here;
3. requests no route should see (`arrival.head_fault`);
4. overload: draining, or over ``limits.max_inflight``; probes are exempt;
5. the application, between `Arrival` and `Departure`;
6. one access log event and the metrics, when all is over.

WebSockets go through `SocketSide`, which does the same for them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from grokgate.errors import GatewayError, InternalError, Overloaded
from grokgate.http import cors
from grokgate.http.arrival import BODY_IDLE_S, Arrival, BodyBudget, head_fault
from grokgate.http.departure import Departure
from grokgate.http.errors import family_of, plugin_of, render
from grokgate.http.rights import Drain, SocketServices
from grokgate.http.sockets import SocketSide
from grokgate.openai.ids import new_id
from grokgate.plugin.stream import OpenStreams

CLIENT_GONE = 499
"""Status in log and metrics of a reply that was not completed (contract 2.1)."""
PROBES = frozenset({"/health", "/ready", "/metrics"})
UNROUTED = "unrouted"
"""Route label of requests that no route took."""

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PATH_CHARS = 200


class RequestMetrics(Protocol):
    """Where requests and defects are counted."""

    def request_finished(self, route: str, method: str, *, status: int, seconds: float) -> None:
        """Count one request; *seconds* is the time to its end."""
        ...

    def plugin_fault(self, plugin: str) -> None:
        """Count a defect of *plugin*."""
        ...


class Outer:
    """ASGI application around an ASGI application; one per process.

    Args:
        app: Gets every request that is not refused or answered here.
        drain: Asked before each request; probes are not counted.
        max_inflight: The limit in force now.
        open_to_origins: Whether pages of any origin may use the API now.
        metrics: Told about each finished request.
        log: Bound logger; gets one event per request, probes excepted.
        strict_params: Whether fields without effect are refused now, in messages over sockets.
        body_idle_s: Seconds a body may take from one piece to the next.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        drain: Drain,
        max_inflight: Callable[[], int],
        open_to_origins: Callable[[], bool],
        metrics: RequestMetrics,
        log: Any,
        streams: OpenStreams,
        strict_params: Callable[[], bool] = lambda: False,
        body_idle_s: float = BODY_IDLE_S,
    ) -> None:
        self.app = app
        self._drain = drain
        self._max_inflight = max_inflight
        self._open_to_origins = open_to_origins
        self._metrics = metrics
        self._log = log
        self._streams = streams
        self._body_idle_s = body_idle_s
        self._budget = BodyBudget()
        services = SocketServices(
            drain=drain,
            max_inflight=max_inflight,
            open_to_origins=open_to_origins,
            strict_params=strict_params,
            metrics=metrics,
            log=log,
            streams=streams,
            budget=self._budget,
            memory=BodyBudget(),
        )
        self._others: Mapping[str, ASGIApp] = {ScopeType.WEBSOCKET: SocketSide(app, services)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket; other protocols pass through."""
        if scope["type"] != ScopeType.HTTP:
            await self._others.get(scope["type"], self.app)(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        path = scope["path"]
        scope["state"] = {
            **scope.get("state", {}),
            "request_id": request_id,
            "streams": self._streams,
        }
        reply = Departure(send, scope, path=path, open_to_origins=self._open_to_origins())
        with bound_contextvars(request_id=request_id):
            try:
                await self._serve(scope, receive, reply, counted=path not in PROBES)
            finally:
                self._account(scope, reply, path)

    async def _serve(
        self, scope: HTTPScope, receive: Receive, reply: Departure, *, counted: bool
    ) -> None:
        if scope["method"] == "OPTIONS" and self._open_to_origins() and cors.is_open(scope["path"]):
            await _send_whole(reply, 204, cors.preflight(scope["headers"]), b"")
            return
        if fault := head_fault(scope["path"], scope["headers"]) or self._overload(counted=counted):
            await self._refuse(scope, reply, fault)
            return
        if not counted:
            await self._run(scope, receive, reply)
            return
        self._drain.enter()
        try:
            await self._run(scope, receive, reply)
        finally:
            self._drain.leave()

    def _overload(self, *, counted: bool) -> GatewayError | None:
        if not counted:
            return None
        if self._drain.draining:
            return Overloaded("The gateway is shutting down.")
        return Overloaded() if self._drain.inflight >= self._max_inflight() else None

    async def _run(self, scope: HTTPScope, receive: Receive, reply: Departure) -> None:
        state = scope["state"]
        arrival = Arrival(receive, state, budget=self._budget, idle_s=self._body_idle_s)
        try:
            await self.app(scope, arrival, reply)
        except Exception as error:  # noqa: BLE001 - the outermost fence
            state["exception"] = error
            if reply.status is None:
                await self._refuse(scope, reply, InternalError())
        finally:
            arrival.close()

    async def _refuse(self, scope: HTTPScope, reply: Departure, error: GatewayError) -> None:
        state = scope["state"]
        state["error_code"] = error.code
        rendered = render(error, family=family_of(scope), request_id=state["request_id"])
        headers = [
            *((name.encode(), value.encode()) for name, value in rendered.headers.items()),
            (b"content-length", str(len(rendered.body)).encode()),
        ]
        await _send_whole(reply, rendered.status, headers, rendered.body)

    def _account(self, scope: HTTPScope, reply: Departure, path: str) -> None:
        """Log and count the request; never the query, never a body."""
        state = scope["state"]
        method = scope["method"] if scope["method"] in _METHODS else "other"
        status = reply.status if reply.complete and reply.status is not None else CLIENT_GONE
        route = str(scope.get("path_template", UNROUTED))
        seconds = reply.elapsed_s
        counted = state.get("error_status", status) if reply.complete else status
        self._metrics.request_finished(route, method, status=counted, seconds=seconds)
        if (exception := state.get("exception")) is not None:
            plugin = plugin_of(scope)
            self._metrics.plugin_fault(plugin)
            self._log.error("unhandled_error", plugin=plugin, exc_info=exception)
        if path in PROBES:
            return
        caller = state.get("caller")
        self._log.info(
            "request",
            method=method,
            route=route if route != UNROUTED else path[:_PATH_CHARS],
            status=status,
            outcome=_outcome(state, complete=reply.complete),
            ms=round(seconds * 1000, 1),
            key=caller.name if caller is not None else None,
            error=state.get("error_code"),
        )


async def _send_whole(
    reply: Departure, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    await reply({"type": "http.response.start", "status": status, "headers": headers})
    await reply({"type": "http.response.body", "body": body, "more_body": False})


def _outcome(
    state: Mapping[str, Any], *, complete: bool
) -> Literal["completed", "failed", "cancelled"]:
    """Tell how a request ended; a stream that broke after its head has the status 200."""
    if "error_code" in state:
        return "failed"
    if complete:
        return "completed"
    return "failed" if "exception" in state else "cancelled"


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Take the client's id when it is a plain one, else make one (F-GEN-06)."""
    for name, value in headers:
        if name == b"x-request-id" and _ID.match(value):
            return value.decode()
    return new_id("req_")
