"""``/openapi.json``: the description of the routes that are on, for operators (S3)."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec
from litestar import Request, Response, get

from grokgate.gateway import Gateway
from grokgate.http.auth import AsyncGuard
from grokgate.http.openapi import filtered
from grokgate.http.routers import PlainRouter

PATH: Final = "/openapi.json"
_CACHE: Final = "private, no-cache"


class Description:
    """Renders the document when it is first asked for, and again when switches change.

    Args:
        gateway: Whose switches are looked at.
        document: Describes all routes; slow.
    """

    def __init__(self, gateway: Gateway, document: Callable[[], Mapping[str, Any]]) -> None:
        self._gateway = gateway
        self._document = document
        self._whole: Mapping[str, Any] | None = None
        self._enabled: frozenset[str] | None = None
        self._body = b""
        self._making = anyio.Lock()

    async def body(self) -> bytes:
        """Return the document as JSON."""
        async with self._making:
            enabled = self._gateway.enabled_routes
            if enabled != self._enabled:
                self._body = await anyio.to_thread.run_sync(self._render, enabled)
                self._enabled = enabled
            return self._body

    def _render(self, enabled: frozenset[str]) -> bytes:
        if self._whole is None:
            self._whole = self._document()
        return msgspec.json.encode(filtered(self._whole, enabled))


def describing(description: Description, guard: AsyncGuard) -> PlainRouter:
    """Make the route; *guard* lets operators pass."""

    @get(PATH, include_in_schema=False)
    async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
        body = await description.body()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"etag": tag, "cache-control": _CACHE, "content-type": "application/json"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers)
        return Response(body, headers=headers)

    return PlainRouter("/", route_handlers=[openapi], guards=[guard], opt={"family": "admin"})
