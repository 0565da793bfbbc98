"""What a transport brings back, between it and the fetch that asked."""

from collections.abc import AsyncIterator, Mapping

from msgspec import Struct


class Answer(Struct, frozen=True, kw_only=True):
    """A reply's head and the way to its body."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: AsyncIterator[bytes]
