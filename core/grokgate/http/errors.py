"""Every exception becomes an envelope of the route's family (`openai-contract.md` 2).

What is no `GatewayError` is either the framework's and has an equivalent in the table of codes, or
a defect: that is 500 without details for the client, and a log entry that names the plugin.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, cast

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import Scope

from grokgate.errors import (
    AuthenticationFailed,
    BodyTooLarge,
    GatewayError,
    InternalError,
    InvalidRequest,
    LimitExceeded,
    MethodNotAllowed,
    Overloaded,
    PermissionDenied,
    RequestTimeout,
    UnknownUrl,
    UnsupportedMediaType,
)
from grokgate.http.validation import invalid_json, invalid_request, invalid_value, printable
from grokgate.openai.anthropic import anthropic_envelope, anthropic_status
from grokgate.openai.envelope import envelope

Family: TypeAlias = Literal["openai", "anthropic", "admin"]
ADMIN_BASES = ("/api/v1/admin", "/v1/admin", "/admin/api")
"""Where the admin API lies: its own place, and those of the predecessors (F-ADM)."""

RETRY_MS_BELOW_S = 120
"""Delays from here on are told in seconds only (contract 1.2)."""

_RETRIED = frozenset({429, 503})
"""Statuses that are never without a delay (contract 1.2), unless a retry is useless."""
_RETRY_S = 1.0
"""Told where nobody knows better."""

_BY_STATUS: dict[int, type[GatewayError]] = {
    401: AuthenticationFailed,
    403: PermissionDenied,
    404: UnknownUrl,
    408: RequestTimeout,
    413: BodyTooLarge,
    415: UnsupportedMediaType,
    429: LimitExceeded,
    503: Overloaded,
}


_MISSING = re.compile(r"Missing required \w+ parameter '([\w-]+)'")
"""How Litestar says that a parameter is missing, and nowhere else than in its sentence."""


class Rendered(msgspec.Struct, frozen=True):
    """A complete error reply."""

    status: int
    headers: dict[str, str]
    """Lower-case names; the content type is among them."""
    body: bytes


def render(error: GatewayError, *, family: Family, request_id: str) -> Rendered:
    """Render *error* in the envelope of *family*."""
    headers = {"content-type": "application/json", **error.headers, **_retry_headers(error)}
    if family == "anthropic":
        body = msgspec.json.encode(anthropic_envelope(error, request_id))
        return Rendered(anthropic_status(error), headers, body)
    if family == "admin":
        reply = {**msgspec.to_builtins(envelope(error)), "detail": error.told}
        return Rendered(error.status, headers, msgspec.json.encode(reply))
    return Rendered(error.status, headers, msgspec.json.encode(envelope(error)))


def family_of(scope: Mapping[str, Any]) -> Family:
    """Tell the family of the route that answers, or would answer, the request."""
    handler = scope.get("route_handler")
    if handler is not None and (family := handler.opt.get("family")) in {"anthropic", "admin"}:
        return cast(Family, family)
    path: str = scope["path"]
    if is_admin(path):
        return "admin"
    if path.startswith("/v1/messages") or path == "/v1/complete":
        return "anthropic"
    if path.startswith("/v1/models") and any(
        name == b"anthropic-version" for name, _ in scope["headers"]
    ):
        return "anthropic"
    return "openai"


def is_admin(path: str) -> bool:
    """Tell whether a path belongs to the admin API."""
    return any(path == base or path.startswith(f"{base}/") for base in ADMIN_BASES)


def to_gateway_error(error: Exception) -> GatewayError:
    """Find the error a client is told for *error*; a defect becomes `InternalError`."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, RecursionError):
        return invalid_json("The JSON body is nested too deeply.")
    if isinstance(error, msgspec.DecodeError):
        return invalid_request(error)
    if isinstance(error, HTTPException):
        return _of_framework(error)
    return InternalError()


def exception_handler(
    *,
    log: Any,
    on_defect: Callable[[str], None],
    absent: Callable[[Scope, GatewayError], GatewayError],
) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    """Make the application's one exception handler.

    Args:
        log: Told about defects, with their traceback.
        on_defect: Called with the plugin's name, or ``core``.
        absent: Given 404 and 405 of the router; may return a better answer.
    """

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        scope = request.scope
        told = to_gateway_error(error)
        if isinstance(error, HTTPException) and isinstance(told, UnknownUrl | MethodNotAllowed):
            told = absent(scope, told)
        if isinstance(told, InternalError):
            plugin = plugin_of(scope)
            log.error("unhandled_error", plugin=plugin, exc_info=error)
            on_defect(plugin)
        scope["state"]["error_code"] = told.code
        rendered = render(
            told, family=family_of(scope), request_id=scope["state"].get("request_id", "")
        )
        return Response(rendered.body, status_code=rendered.status, headers=rendered.headers)

    return handle


def plugin_of(scope: Mapping[str, Any]) -> str:
    """Name the plugin whose route answers, or ``core``."""
    handler = scope.get("route_handler")
    return str(handler.opt.get("plugin", "core")) if handler is not None else "core"


def _retry_headers(error: GatewayError) -> dict[str, str]:
    headers: dict[str, str] = {}
    delay_s = error.retry_after_s
    if delay_s is None and error.status in _RETRIED and error.should_retry is not False:
        delay_s = _RETRY_S
    if delay_s is not None:
        delay_s = max(delay_s, 0.0)
        headers["retry-after"] = str(max(1, math.ceil(delay_s)))
        if delay_s < RETRY_MS_BELOW_S:
            headers["retry-after-ms"] = str(math.ceil(delay_s * 1000))
    if error.should_retry is False:
        headers["x-should-retry"] = "false"
    return headers


def _of_framework(error: HTTPException) -> GatewayError:
    """Translate what Litestar, or a handler in Litestar's words, raised."""
    if isinstance(error, ValidationException):
        return _of_parameters(error)
    status = error.status_code
    if status == 405:  # noqa: PLR2004 - the status itself
        return MethodNotAllowed(headers={"allow": (error.headers or {}).get("allow", "")})
    if kind := _BY_STATUS.get(status):
        return kind()
    if 400 <= status < 500:  # noqa: PLR2004 - the class of the client's errors
        return InvalidRequest(printable(error.detail))
    return InternalError()


def _of_parameters(error: ValidationException) -> GatewayError:
    """Translate a query, path or header value that does not fit, or a body that is missing."""
    extra = error.extra
    first = extra[0] if isinstance(extra, list) and extra else {}
    if not isinstance(first, dict):
        return InvalidRequest()
    key = first.get("key")
    if key == "data":
        return invalid_json("A JSON object is required as the request body.")
    if missing := _MISSING.match(error.detail):
        return InvalidRequest.missing(missing[1])
    if key is None:
        return InvalidRequest("A required parameter is missing.", code="missing_required_parameter")
    return invalid_value(str(first.get("message", "")), str(key))
