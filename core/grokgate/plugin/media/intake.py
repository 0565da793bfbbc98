"""From what an upstream made to a `Picture`: downloaded, checked, measured, kept.

One picture is in memory at a time, and only if its bytes are wanted (S17). What is no picture is
never kept.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from typing import Final, TypeAlias

from grokgate.errors import EmptyResponse, UpstreamError
from grokgate.openai.attachments import image_type
from grokgate.plugin.context import Media
from grokgate.plugin.media.header import HEAD_BYTES, dimensions
from grokgate.plugin.media.incoming import Incoming
from grokgate.plugin.media.records import Picture, Preview
from grokgate.upstream import Asset

Fetch: TypeAlias = Callable[[Asset], AsyncGenerator[bytes, None]]
"""`Exchange.fetch`."""
MOST_BYTES: Final = 50 << 20
"""Of one picture (S17)."""
_TYPE_BYTES: Final = 16
"""What tells a type."""


class Intake:
    """Takes in the pictures of one client request; from several tasks.

    Args:
        media: Keeps them.
        owner: Id of the key that caused them.
        links: They are kept.
        contents: Their bytes are wanted.
    """

    def __init__(self, media: Media, *, owner: str, links: bool, contents: bool) -> None:
        self._media = media
        self._owner = owner
        self._links = links
        self._contents = contents
        self._seen: set[bytes] = set()

    async def take(self, asset: Asset, fetch: Fetch, slot: int) -> Picture | None:
        """Read *asset* to its end; None: the request has the same picture already.

        Raises:
            UpstreamError: Empty, too large, or no picture; nothing was kept.
            StoreUnavailable: It cannot be kept.
        """
        passing = _Passing(contents=self._contents)
        picture = Incoming(asset, fetch, through=passing.pieces)
        ref = None
        if self._links:
            ref = await self._media.save(picture, kind="image", owner=self._owner)
        else:
            await _drain(picture)
        digest = passing.digest()
        if digest in self._seen:
            if ref is not None:
                await self._media.delete(ref.name, owner=self._owner)
            return None
        self._seen.add(digest)
        width, height = passing.dimensions()
        return Picture(
            slot=slot,
            data=passing.contents(),
            ref=ref,
            mime=passing.mime,
            width=width,
            height=height,
            account=asset.account,
        )


async def take_preview(asset: Asset, fetch: Fetch, slot: int, index: int) -> Preview:
    """Read an unfinished picture, which is never kept.

    Raises:
        UpstreamError: Empty, too large, or no picture.
    """
    passing = _Passing(contents=True)
    await _drain(Incoming(asset, fetch, through=passing.pieces))
    width, height = passing.dimensions()
    return Preview(
        slot=slot,
        index=index,
        data=passing.contents() or b"",
        mime=passing.mime,
        width=width,
        height=height,
    )


class _Passing:
    """Looks at a picture that passes by."""

    def __init__(self, *, contents: bool) -> None:
        self._kept: list[bytes] | None = [] if contents else None
        self._head = bytearray()
        self._size = 0
        self._hash = hashlib.sha256()
        self.mime = ""

    async def pieces(self, source: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """Pass *source* on; the first bytes once they are known to be those of a picture."""
        waiting = b""
        async for piece in source:
            self._look_at(piece)
            waiting += piece
            if len(waiting) >= _TYPE_BYTES or self.mime:
                self._check_type()
                yield waiting
                waiting = b""
        if not self._size:
            raise EmptyResponse
        if waiting:
            self._check_type()
            yield waiting

    def digest(self) -> bytes:
        """Tell this picture from others."""
        return self._hash.digest()

    def dimensions(self) -> tuple[int, int]:
        """Return width and height."""
        return dimensions(bytes(self._head))

    def contents(self) -> bytes | None:
        """Hand its bytes out, if they are wanted; they are here no longer."""
        kept, self._kept = self._kept, None
        return None if kept is None else b"".join(kept)

    def _look_at(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MOST_BYTES:
            raise UpstreamError("The upstream's picture is too large.")
        self._hash.update(piece)
        if len(self._head) < HEAD_BYTES:
            self._head += piece[: HEAD_BYTES - len(self._head)]
        if self._kept is not None:
            self._kept.append(piece)

    def _check_type(self) -> None:
        self.mime = self.mime or image_type(bytes(self._head)) or ""
        if not self.mime:
            raise UpstreamError("The upstream's file is no picture.")


async def _drain(picture: Incoming) -> None:
    async with aclosing(picture.fetched()) as pieces:
        async for _ in pieces:
            pass
