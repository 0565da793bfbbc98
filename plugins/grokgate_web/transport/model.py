"""What is asked of a connection, and how it fails."""

from collections.abc import AsyncGenerator, Callable
from typing import Literal, get_args

from curl_cffi import BrowserTypeLiteral, CurlError
from msgspec import Struct

# 23 and 100: libcurl itself could not hold what it had unpacked while paused.
_TOO_LARGE_CODES = frozenset((23, 61, 63, 100))
_CONNECT_CODES = frozenset((5, 6, 7, 35, 60, 77, 83, 91, 97))


class TransportError(Exception):
    """A call failed below HTTP.

    ``connect``: no connection, or none that TLS accepts; ``reset``: it broke; ``too_large``: over
    the limit, or compressed beyond reading; ``timeout``: the deadline passed.
    """

    def __init__(self, reason: Literal["connect", "reset", "too_large", "timeout"]) -> None:
        super().__init__(reason)
        self.reason = reason


class Route(Struct, frozen=True, kw_only=True):
    """How connections are made."""

    proxy: str = ""
    """Address; empty: direct, whatever the environment says."""
    target: str
    """Browser to look like."""
    ca_file: str = ""


class Pieces(Struct, frozen=True, kw_only=True):
    """A body that is made while it is sent, so that it never is in memory as a whole."""

    size: int
    """Bytes of all pieces together."""
    open: Callable[[], AsyncGenerator[bytes, None]]
    """Yields them in order; closed early if the answer comes early."""


class Request(Struct, frozen=True, kw_only=True):
    """One HTTP call."""

    method: Literal["GET", "POST", "DELETE"] = "POST"
    """Only a POST has a body."""
    url: str
    headers: tuple[tuple[str, str], ...]
    """All of them, in order; nothing is added but the length."""
    body: bytes = b""
    pieces: Pieces | None = None
    """Sent instead of *body*."""
    max_bytes: int
    """Decoded bytes of the answer; beyond them the call fails."""


def targets() -> tuple[str, ...]:
    """List the browsers the installed library can look like."""
    return get_args(BrowserTypeLiteral)


def to_transport_error(error: BaseException) -> TransportError:
    """Sort an error of the library by its code."""
    code = int(error.code) if isinstance(error, CurlError) else 0
    if code in _TOO_LARGE_CODES:
        return TransportError("too_large")
    return TransportError("connect" if code in _CONNECT_CODES else "reset")
