"""What machines ask about the process: ``/health``, ``/ready``, ``/metrics`` (F-GEN-08, F-LOG-06).

The first two need no credential and tell nothing but their one word. Metrics are for operators and
for who has ``app.metrics_key``; switched off, the path does not exist.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from litestar import Request, Response, get

from grokgate.errors import AuthenticationFailed, UnknownUrl
from grokgate.http.auth import MISSING, AsyncGuard, credential
from grokgate.http.routers import PlainRouter

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
        """The key that opens it; empty: there is none."""
        ...


def probes(
    *,
    ready: Callable[[], bool],
    access: Callable[[], MetricsAccess],
    render_metrics: Callable[[], Awaitable[bytes]],
    operator: AsyncGuard | None = None,
) -> PlainRouter:
    """Make the routes.

    Args:
        ready: Whether new work is welcome: parts up, not draining.
        access: The settings in force now.
        render_metrics: Returns the text of all metrics.
        operator: Lets operators pass; None: there is none, and without its key `/metrics` does
            not exist.
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
        if not _has_key(request, access(), needed=operator is None) and operator is not None:
            await operator(request, request.route_handler)
        text = await render_metrics()
        return Response(text, headers={**_HEADERS, "content-type": METRICS_TYPE})

    return PlainRouter("/", route_handlers=[health, readiness, metrics])


def _has_key(request: Request[Any, Any, Any], access: MetricsAccess, *, needed: bool) -> bool:
    """Tell whether a request has the key of the metrics; *needed*: refuse it if not."""
    if not access.metrics_enabled or (needed and not access.metrics_key):
        raise UnknownUrl
    given = credential(request.scope["headers"])
    key = access.metrics_key.encode()
    if given is not None and key and hmac.compare_digest(given.encode(), key):
        return True
    if needed:
        raise AuthenticationFailed(MISSING if given is None else None)
    return False
