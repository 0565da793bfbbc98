"""Who waits for surveys: a request that found nothing, or an operator."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

import anyio
from msgspec import Struct

from grokgate.tokens.record import TokenState
from grokgate.upstream import AccountFacts

ANSWER_S = 300.0
"""Longest wait of an operator for the next outcome; a survey takes at most half a minute."""


class Surveyed(Struct, frozen=True, kw_only=True):
    """How asking one account ended."""

    token: str
    before: TokenState | None = None
    after: TokenState | None = None
    """Both None: there is no such account."""
    failure: str | None = None
    """Why nothing was learned: a kind of observation, or the status that forbids to ask."""
    facts: AccountFacts | None = None
    """What was learned."""

    @property
    def found(self) -> bool:
        """Whether there is quota."""
        return self.facts is not None and any(
            window.remaining for window in self.facts.windows.values()
        )


class Watch(Protocol):
    """Somebody who waits for tokens to be asked."""

    even_expired: bool

    def wants(self, token: str) -> bool:
        """Tell whether *token* is still waited for."""
        ...

    def asked(self, outcome: Surveyed) -> None:
        """Take note of an outcome."""
        ...


class Round:
    """An on-demand run: ready when quota was found, or all were asked."""

    even_expired = False

    def __init__(self, began_at: float, tokens: Iterable[str]) -> None:
        self.began_at = began_at
        self.ready = asyncio.Event()
        self._open = set(tokens)

    def wants(self, token: str) -> bool:
        """Tell whether *token* has not been asked yet."""
        return token in self._open

    def asked(self, outcome: Surveyed) -> None:
        """Note the end of a survey."""
        if outcome.token in self._open:
            self._open.discard(outcome.token)
            if outcome.found or not self._open:
                self.ready.set()


class Order:
    """An operator's: hands out each outcome once, as it comes."""

    even_expired = True

    def __init__(self, tokens: Iterable[str]) -> None:
        self._open = set(tokens)
        self._outcomes: asyncio.Queue[Surveyed] = asyncio.Queue()

    def wants(self, token: str) -> bool:
        """Tell whether *token* has not been asked yet."""
        return token in self._open

    def asked(self, outcome: Surveyed) -> None:
        """Keep an outcome until `next` fetches it."""
        if outcome.token in self._open:
            self._open.discard(outcome.token)
            self._outcomes.put_nowait(outcome)

    async def next(self) -> Surveyed | None:
        """Return the next outcome; None: there are no more.

        Raises:
            TimeoutError: None came in time.
        """
        if not self._open and self._outcomes.empty():
            return None
        with anyio.fail_after(ANSWER_S):
            return await self._outcomes.get()
