"""Mounts the routes of one plugin, each behind its guards."""

from functools import partial
from typing import Any

from litestar import Request
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Guard

from grokgate.access.playground import OWNER
from grokgate.admin.mounting import AdminApi
from grokgate.app.needs import GatewayServices, Plugin
from grokgate.errors import AuthenticationFailed
from grokgate.http.auth import AsyncGuard, Connection, Find, require_key
from grokgate.http.body import MULTIPART, StrictJson, require_readable
from grokgate.http.disconnect import CancelOnDisconnect
from grokgate.http.either import EitherBody
from grokgate.http.idempotency import Idempotency, reserving
from grokgate.http.limits import Turnstile
from grokgate.http.rights import ClientRights
from grokgate.http.routers import PlainRouter
from grokgate.http.switches import require_enabled
from grokgate.keys import Rates
from grokgate.plugin.context import Ctx
from grokgate.plugin.records import Caller, RouteSpec

MB = 1 << 20


def plugin_router(
    gateway: GatewayServices,
    plugin: Plugin,
    dto: type[StrictJson],
    admin: AdminApi | None,
    turnstile: Turnstile,
) -> PlainRouter:
    """Make the router of one plugin; without *admin* nobody is an operator."""
    context = gateway.context(plugin.name)

    async def provide_context() -> Any:
        return context

    async def provide_body(request: Request[Any, Any, Any], ctx: Ctx[Any]) -> EitherBody:
        return EitherBody(
            request,
            forms=ctx.forms,
            strict_params=lambda: gateway.settings.snapshot.compat.strict_params,
        )

    return PlainRouter(
        "/",
        route_handlers=[
            _route(gateway, plugin.name, spec, admin, turnstile) for spec in plugin.routes
        ],
        dependencies={
            "ctx": Provide(provide_context),
            "caller": Provide(_provide_caller),
            "content": Provide(provide_body),
        },
        middleware=[CancelOnDisconnect],
        dto=dto,
        return_dto=None,
    )


def _route(
    gateway: GatewayServices,
    plugin: str,
    spec: RouteSpec,
    admin: AdminApi | None,
    turnstile: Turnstile,
) -> PlainRouter:
    def once(app: ASGIApp) -> ASGIApp:  # Litestar would copy an object, with all it refers to
        return Idempotency(app, replies=lambda: gateway.replies, log=gateway.log)

    protected = spec.creates_work and spec.access == "key"  # others have no caller to own a reply
    return PlainRouter(
        "/",
        route_handlers=[reserving(handler) for handler in spec.handlers]
        if protected
        else spec.handlers,
        guards=[_guard(gateway, spec, admin, turnstile)],
        middleware=[
            *([once] if protected else []),
            *([admin.trailing] if admin and spec.access == "admin" else []),
        ],
        opt={
            "route_id": spec.id,
            "family": "admin" if spec.access == "admin" else spec.family,
            "plugin": plugin,
        },
        tags=[spec.id],
    )


def _guard(
    gateway: GatewayServices, spec: RouteSpec, admin: AdminApi | None, turnstile: Turnstile
) -> Guard:
    """Combine a route's guards in the order of `openai-contract.md` 14."""
    switch, body = require_enabled(lambda: gateway), readable(gateway)
    match spec.access:
        case "key":
            key = require_key(finder(gateway), gateway.anonymous)
            return _in_order(key, switch, turnstile.guard, body)
        case "admin":
            return _in_order(admin.guard if admin else _deny, _take_operator, switch, body)
        case "public":
            return _in_order(switch, body)


def turnstile_of(gateway: GatewayServices) -> Turnstile:
    """Make what holds keys to their limits, of one process."""
    return Turnstile(
        Rates(lambda: gateway.places),
        over=gateway.request_over,
        trusted_proxies=lambda: gateway.settings.snapshot.server.trusted_proxies,
    )


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


def readable(gateway: GatewayServices) -> AsyncGuard:
    """Make the guard that refuses bodies by their headers, by the limits in force."""

    def limit_bytes(media_type: str) -> int:
        limits = gateway.settings.snapshot.limits
        limit = limits.multipart_body_mb if media_type == MULTIPART else limits.json_body_mb
        return int(limit * MB)

    return require_readable(limit_bytes)


async def _take_operator(connection: Connection, _: BaseRouteHandler) -> None:
    """Let an operator call models as the owner of what the admin pages make (S13)."""
    state = connection.scope["state"]
    state["caller"] = Caller(key_id=OWNER, name=OWNER, request_id=state.get("request_id", ""))


async def _deny(_: Connection, __: BaseRouteHandler) -> None:
    """Refuse everybody: without an operator's side nobody is one (S2)."""
    raise AuthenticationFailed


async def _provide_caller(request: Request[Any, Any, Any], ctx: Ctx[Any]) -> Caller:  # noqa: ARG001 - see below
    # Named, so that one dependency follows the other: for independent ones Litestar starts a task
    # each, at every request.
    caller: Caller = request.scope["state"]["caller"]
    return caller


def finder(gateway: GatewayServices) -> Find:
    """Look keys up when asked: the key ring exists only while the gateway runs."""

    def find(text: str) -> Caller | None:
        return gateway.find_caller(text)

    return find
