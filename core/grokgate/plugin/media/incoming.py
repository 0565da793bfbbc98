"""A file of an upstream that is to be kept, as a source of `Media.save`."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from typing import TypeAlias

from grokgate.upstream import Asset

Through: TypeAlias = Callable[[AsyncIterable[bytes]], AsyncGenerator[bytes, None]]


class Incoming:
    """The bytes of *asset*, fetched when somebody reads them.

    A store that keeps several of the same `origin` at once fetches one of them, and reads the
    others `from_copy` of it.

    Args:
        asset: Comes from an exchange.
        fetch: `Exchange.fetch` of it.
        through: What the bytes pass through on their way; called once.
        preview_of: Name of the kept video whose first picture this is; empty: of none.
    """

    def __init__(
        self,
        asset: Asset,
        fetch: Callable[[Asset], AsyncGenerator[bytes, None]],
        *,
        through: Through | None = None,
        preview_of: str = "",
    ) -> None:
        self.preview_of = preview_of
        self._asset = asset
        self._fetch = fetch
        self._through = through

    @property
    def origin(self) -> tuple[str, str] | None:
        """What tells the upstream's file from all others; None: it is at hand already."""
        asset = self._asset
        return None if asset.content is not None or not asset.ref else (asset.account, asset.ref)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return `fetched`."""
        return self.fetched()

    def fetched(self) -> AsyncGenerator[bytes, None]:
        """Fetch the file."""
        return self.from_copy(self._fetch(self._asset))

    async def from_copy(self, source: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """Yield what *source* does, which is the same file; closed in the end."""
        async with aclosing(source):
            if self._through is None:
                async for piece in source:
                    yield piece
                return
            async with aclosing(self._through(source)) as pieces:
                async for piece in pieces:
                    yield piece
