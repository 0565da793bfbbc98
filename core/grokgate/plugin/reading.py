"""Reading an answer to its end, whatever the form of the reply."""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from anyio.lowlevel import checkpoint

from grokgate.errors import ContentRefused
from grokgate.openai.answer import Answer, Piece
from grokgate.upstream import Event, Finished

REFUSED: Final = Finished(reason="refused")
"""Ends an answer that moderation broke off (F-CHAT-27)."""
_EVENTS_PER_TURN = 64
"""Events after which a reader lets other tasks run, however many are ready."""


class Reading(Protocol):
    """What a reply needs of an answer."""

    @property
    def finished(self) -> Finished | None:
        """The end marker, once it was read."""
        ...

    @property
    def further_input(self) -> int:
        """Units that further calls read."""
        ...

    def __aiter__(self) -> AsyncIterator[Event]: ...


def end_of(reading: Reading) -> Finished:
    """Return the end marker of *reading*, which was read to its end."""
    assert reading.finished is not None, "an exchange that ends without its end marker raises"
    return reading.finished


async def read_whole(reading: Reading, answer: Answer) -> tuple[list[Piece], Finished]:
    """Read *reading* through *answer*; return the pieces, oldest first, and the end marker.

    Raises:
        GatewayError: The upstream failed. Moderation in mid-answer is no failure (F-CHAT-27).
    """
    pieces: list[Piece] = []
    read = 0
    try:
        async for event in reading:
            pieces += answer.feed(event)
            read += 1
            if read % _EVENTS_PER_TURN == 0:
                await checkpoint()
    except ContentRefused:
        if not pieces:
            raise
        return pieces, REFUSED
    return pieces, end_of(reading)
