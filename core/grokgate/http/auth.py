"""Who asks: the credential of a request becomes its `Caller` (F-API-01, F-API-02)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from grokgate.errors import AuthenticationFailed, PermissionDenied
from grokgate.plugin.records import Caller

Connection = ASGIConnection[Any, Any, Any, Any]
AsyncGuard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]
"""A guard that runs in the event loop; a synchronous one would be moved to a thread."""
Find = Callable[[str], Caller | None]
Headers = Iterable[tuple[bytes, bytes]]

MISSING = "Missing authentication token"
KEY_CHARS = 512
"""Longer credentials are wrong without being looked up."""
_LOOPBACK = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})


def require_key(find: Find, anonymous: Callable[[], Caller | None]) -> AsyncGuard:
    """Make the guard that puts the caller into the request's state.

    Args:
        find: Looks up the text of a key, in constant time.
        anonymous: The caller to assume without a credential; None: a credential is needed.
    """

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        identify(connection.scope, find, anonymous)

    return guard


def identify(
    scope: Mapping[str, Any], find: Find, anonymous: Callable[[], Caller | None]
) -> Caller:
    """Return the caller of a request and note it in the request's state.

    Raises:
        AuthenticationFailed: No credential, or a wrong one.
        PermissionDenied: Anonymous use under a name that is not loopback (S8).
    """
    text = credential(scope["headers"])
    caller = find(text) if text is not None else _anonymous(scope, anonymous)
    if caller is None:
        raise AuthenticationFailed
    state = scope["state"]
    caller = msgspec.structs.replace(caller, request_id=state.get("request_id", ""))
    state["caller"] = caller
    return caller


def credential(headers: Headers) -> str | None:
    """Read the credential; None: there is none. ``Authorization`` wins over ``x-api-key``.

    Raises:
        AuthenticationFailed: It is sent twice, of another scheme, not ASCII, or overlong.
    """
    bearer, plain = _values(headers, b"authorization"), _values(headers, b"x-api-key")
    if len(bearer) > 1 or len(plain) > 1:
        raise AuthenticationFailed
    if bearer:
        scheme, _, value = bearer[0].partition(b" ")
        if scheme and scheme.lower() != b"bearer":
            raise AuthenticationFailed
        return _text(value)
    return _text(plain[0]) if plain else None


def _text(value: bytes) -> str | None:
    value = value.strip()
    if not value.isascii() or len(value) > KEY_CHARS:
        raise AuthenticationFailed
    return value.decode("ascii") or None


def _anonymous(scope: Mapping[str, Any], anonymous: Callable[[], Caller | None]) -> Caller:
    caller = anonymous()
    if caller is None:
        raise AuthenticationFailed(MISSING)
    if not _is_loopback_name(scope["headers"]):
        raise PermissionDenied(
            "Use without a key is possible through a loopback name only.", code="host_not_allowed"
        )
    return caller


def _is_loopback_name(headers: Headers) -> bool:
    """Tell whether every ``Host`` names this machine, so that no foreign page can pose as it."""
    hosts = _values(headers, b"host")
    return bool(hosts) and all(_without_port(host.lower()) in _LOOPBACK for host in hosts)


def _values(headers: Headers, wanted: bytes) -> list[bytes]:
    return [value.strip() for name, value in headers if name.lower() == wanted]


def _without_port(host: bytes) -> bytes:
    if host.startswith(b"["):
        return host[: host.find(b"]") + 1]
    return host.partition(b":")[0]
