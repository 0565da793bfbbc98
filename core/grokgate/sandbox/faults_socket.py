"""What can go wrong with a WebSocket (upstream-protocol.md 10.5); calls over HTTP are spared."""

from typing import Literal, TypeAlias

from grokgate.sandbox.expectation import UNHARMED, Expectation, expect
from grokgate.sandbox.knob import LEAD, Count, Knob, Millis
from grokgate.upstream import Kind, Stage

_UNANSWERED = (Stage.SENT, Stage.UNSENT)
"""The session was opened, or the prompt sent: drivers may draw the line at either."""


class WsHandshake(Knob, frozen=True, tag="ws_handshake"):
    """Refuse a handshake, or let it wait."""

    form: Literal["401", "403_html", "403_empty", "403_json", "404", "429", "500", "slow"] = "429"
    """Status and body; ``slow``: accepted after *delay_ms*."""
    delay_ms: Millis = 0

    @property
    def over_socket(self) -> Expectation:
        """By status and, where a client asks the session probe after it, by body."""
        if self.form == "slow":
            return UNHARMED
        return Expectation(kinds=_OF_HANDSHAKE[self.form], stages=_TURNED_AWAY[self.form])


class WsDrop(Knob, frozen=True, tag="ws_drop"):
    """Close the socket in mid-answer."""

    frames: Count = LEAD + 1
    """Frames of the answer before it; 0: nothing of it."""
    code: Literal[1000, 1001, 1006, 1008, 1011] = 1006
    """Of the close frame; 1006: none, the connection ends."""

    @property
    def over_socket(self) -> Expectation:
        """A loss, whatever the code."""
        if self.frames > LEAD:
            return expect(Kind.TRUNCATED, Stage.CONTENT)
        return expect(Kind.TRANSIENT, Stage.SENT)


class WsSilence(Knob, frozen=True, tag="ws_silence"):
    """Accept the socket and never say anything."""

    pings: bool = False
    """Answers pings all the same."""

    @property
    def over_socket(self) -> Expectation:
        """Only a limit catches it."""
        return Expectation(kinds=(Kind.TIMEOUT,), stages=_UNANSWERED, first_byte_timeout=None)


class WsOrder(Knob, frozen=True, tag="ws_order"):
    """Open the session in an odd way."""

    form: Literal[
        "attached_first", "foreign_event", "other_conversation", "binary", "unknown_event"
    ] = "attached_first"
    """Attached before created; created for an event that is not the client's; attached to another
    conversation; a binary frame before both; an event of unknown type before both."""

    @property
    def over_socket(self) -> Expectation:
        """Order and unknown events do no harm; a session of someone else is none."""
        match self.form:
            case "attached_first" | "unknown_event":
                return UNHARMED
            case "binary":
                return Expectation(
                    kinds=(Kind.MALFORMED, Kind.TRANSIENT, Kind.OK),
                    stages=(*_UNANSWERED, Stage.CONTENT),
                )
            case _:
                return Expectation(
                    kinds=(Kind.MALFORMED, Kind.TRANSIENT, Kind.TIMEOUT),
                    stages=_UNANSWERED,
                    first_byte_timeout=None,
                )


class SessionEnded(Knob, frozen=True, tag="session_ended"):
    """End the session with an event of its own."""

    when: Literal["before", "during", "after"] = "during"
    """The answer: instead of it, after its first output, or once it is done."""

    @property
    def over_socket(self) -> Expectation:
        """An answer that is done stays done."""
        match self.when:
            case "before":
                return expect(Kind.TRANSIENT, Stage.SENT)
            case "during":
                return expect(Kind.TRUNCATED, Stage.CONTENT)
            case "after":
                return UNHARMED


SocketAction: TypeAlias = WsHandshake | WsDrop | WsSilence | WsOrder | SessionEnded

_REFUSED = (Stage.REFUSED, Stage.UNSENT)
_OF_HANDSHAKE = {
    "401": (Kind.AUTH_DEAD, Kind.AUTH_FAIL),
    "403_html": (Kind.CHALLENGE,),
    "403_empty": (Kind.CHALLENGE,),
    "403_json": (Kind.AUTH_DEAD,),
    "404": (Kind.BAD_REQUEST,),
    "429": (Kind.QUOTA,),
    "500": (Kind.TRANSIENT,),
}
_TURNED_AWAY = {**dict.fromkeys(_OF_HANDSHAKE, _REFUSED), "500": (Stage.UNSENT, Stage.SENT)}
