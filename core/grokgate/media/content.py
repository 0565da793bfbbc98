"""What a stored file is, told from its first bytes (F-FILE-03, S12)."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio

from grokgate.errors import EmptyResponse, UpstreamError
from grokgate.spool import HEAD_BYTES, sniff

_CLOSE_S: Final = 1.0
UNKNOWN: Final = "application/octet-stream"
EXTENSIONS: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "video/webm": "webm",
}
"""Types that a browser may show; everything else is handed out for saving."""
PICTURES: Final = frozenset(mime for mime in EXTENSIONS if mime.startswith("image/"))


def shown_type(mime: str) -> str:
    """Return *mime* if a browser may show it, else the type of unknown bytes."""
    return mime if mime in EXTENSIONS else UNKNOWN


async def peek(source: AsyncIterable[bytes]) -> tuple[str, AsyncGenerator[bytes, None]]:
    """Read the beginning of *source*; return its type, and everything from the start."""
    pieces = aiter(source)
    head = b""
    async for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return sniff(head), _rejoined(head, pieces)


@asynccontextmanager
async def closing(source: AsyncIterable[bytes]) -> AsyncIterator[None]:
    """Close *source* after the block, if it can be closed: what it reads may cost something."""
    try:
        yield
    finally:
        if isinstance(source, AsyncGenerator):
            with anyio.move_on_after(_CLOSE_S, shield=True):
                await source.aclose()


async def within(source: AsyncIterable[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    """Pass *source* on; an empty one or one over *limit* bytes is the upstream's fault."""
    size = 0
    async for piece in source:
        size += len(piece)
        if size > limit:
            raise UpstreamError
        yield piece
    if not size:
        raise EmptyResponse


async def _rejoined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if head:
        yield head
    async for piece in rest:
        yield piece
