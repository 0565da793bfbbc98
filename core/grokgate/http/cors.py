"""Which pages may call the API from a browser (F-GEN-07, `openai-contract.md` 11).

Any origin, without credentials, and only while a key is required: with anonymous use a foreign
page could otherwise spend the operator's accounts (S8). The admin API: no page of another origin,
or those of ``app.admin_cors_origins``.
"""

import re
from collections.abc import Collection, Iterable

from grokgate.http.errors import is_admin

_OPEN = ("/v1/", "/images/")
_MAX_ECHO = 1000
_TOKENS = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]*\Z")
_EXPOSED = b", ".join(
    [
        b"x-request-id",
        b"openai-processing-ms",
        b"retry-after",
        b"retry-after-ms",
        *(
            f"x-ratelimit-{what}-{unit}".encode()
            for what in ("limit", "remaining", "reset")
            for unit in ("requests", "tokens")
        ),
        b"x-grokgate-ignored",
        b"x-grokgate-idempotent-replay",
        b"x-grokgate-missing",
        b"x-grokgate-image-method",
        b"x-grokgate-version",
    ]
)
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

RESPONSE = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", _EXPOSED),
)
"""Headers of every reply on an open path."""


def is_open(path: str) -> bool:
    """Tell whether *path* belongs to the part that pages of any origin may call."""
    if is_admin(path):
        return False
    return path.startswith(_OPEN) or path == "/health"


def granted(
    path: str,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    to_all: bool,
    admin_origins: Collection[str],
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that let the page of a request read its reply; empty: none may.

    Args:
        path: Of the request.
        headers: Of the request.
        to_all: Whether pages of any origin may use the API now.
        admin_origins: Whose pages may use the admin API.
    """
    origin = next((value for name, value in headers if name == b"origin"), None)
    if origin is None:
        return ()
    if not is_admin(path):
        return RESPONSE if to_all and is_open(path) else ()
    if origin.decode("latin-1") not in admin_origins:
        return ()
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    )


def preflight(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return what a preflight's answer has besides `RESPONSE`; requested headers are echoed."""
    wanted = b", ".join(
        value for name, value in headers if name == b"access-control-request-headers"
    )
    if len(wanted) > _MAX_ECHO or not _TOKENS.match(wanted):
        wanted = b""
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", wanted or b"authorization, content-type"),
        (b"access-control-max-age", b"600"),
        (b"content-length", b"0"),
    ]
