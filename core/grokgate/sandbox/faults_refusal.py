"""What turns a call away, at its status or in the first thing it answers (protocol 10.5)."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from grokgate.sandbox.expectation import Expectation, expect, refused, turned_away
from grokgate.sandbox.knob import Count, Knob
from grokgate.upstream import Kind, Stage


class HttpStatus(Knob, frozen=True, tag="http_status"):
    """Answer with a status instead of the real thing; of a socket, refuse its handshake."""

    code: Annotated[int, Meta(ge=400, le=599)]
    body: Literal["json", "html", "empty", "text"] = "json"
    message: str = ""
    """Text inside the JSON or text body; empty: one that fits the code and names no cause."""
    headers: Mapping[str, str] = {}
    """Such as ``Retry-After``."""

    @property
    def expected(self) -> Expectation:
        """By the status; a page or nothing with 403 or 503 is a challenge (12.2)."""
        if self.code in (403, 503) and self.body in ("html", "empty"):
            return _challenged(self.code)
        if self.code >= 500:  # noqa: PLR2004 - the class of the status
            return expect(Kind.TRANSIENT, Stage.SENT)
        return refused(_KIND_OF_STATUS.get(self.code, Kind.BAD_REQUEST))

    @property
    def over_socket(self) -> Expectation:
        """A refused handshake may count as never sent."""
        return _unsent(self.expected)


class AccountState(Knob, frozen=True, tag="account_state"):
    """Refuse as if the account were dead."""

    state: Literal["session_lost", "expired", "blocked", "suspended"] = "expired"

    @property
    def expected(self) -> Expectation:
        """All of these bodies carry a death marker."""
        return refused(Kind.AUTH_DEAD)

    @property
    def over_socket(self) -> Expectation:
        """The session probe shows the body that the handshake hides."""
        return _unsent(self.expected)


class CfChallenge(Knob, frozen=True, tag="cf_challenge"):
    """Answer with a challenge page."""

    status: Literal[403, 503] = 403
    mitigated: bool = True
    """With the header ``cf-mitigated``."""

    @property
    def expected(self) -> Expectation:
        """The page is known by its words, whatever the status."""
        return _challenged(self.status)

    @property
    def over_socket(self) -> Expectation:
        """The session probe shows the page that the handshake hides."""
        return _unsent(self.expected)


class AntiBot(Knob, frozen=True, tag="anti_bot"):
    """Refuse for the fingerprint."""

    place: Literal["http", "in_band", "ws_error", "silent"] = "http"
    """Status 403; code 7 after status 200; a socket's error event ``anti_bot``; a connection that
    stays open and silent. The two kinds of in-band errors are one over HTTP."""

    @property
    def expected(self) -> Expectation:
        """The same class in every place but silence, which only a limit catches."""
        match self.place:
            case "http":
                return refused(Kind.ANTI_BOT)
            case "silent":
                return _silent(Stage.SENT)
            case _:
                return turned_away(Kind.ANTI_BOT)

    @property
    def over_socket(self) -> Expectation:
        """A socket's silence may begin before the prompt is sent."""
        if self.place == "silent":
            return Expectation(
                kinds=(Kind.TIMEOUT,), stages=(Stage.SENT, Stage.UNSENT), first_byte_timeout=None
            )
        return _unsent(self.expected) if self.place == "http" else self.expected


class RateLimit(Knob, frozen=True, tag="rate_limit"):
    """Say that a limit is reached; the account's own windows stay as they are."""

    place: Literal["http", "in_band", "text", "stream_error", "card", "late"] = "http"
    """Status 429; error with code 8; usage limit text; stream errors at the start; a picture card
    with ``systemErrCode``; stream errors after some output."""
    retry_after_s: Count | None = None
    """Header ``Retry-After``, with status 429 only."""

    @property
    def expected(self) -> Expectation:
        """Exact in every place; only the late one follows output."""
        if self.place == "late":
            return expect(Kind.QUOTA, Stage.CONTENT)
        if self.place == "card":
            return expect(Kind.QUOTA, Stage.REFUSED, Stage.SENT, Stage.CONTENT)
        return refused(Kind.QUOTA) if self.place == "http" else turned_away(Kind.QUOTA)

    @property
    def over_socket(self) -> Expectation:
        """A refused handshake may count as never sent."""
        return _unsent(self.expected) if self.place == "http" else self.expected


RefusalAction: TypeAlias = HttpStatus | AccountState | CfChallenge | AntiBot | RateLimit

_KIND_OF_STATUS: Mapping[int, Kind] = {
    401: Kind.AUTH_FAIL,
    403: Kind.FORBIDDEN,
    429: Kind.QUOTA,
}


def _challenged(status: int) -> Expectation:
    return (refused if status == 403 else turned_away)(Kind.CHALLENGE)  # noqa: PLR2004 - a status


def _silent(stage: Stage) -> Expectation:
    return Expectation(kinds=(Kind.TIMEOUT,), stages=(stage,), first_byte_timeout=True)


def _unsent(told: Expectation) -> Expectation:
    """Admit that nothing was sent: a refused handshake comes before the prompt."""
    return msgspec.structs.replace(told, stages=(*told.stages, Stage.UNSENT))
