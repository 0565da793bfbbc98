"""Mounts what a gateway offers as one ASGI application, and nothing else.

```text
Outer
└─ Litestar                  one exception handler
   ├─ Router per plugin      and one for the core's own routes; dependencies ctx, caller;
   │  │                      StrictJson; CancelOnDisconnect
   │  └─ Router per RouteSpec    opt route_id, family, plugin; guards: key, switch, limits, body;
   │                             Idempotency where POSTs create work
   ├─ admin                  the operator's API: session or password, CSRF, audit trail
   └─ probes                 /health, /ready, /metrics
```

Routes stay mounted while the process runs; the switches decide whether they answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import Scope
from msgspec import Struct

from grokgate import __version__, process
from grokgate.admin.mounting import AdminApi
from grokgate.app.needs import GatewayServices, Snapshot
from grokgate.app.routes import finder, plugin_router, readable, turnstile_of
from grokgate.errors import GatewayError, Overloaded
from grokgate.http.auth import identify
from grokgate.http.body import StrictJson, strict_json
from grokgate.http.errors import exception_handler
from grokgate.http.files import ROUTES
from grokgate.http.limits import Turnstile
from grokgate.http.openapi import Operation, complete
from grokgate.http.outer import Outer
from grokgate.http.probes import probes
from grokgate.http.routers import PlainRouter
from grokgate.http.sockets import note_refusal
from grokgate.http.unsupported import EndpointNotSupported, is_unsupported
from grokgate.plugin.records import RouteSpec
from grokgate.plugin.stream import OpenStreams
from grokgate.registry import CORE


class _Core(Struct, frozen=True):
    """The core as a plugin: its own routes are mounted and switched like any other."""

    name: str = CORE
    routes: tuple[RouteSpec, ...] = ROUTES


_CORE: Final = _Core()
Life = Callable[[], AbstractAsyncContextManager[None]]


def create() -> Outer:
    """Build what a server process serves, as its environment describes it."""
    gateway, logs = process.build()
    return create_app(gateway, life=lambda: process.running(gateway, logs), admin=AdminApi(gateway))


def create_app(
    gateway: GatewayServices, *, life: Life | None = None, admin: AdminApi | None = None
) -> Outer:
    """Build the application of one process.

    Args:
        gateway: Whose routes are mounted.
        life: Entered while the application is served; default: the gateway runs.
        admin: The operator's side; None: there is none, and its routes refuse everybody.
    """
    streams = OpenStreams()

    def settings() -> Snapshot:
        return gateway.settings.snapshot

    turnstile = turnstile_of(gateway)
    return Outer(
        mount(gateway, streams=streams, life=life, admin=admin, turnstile=turnstile),
        drain=gateway.drain,
        max_inflight=lambda: settings().limits.max_inflight,
        open_to_origins=lambda: not settings().app.allow_anonymous,
        metrics=gateway.metrics,
        log=gateway.log,
        note=gateway.note_request,
        log_rules=lambda: settings().log,
        trusted_proxies=lambda: settings().server.trusted_proxies,
        streams=streams,
        strict_params=lambda: settings().compat.strict_params,
        admin_origins=lambda: settings().app.admin_cors_origins,
        turnstile=turnstile,
    )


def api_document(gateway: GatewayServices, admin: AdminApi | None = None) -> Mapping[str, Any]:
    """Describe all routes of *gateway* as an OpenAPI document; `http.openapi.filtered` cuts it."""
    described = OpenAPIConfig(title="Grokgate", version=__version__)
    app = mount(gateway, openapi=described, admin=admin)
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
    admin: AdminApi | None = None,
    turnstile: Turnstile | None = None,
) -> Litestar:
    """Build the framework's application, without the outermost layer.

    Args:
        gateway: Whose routes are mounted.
        streams: Ended when the gateway's drain says so.
        life: Entered while the application is served; default: the gateway runs.
        openapi: Makes the document and its pages; None: neither.
        admin: The operator's side; None: there is none.
        turnstile: Lets requests of keys in; default: one of its own.
    """
    dto = strict_json(strict_params=lambda: gateway.settings.snapshot.compat.strict_params)
    turnstile = turnstile or turnstile_of(gateway)
    return Litestar(
        route_handlers=[
            *(
                plugin_router(gateway, plugin, dto, admin, turnstile)
                for plugin in (_CORE, *gateway.plugins)
                if plugin.routes
            ),
            *(_admin_routers(gateway, admin, dto) if admin else ()),
            probes(
                ready=lambda: gateway.ready() and not gateway.drain.draining,
                access=lambda: gateway.settings.snapshot.app,
                render_metrics=gateway.render_metrics,
                operator=admin.guard if admin else None,
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


def _admin_routers(
    gateway: GatewayServices, admin: AdminApi, dto: type[StrictJson]
) -> list[PlainRouter]:
    return admin.routers(
        dto, readable=readable(gateway), document=partial(api_document, gateway, admin)
    )


def _absent(gateway: GatewayServices) -> Callable[[Scope, GatewayError], GatewayError]:
    """Make the rule for requests that no route took: routes Grok cannot serve are told apart."""

    def answer(scope: Scope, error: GatewayError) -> GatewayError:
        method, path = scope["method"], scope["path"]  # type: ignore[typeddict-item]  # HTTP only
        if not is_unsupported(method, path):
            return error
        try:
            identify(scope, finder(gateway), gateway.anonymous)
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
