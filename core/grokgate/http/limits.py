"""What a key may use: the endpoint allow-list of a downstream key (F-KEY-08)."""

from litestar.handlers import BaseRouteHandler

from grokgate.errors import PermissionDenied
from grokgate.http.auth import Connection
from grokgate.plugin.records import Caller


async def require_allowed(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuse a route that is not on the caller's list; a guard.

    Raises:
        PermissionDenied: ``endpoint_not_allowed``.
    """
    caller: Caller = connection.scope["state"]["caller"]
    allowed = caller.allowed_endpoints
    if allowed is not None and handler.opt["route_id"] not in allowed:
        raise PermissionDenied("This key may not use this endpoint.", code="endpoint_not_allowed")
