"""What is asked of the upstream, and how a whole answer looks."""

from collections.abc import Callable, Container, Mapping
from typing import Literal

from msgspec import Struct

from grokgate.upstream import Stage
from grokgate_web.transport import Pieces

MAX_ANSWER = 1024 * 1024
"""Bytes of an answer that is read as a whole."""


class WebCall(Struct, frozen=True, kw_only=True):
    """A call in the upstream's own terms."""

    operation: str
    method: Literal["GET", "POST", "DELETE"] = "POST"
    path: str
    """Below the site's address; or a whole address, which the caller vouches for."""
    referer: str
    headers: str = "json"
    """Header set of the profile."""
    further: tuple[tuple[str, str], ...] = ()
    """Headers that no set has."""
    content_type: str = ""
    """Where the header set leaves it open."""
    signed_in: bool = True
    """False: sent without any cookie."""
    body: bytes = b""
    pieces: Pieces | None = None
    """Sent instead of *body*."""
    answers: frozenset[int] = frozenset()
    """Statuses beside 2xx that are answers and no refusals."""
    first_s: float
    """Seconds to the first line of the answer."""
    max_bytes: int = MAX_ANSWER
    on_sent: Callable[[], None] | None = None
    sent_stage: Stage = Stage.SENT
    """Stage of the attempt once this body is out; an upload alone commits to nothing."""
    known: Mapping[str, Container[str]] = {}
    """Fields of the answer, for `decode.drift.news`; empty: it is not looked at."""


class Answer(Struct, frozen=True, kw_only=True):
    """An answer read as a whole."""

    status: int
    headers: Mapping[str, str]
    """Keys are lower case."""
    body: bytes
