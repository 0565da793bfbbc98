"""What a reply is made of, whether a conversation answers or pictures and videos are the answer."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from typing import Protocol, Self

from grokgate.errors import ContentRefused, InvalidRequest
from grokgate.openai.made import MadeText
from grokgate.plugin.media.records import Picture
from grokgate.upstream import Event, Finished, Started


class PictureText(MadeText, frozen=True, kw_only=True, tag=True):
    """A picture as a line of Markdown."""

    picture: Picture
    """The same, for replies that have another place for it."""


class Closable(Protocol):
    """What is read, and has to be closed."""

    def aclose(self) -> Awaitable[None]:
        """End it early; harmless at its end."""
        ...


class Answering(ABC):
    """An answer being read: events, of which `Finished` is the last one.

    Read it to its end or close it; leaving the context closes it.

    Args:
        source: Closed with the answer.
    """

    def __init__(self, source: Closable) -> None:
        self._source = source
        self._events = self._read()

    @property
    def started(self) -> Started | None:
        """The upstream's `Started`, where it sent one before the first output."""
        return None

    @property
    @abstractmethod
    def finished(self) -> Finished | None:
        """The end marker, once it was read."""

    @property
    def further_input(self) -> int:
        """Units that further calls read."""
        return 0

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers that tell of it; complete at its end."""
        return {}

    def __aiter__(self) -> AsyncIterator[Event]:
        """Return the events; there is one such generator."""
        return self._events

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """End what still runs; safe to call twice."""
        await self._source.aclose()
        with suppress(RuntimeError):  # another task waits for an event and is about to get the end
            await self._events.aclose()

    @abstractmethod
    def _read(self) -> AsyncGenerator[Event, None]:
        """Yield the events."""


def no_answer(error: ContentRefused) -> InvalidRequest:
    """Return *error* as one that is no ending of its own: progress is no answer (F-VID-09)."""
    return InvalidRequest(error.message, code=error.code)
