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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from grokgate.errors import CsrfFailed, GatewayError, InternalError, Overloaded
from grokgate.http import cors
from grokgate.http.accounting import PROBES, Accounting, LogRules, RequestMetrics
from grokgate.http.arrival import (
    BODY_IDLE_S,
    Arrival,
    BodyBudget,
    announced_size,
    head_fault,
)
from grokgate.http.departure import Departure
from grokgate.http.errors import family_of, is_admin, render
from grokgate.http.limits import Turnstile
from grokgate.http.rights import Drain, SocketServices
from grokgate.http.sockets import SocketSide
from grokgate.openai.ids import new_id
from grokgate.openai.tally import Tally, tallying
from grokgate.plugin.stream import OpenStreams
from grokgate.settings.startup import LogSettings
from grokgate.statistics import Ended, Note

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")


def _forget(_ended: Ended, _tally: Tally) -> None:
    """Keep no request log."""


class Outer:
    """ASGI application around an ASGI application; one per process.

    Args:
        app: Gets every request that is not refused or answered here.
        drain: Asked before each request; probes are not counted.
        max_inflight: The limit in force now.
        open_to_origins: Whether pages of any origin may use the API now.
        metrics: Told about each finished request.
        log: Bound logger; gets one event per request, probes excepted.
        note: Takes each finished request into the request log.
        log_rules: What to log now.
        trusted_proxies: Whose word about a client's address counts now.
        strict_params: Whether fields without effect are refused now, in messages over sockets.
        admin_origins: Origins whose pages may use the admin API now.
        turnstile: Lets requests of keys out, and turns over sockets in and out; None: no key has
            limits.
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
        note: Note = _forget,
        log_rules: Callable[[], LogRules] = LogSettings,
        trusted_proxies: Callable[[], Sequence[str]] = tuple,
        strict_params: Callable[[], bool] = lambda: False,
        admin_origins: Callable[[], Collection[str]] = tuple,
        turnstile: Turnstile | None = None,
        body_idle_s: float = BODY_IDLE_S,
    ) -> None:
        self.app = app
        self._drain = drain
        self._max_inflight = max_inflight
        self._open_to_origins = open_to_origins
        self._admin_origins = admin_origins
        self._accounting = Accounting(
            metrics=metrics,
            log=log,
            note=note,
            rules=log_rules,
            trusted_proxies=trusted_proxies,
        )
        self._streams = streams
        self._turnstile = turnstile
        self._body_idle_s = body_idle_s
        self._budget = BodyBudget()
        services = SocketServices(
            drain=drain,
            max_inflight=max_inflight,
            open_to_origins=open_to_origins,
            strict_params=strict_params,
            metrics=metrics,
            log=log,
            accounting=self._accounting,
            turnstile=turnstile,
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
        reply = Departure(send, scope, path=path, granted=self._granted(scope))
        tally = Tally(request_id=request_id)
        bound = bind_contextvars(request_id=request_id)
        try:
            with tallying(tally):
                await self._tell(scope, receive, reply, tally)
        finally:
            reset_contextvars(**bound)

    async def _tell(
        self, scope: HTTPScope, receive: Receive, reply: Departure, tally: Tally
    ) -> None:
        """Serve one request, and tell of it when all is over."""
        try:
            await self._serve(scope, receive, reply, counted=scope["path"] not in PROBES)
        finally:
            admitted = scope["state"].get("admitted")
            if admitted is not None and self._turnstile is not None:
                self._turnstile.leave(admitted)
            self._accounting.request(scope, reply, tally)

    async def _serve(
        self, scope: HTTPScope, receive: Receive, reply: Departure, *, counted: bool
    ) -> None:
        if scope["method"] == "OPTIONS" and (is_admin(scope["path"]) or self._is_open(scope)):
            await self._answer_preflight(scope, reply)
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

    def _is_open(self, scope: HTTPScope) -> bool:
        return self._open_to_origins() and cors.is_open(scope["path"])

    def _granted(self, scope: HTTPScope) -> tuple[tuple[bytes, bytes], ...]:
        return cors.granted(
            scope["path"],
            scope["headers"],
            to_all=self._open_to_origins(),
            admin_origins=self._admin_origins(),
        )

    async def _answer_preflight(self, scope: HTTPScope, reply: Departure) -> None:
        if is_admin(scope["path"]) and not self._granted(scope):
            await self._refuse(scope, reply, CsrfFailed())
            return
        await _send_whole(reply, 204, cors.preflight(scope["headers"]), b"")

    def _overload(self, *, counted: bool) -> GatewayError | None:
        if not counted:
            return None
        if self._drain.draining:
            return Overloaded("The gateway is shutting down.")
        return Overloaded() if self._drain.inflight >= self._max_inflight() else None

    async def _run(self, scope: HTTPScope, receive: Receive, reply: Departure) -> None:
        state = scope["state"]
        arrival = Arrival(
            receive,
            state,
            announced=announced_size(scope["headers"]),
            budget=self._budget,
            idle_s=self._body_idle_s,
        )
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


async def _send_whole(
    reply: Departure, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    await reply({"type": "http.response.start", "status": status, "headers": headers})
    await reply({"type": "http.response.body", "body": body, "more_body": False})


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Take the client's id when it is a plain one, else make one (F-GEN-06)."""
    for name, value in headers:
        if name == b"x-request-id" and _ID.match(value):
            return value.decode()
    return new_id("req_")
