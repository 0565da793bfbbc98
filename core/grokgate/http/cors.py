"""Which pages may call the API from a browser (F-GEN-07, `openai-contract.md` 11).

Any origin, without credentials, and only while a key is required: with anonymous use a foreign
page could otherwise spend the operator's accounts (S8). The admin API has rules of its own.
"""

import re
from collections.abc import Iterable

ADMIN = "/v1/admin"
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
    if path == ADMIN or path.startswith(f"{ADMIN}/"):
        return False
    return path.startswith(_OPEN) or path == "/health"


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
