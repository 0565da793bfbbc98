"""Whether a route is on: an immutable snapshot is asked on every request (F-API-04)."""

from collections.abc import Callable
from typing import Protocol

from litestar.handlers import BaseRouteHandler

from grokgate.errors import EndpointDisabled
from grokgate.http.auth import AsyncGuard, Connection


class Switches(Protocol):
    """The part of a settings snapshot that tells which routes are on."""

    @property
    def enabled_routes(self) -> frozenset[str]:
        """Ids of the routes that are on, with their requirements."""
        ...


def require_enabled(snapshot: Callable[[], Switches]) -> AsyncGuard:
    """Make the guard that refuses a route whose switch is off."""

    async def guard(_: Connection, handler: BaseRouteHandler) -> None:
        if handler.opt["route_id"] not in snapshot().enabled_routes:
            raise EndpointDisabled

    return guard
