"""A conversation on its way, whatever carries it; and the one that HTTP lines carry."""

import asyncio
from typing import Protocol

from msgspec import Struct

from grokgate.upstream import (
    Attempt,
    Event,
    Kind,
    Observation,
    Stage,
    UpstreamFailure,
)
from grokgate_web.call import WebCall
from grokgate_web.caller import Caller
from grokgate_web.decode.answer import Answer
from grokgate_web.decode.chat import ChatDecoder
from grokgate_web.decode.lines import LineTooLong
from grokgate_web.decode.pictures import Sought
from grokgate_web.identity import Identity
from grokgate_web.transport import Exchange, TransportError

MAX_ANSWER = 256 * 1024 * 1024
"""Decoded bytes of one answer; a line of the wire carries a few characters of text."""

_CHAT = "converse"
_AFTERMATH_S = 1.0
"""Seconds that are waited for more after an end mark, unless the final message was seen too."""


class Decoder(Protocol):
    """What is known of an answer so far."""

    error: object
    """An error the upstream sent inside the answer."""
    complete: bool
    """The upstream's end mark was seen."""

    @property
    def answer(self) -> Answer:
        """What has come so far."""
        ...

    @property
    def done(self) -> bool:
        """Whether nothing more can come."""
        ...

    @property
    def settled(self) -> bool:
        """Whether what may still come is no part of the answer."""
        ...

    @property
    def blank(self) -> bool:
        """Whether the upstream said nothing at all."""
        ...

    @property
    def answered(self) -> bool:
        """Whether there is an answer: text, a picture, or a video."""
        ...

    @property
    def output(self) -> bool:
        """Whether there is something of the answer."""
        ...

    @property
    def drift(self) -> set[str]:
        """Key paths that were skipped so far."""
        ...

    def finish(self) -> list[Event]:
        """Return what is left, with `Finished` last if the answer is complete."""
        ...


class Talk(Protocol):
    """One conversation under way; `close` it."""

    @property
    def close_code(self) -> int | None:
        """Why the upstream closed its socket, where there is one and it said so."""
        ...

    @property
    def decoder(self) -> Decoder:
        """Reads the answer."""
        ...

    @property
    def stage(self) -> Stage:
        """How far the attempt came."""
        ...

    async def read(self) -> list[Event] | None:
        """Return the next events, perhaps none; None: nothing more comes.

        Raises:
            UpstreamFailure: The answer broke off, or a deadline passed.
        """
        ...

    async def finish(self, within_s: float) -> None:
        """Let the upstream end by itself, within *within_s* seconds."""
        ...

    def close(self) -> None:
        """End it at once; any number of times."""
        ...


class Purpose(Struct, frozen=True, kw_only=True):
    """What a conversation over HTTP is for."""

    operation: str
    path: str
    referer: str


class LinesTalk:
    """A conversation whose answer is lines over HTTP.

    Args:
        caller: Acts as the account.
        identity: The settings of this attempt.
        attempt: Deadlines; learns that the body goes out.
        purpose: None: an ordinary conversation.
        sought: What is wanted besides text.
    """

    close_code = None

    def __init__(
        self,
        caller: Caller,
        identity: Identity,
        attempt: Attempt,
        *,
        purpose: Purpose | None = None,
        sought: Sought,
    ) -> None:
        chat = identity.profile.chat
        self._caller = caller
        self._purpose = purpose or Purpose(operation=_CHAT, path=chat.path, referer=chat.referer)
        self._attempt = attempt
        self._loop = asyncio.get_running_loop()
        self._exchange: Exchange | None = None
        self._first_until = 0.0
        self._sent = False
        self.decoder = ChatDecoder(
            identity.profile.stream, filter_tags=identity.settings.filter_tags, sought=sought
        )

    @property
    def stage(self) -> Stage:
        """How far the attempt came, once the body is out."""
        return Stage.CONTENT if self.decoder.output else Stage.SENT

    async def open(self, body: bytes) -> None:
        """Send the conversation; may be called again after a failure.

        Raises:
            UpstreamFailure: Refused, or the call failed.
        """
        call = WebCall(
            operation=self._purpose.operation,
            path=self._purpose.path,
            referer=self._purpose.referer,
            body=body,
            first_s=self._attempt.first_s,
            max_bytes=MAX_ANSWER,
            on_sent=self._on_sent,
        )
        self._exchange, self._first_until = await self._caller.open(call)

    async def read(self) -> list[Event] | None:
        """Return the next events; an answer whose end was seen may break off as it likes."""
        assert self._exchange is not None
        try:
            chunk = await self._exchange.read(self._until())
            return self.decoder.feed(chunk) if chunk else None
        except TransportError as error:
            if self.decoder.complete and error.reason != "too_large":
                return None
            first = not self.decoder.seen
            raise self._caller.broken(
                error, self._purpose.operation, self.stage, first=first
            ) from error
        except LineTooLong as error:
            raise UpstreamFailure(
                Observation(
                    operation=self._purpose.operation, kind=Kind.MALFORMED, stage=self.stage
                )
            ) from error

    async def finish(self, within_s: float) -> None:
        """Read to the end what nobody needs, so that the connection can be used again."""
        if self._exchange is not None:
            await self._exchange.finish(within_s)

    def close(self) -> None:
        """End the call at once."""
        if self._exchange is not None:
            self._exchange.close()

    def _until(self) -> float:
        if not self.decoder.seen:
            return self._first_until
        idle_s = self._attempt.idle_s
        limit_s = min(idle_s, _AFTERMATH_S) if self.decoder.complete else idle_s
        return self._loop.time() + limit_s

    def _on_sent(self) -> None:
        if not self._sent:
            self._sent = True
            self._attempt.sent()
