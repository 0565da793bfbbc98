"""Mounts what a gateway offers as one ASGI application, and nothing else.

```text
Outer
└─ Litestar                  one exception handler
   ├─ Router per plugin      and one for the core's own routes; dependencies ctx, caller;
   │  │                      StrictJson; CancelOnDisconnect
   │  └─ Router per RouteSpec    opt route_id, family, plugin; guards: key, switch, limits, body;
   │                             Idempotency where POSTs create work
   └─ probes                 /health, /ready, /metrics
```

Routes stay mounted while the process runs; the switches decide whether they answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final, Protocol

from litestar import Litestar, Request, Router
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Guard, Scope
from msgspec import Struct

from grokgate import __version__, process
from grokgate.errors import AuthenticationFailed, GatewayError, Overloaded
from grokgate.http.auth import AsyncGuard, Connection, Find, identify, require_key
from grokgate.http.body import MULTIPART, StrictJson, require_readable, strict_json
from grokgate.http.disconnect import CancelOnDisconnect
from grokgate.http.either import EitherBody
from grokgate.http.errors import exception_handler
from grokgate.http.files import ROUTES
from grokgate.http.idempotency import Idempotency, reserving
from grokgate.http.limits import require_allowed
from grokgate.http.openapi import Operation, complete
from grokgate.http.outer import Outer, RequestMetrics
from grokgate.http.probes import probes
from grokgate.http.rights import ClientRights, Drain
from grokgate.http.sockets import note_refusal
from grokgate.http.switches import require_enabled
from grokgate.http.unsupported import EndpointNotSupported, is_unsupported
from grokgate.objects import Replies
from grokgate.plugin.context import Ctx
from grokgate.plugin.records import Caller, RouteSpec
from grokgate.plugin.stream import OpenStreams
from grokgate.registry import CORE

MB = 1 << 20


class Plugin(Protocol):
    """A loaded plugin, as far as it has routes."""

    @property
    def name(self) -> str:
        """Unique name."""
        ...

    @property
    def routes(self) -> tuple[RouteSpec, ...]:
        """What it serves."""
        ...


class Snapshot(Protocol):
    """All settings at one revision."""

    @property
    def app(self) -> Any: ...  # noqa: D102 - sections of `grokgate.settings.core`
    @property
    def limits(self) -> Any: ...  # noqa: D102
    @property
    def compat(self) -> Any: ...  # noqa: D102
    @property
    def enabled_routes(self) -> frozenset[str]: ...  # noqa: D102


class SettingsNow(Protocol):
    """Where the settings in force are read."""

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot in force; replaced as a whole by a change."""
        ...


class Keys(Protocol):
    """The downstream keys."""

    def find(self, text: str, /) -> Caller | None:
        """Return the caller of a key, in constant time."""
        ...


class Ending(Drain, Protocol):
    """The orderly end of the process."""

    @property
    def cut(self) -> asyncio.Event:
        """Set when open streams have to end."""
        ...


class AppMetrics(RequestMetrics, Protocol):
    """Metrics that can be shown."""

    def render(self) -> bytes:
        """Return the text for ``/metrics``."""
        ...


class GatewayServices(Protocol):
    """What the application needs of a `grokgate.gateway.Gateway`."""

    log: Any

    @property
    def settings(self) -> SettingsNow: ...  # noqa: D102
    @property
    def keys(self) -> Keys: ...  # noqa: D102
    @property
    def replies(self) -> Replies: ...  # noqa: D102
    @property
    def plugins(self) -> Sequence[Plugin]: ...  # noqa: D102
    @property
    def metrics(self) -> AppMetrics: ...  # noqa: D102
    @property
    def drain(self) -> Ending: ...  # noqa: D102
    @property
    def enabled_routes(self) -> frozenset[str]: ...  # noqa: D102

    def context(self, plugin: str, /) -> Any:
        """Return the context of a plugin."""
        ...

    def anonymous(self) -> Caller | None:
        """Return the caller to assume without a key; None: a key is needed."""
        ...

    def ready(self) -> bool:
        """Tell whether all parts are up."""
        ...

    def run(self) -> AbstractAsyncContextManager[None]:
        """Open everything; leaving the context closes it."""
        ...


class _Core(Struct, frozen=True):
    """The core as a plugin: its own routes are mounted and switched like any other."""

    name: str = CORE
    routes: tuple[RouteSpec, ...] = ROUTES


_CORE: Final = _Core()
Life = Callable[[], AbstractAsyncContextManager[None]]


def create() -> Outer:
    """Build what a server process serves, as its environment describes it."""
    gateway, logs = process.build()
    return create_app(gateway, life=lambda: process.running(gateway, logs))


def create_app(gateway: GatewayServices, *, life: Life | None = None) -> Outer:
    """Build the application of one process.

    Args:
        gateway: Whose routes are mounted.
        life: Entered while the application is served; default: the gateway runs.
    """
    streams = OpenStreams()

    def settings() -> Snapshot:
        return gateway.settings.snapshot

    return Outer(
        mount(gateway, streams=streams, life=life),
        drain=gateway.drain,
        max_inflight=lambda: settings().limits.max_inflight,
        open_to_origins=lambda: not settings().app.allow_anonymous,
        metrics=gateway.metrics,
        log=gateway.log,
        streams=streams,
        strict_params=lambda: settings().compat.strict_params,
    )


def api_document(gateway: GatewayServices) -> Mapping[str, Any]:
    """Describe all routes of *gateway* as an OpenAPI document; `http.openapi.filtered` cuts it."""
    app = mount(gateway, openapi=OpenAPIConfig(title="Grokgate", version=__version__))
    document = app.openapi_schema.to_schema()
    complete(document, _operations(app))
    return document


def _operations(app: Litestar) -> Iterator[Operation]:
    """List what the document of *app* describes: the operations of the plugins' routes."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if handler.resolve_include_in_schema():
                    for method in handler.http_methods:
                        yield route.path_format, method.lower(), handler.opt


def mount(
    gateway: GatewayServices,
    *,
    streams: OpenStreams | None = None,
    life: Life | None = None,
    openapi: OpenAPIConfig | None = None,
) -> Litestar:
    """Build the framework's application, without the outermost layer.

    Args:
        gateway: Whose routes are mounted.
        streams: Ended when the gateway's drain says so.
        life: Entered while the application is served; default: the gateway runs.
        openapi: Makes the document and its pages; None: neither.
    """
    dto = strict_json(strict_params=lambda: gateway.settings.snapshot.compat.strict_params)
    return Litestar(
        route_handlers=[
            *(
                _plugin_router(gateway, plugin, dto)
                for plugin in (_CORE, *gateway.plugins)
                if plugin.routes
            ),
            probes(
                ready=lambda: gateway.ready() and not gateway.drain.draining,
                access=lambda: gateway.settings.snapshot.app,
                render_metrics=gateway.metrics.render,
            ),
        ],
        exception_handlers={
            Exception: exception_handler(
                log=gateway.log,
                on_defect=gateway.metrics.plugin_fault,
                absent=_absent(gateway),
            )
        },
        after_exception=[note_refusal],
        lifespan=[lambda _: (life or gateway.run)(), lambda _: _ending_streams(gateway, streams)],
        logging_config=None,
        openapi_config=openapi,
        # The guard reads the limit in force at each request; `http.arrival` applies it.
        request_max_body_size=None,
    )


def _plugin_router(gateway: GatewayServices, plugin: Plugin, dto: type[StrictJson]) -> Router:
    context = gateway.context(plugin.name)

    async def provide_context() -> Any:
        return context

    async def provide_body(request: Request[Any, Any, Any], ctx: Ctx[Any]) -> EitherBody:
        return EitherBody(
            request,
            forms=ctx.forms,
            strict_params=lambda: gateway.settings.snapshot.compat.strict_params,
        )

    return Router(
        "/",
        route_handlers=[_route(gateway, plugin.name, spec) for spec in plugin.routes],
        dependencies={
            "ctx": Provide(provide_context),
            "caller": Provide(_provide_caller),
            "content": Provide(provide_body),
        },
        middleware=[CancelOnDisconnect],
        dto=dto,
        return_dto=None,
    )


def _route(gateway: GatewayServices, plugin: str, spec: RouteSpec) -> Router:
    def once(app: ASGIApp) -> ASGIApp:  # Litestar would copy an object, with all it refers to
        return Idempotency(app, replies=lambda: gateway.replies, log=gateway.log)

    protected = spec.creates_work and spec.access == "key"  # others have no caller to own a reply
    return Router(
        "/",
        route_handlers=[reserving(handler) for handler in spec.handlers]
        if protected
        else spec.handlers,
        guards=[_guard(gateway, spec)],
        middleware=[once] if protected else [],
        opt={"route_id": spec.id, "family": spec.family, "plugin": plugin},
        tags=[spec.id],
    )


def _guard(gateway: GatewayServices, spec: RouteSpec) -> Guard:
    """Combine a route's guards in the order of `openai-contract.md` 14."""

    def settings() -> Snapshot:
        return gateway.settings.snapshot

    switch, body = require_enabled(lambda: gateway), require_readable(_body_limit(settings))
    match spec.access:
        case "key":
            key = require_key(_find(gateway), gateway.anonymous)
            return _in_order(key, switch, require_allowed, body)
        case "admin":
            return _deny
        case "public":
            return _in_order(switch, body)


def _in_order(*guards: AsyncGuard) -> AsyncGuard:
    """Make one guard of several: Litestar copies the handler for each that it calls.

    What a socket was asked at its handshake it is asked again at each turn.
    """

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        for each in guards:
            await each(connection, handler)
        if connection.scope["type"] == ScopeType.WEBSOCKET:
            rights: ClientRights = connection.scope["state"]["rights"]
            rights.asked_by(partial(guard, connection, handler))

    return guard


def _body_limit(settings: Callable[[], Snapshot]) -> Callable[[str], int]:
    def limit_bytes(media_type: str) -> int:
        limits = settings().limits
        limit = limits.multipart_body_mb if media_type == MULTIPART else limits.json_body_mb
        return int(limit * MB)

    return limit_bytes


async def _deny(_: Connection, __: BaseRouteHandler) -> None:
    """Refuse everybody: there is no admin credential yet, and a key never is one (S2)."""
    raise AuthenticationFailed


async def _provide_caller(request: Request[Any, Any, Any], ctx: Ctx[Any]) -> Caller:  # noqa: ARG001 - see below
    # Named, so that one dependency follows the other: for independent ones Litestar starts a task
    # each, at every request.
    caller: Caller = request.scope["state"]["caller"]
    return caller


def _absent(gateway: GatewayServices) -> Callable[[Scope, GatewayError], GatewayError]:
    """Make the rule for requests that no route took: routes Grok cannot serve are told apart."""

    def answer(scope: Scope, error: GatewayError) -> GatewayError:
        method, path = scope["method"], scope["path"]  # type: ignore[typeddict-item]  # HTTP only
        if not is_unsupported(method, path):
            return error
        try:
            identify(scope, _find(gateway), gateway.anonymous)
        except GatewayError as refusal:
            return refusal
        return EndpointNotSupported(method, path)

    return answer


@asynccontextmanager
async def _ending_streams(
    gateway: GatewayServices, streams: OpenStreams | None
) -> AsyncIterator[None]:
    """End open streams with an error frame once the grace of a shutdown is over."""

    async def wait() -> None:
        await gateway.drain.cut.wait()
        if streams is not None:
            streams.end(Overloaded("The gateway is shutting down."))

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wait())
        yield
        waiting.cancel()


def _find(gateway: GatewayServices) -> Find:
    """Look keys up when asked: the key ring exists only while the gateway runs."""

    def find(text: str) -> Caller | None:
        return gateway.keys.find(text)

    return find
