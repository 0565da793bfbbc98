"""What machines ask about the process: ``/health``, ``/ready``, ``/metrics`` (F-GEN-08, F-LOG-06).

The first two need no credential and tell nothing but their one word. Metrics need the key of
``app.metrics_key``; without one, or switched off, the path does not exist.
"""

import hmac
from collections.abc import Callable
from typing import Any, Protocol

from litestar import Request, Response, Router, get

from grokgate.errors import AuthenticationFailed, UnknownUrl
from grokgate.http.auth import MISSING, credential

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HEADERS = {"cache-control": "no-store"}


class MetricsAccess(Protocol):
    """The settings that open ``/metrics``."""

    @property
    def metrics_enabled(self) -> bool:
        """Whether the path exists."""
        ...

    @property
    def metrics_key(self) -> str:
        """The key it asks for; empty: the path does not exist."""
        ...


def probes(
    *,
    ready: Callable[[], bool],
    access: Callable[[], MetricsAccess],
    render_metrics: Callable[[], bytes],
) -> Router:
    """Make the routes.

    Args:
        ready: Whether new work is welcome: parts up, not draining.
        access: The settings in force now.
        render_metrics: Returns the text of all metrics.
    """

    @get("/health", include_in_schema=False)
    async def health() -> Response[dict[str, str]]:
        return Response({"status": "ok"}, headers=_HEADERS)

    @get("/ready", include_in_schema=False)
    async def readiness() -> Response[dict[str, str]]:
        if ready():
            return Response({"status": "ok"}, headers=_HEADERS)
        return Response({"status": "unavailable"}, status_code=503, headers=_HEADERS)

    @get("/metrics", include_in_schema=False)
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        _admit(request, access())
        return Response(render_metrics(), headers={**_HEADERS, "content-type": METRICS_TYPE})

    return Router("/", route_handlers=[health, readiness, metrics])


def _admit(request: Request[Any, Any, Any], access: MetricsAccess) -> None:
    if not (access.metrics_enabled and access.metrics_key):
        raise UnknownUrl
    given = credential(request.scope["headers"])
    if given is None:
        raise AuthenticationFailed(MISSING)
    if not hmac.compare_digest(given.encode(), access.metrics_key.encode()):
        raise AuthenticationFailed
