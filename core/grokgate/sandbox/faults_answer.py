"""What can go wrong with an answer that has begun (upstream-protocol.md 10.5)."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from grokgate.sandbox.expectation import UNHARMED, Expectation, expect, turned_away
from grokgate.sandbox.knob import FRAME_CAP_MIB, LEAD, LINE_CAP_MIB, Count, Knob, Millis, Place
from grokgate.upstream import Kind, Stage


class Cut(Knob, frozen=True, tag="cut"):
    """End the answer too early: after *lines* whole lines and *bytes* bytes beyond them."""

    lines: Count = LEAD + 1
    """Whole ones before the end."""
    bytes: Count = 0
    """Of what follows them."""
    mode: Literal["clean", "reset"] = "clean"
    """The body ends as if complete, or the connection closes without its terminator. A socket is
    closed with code 1000, or without a close frame."""

    @property
    def expected(self) -> Expectation:
        """Takes *bytes* to end within a line, and the line to stand before the end mark."""
        if self.lines > LEAD:
            return expect(Kind.TRUNCATED, Stage.CONTENT)
        if self.lines == self.bytes == 0 and self.mode == "clean":
            return Expectation(kinds=(Kind.TRANSIENT, Kind.EMPTY), stages=(Stage.SENT,))
        return expect(Kind.TRANSIENT, Stage.SENT)

    @property
    def over_socket(self) -> Expectation:
        """Frames are whole: *bytes* do not count, and a closed socket is never a whole answer."""
        if self.lines > LEAD:
            return expect(Kind.TRUNCATED, Stage.CONTENT)
        return expect(Kind.TRANSIENT, Stage.SENT)


class Malformed(Knob, frozen=True, tag="malformed"):
    """Slip in lines that a driver must skip."""

    form: Literal["junk", "truncated", "utf8", "types", "duplicate_keys"] = "junk"
    at: Count = LEAD + 1
    """Lines before them."""


class Framing(Knob, frozen=True, tag="framing"):
    """Send the same objects in other wrapping; frames of a socket know none."""

    form: Literal["plain", "data", "event", "glued", "crlf", "blank", "done", "no_newline"] = (
        "plain"
    )
    chunk_bytes: Count = 0
    """Largest write; 0: a line, 1: one byte per chunk."""
    encoding: Literal["identity", "gzip", "deflate", "br", "zstd"] = "identity"
    """The last two need the packages ``brotli`` and ``zstandard``."""

    def __post_init__(self) -> None:
        """Refuse an encoding that nothing here can make.

        Raises:
            ValueError: Its package is not installed.
        """
        package = {"br": "brotli", "zstd": "zstandard"}.get(self.encoding)
        if package is not None and find_spec(package) is None:
            raise ValueError(f"the encoding {self.encoding} needs the package {package}")


class Pace(Knob, frozen=True, tag="pace"):
    """Answer slowly, or stop for ever. Other endpoints than chat know what precedes the status."""

    first_ms: Millis = 0
    """Before the status."""
    gap_ms: Millis | None = None
    """Between lines; None: as the sandbox was set up."""
    stall: Literal["never", "headers", "line"] = "never"
    """Send nothing at all, or nothing after *lines* lines, while the client stays."""
    lines: Count = LEAD + 1

    @property
    def expected(self) -> Expectation:
        """A stall is a timeout if the driver's limits allow the rest."""
        if self.stall == "never":
            return UNHARMED
        lines = 0 if self.stall == "headers" else self.lines
        return Expectation(
            kinds=(Kind.TIMEOUT,),
            stages=(Stage.CONTENT if lines > LEAD else Stage.SENT,),
            first_byte_timeout=lines == 0,
        )

    @property
    def over_socket(self) -> Expectation:
        """The session is open by then, so whether a first frame came is a matter of view."""
        if self.stall == "never" or (self.stall == "line" and self.lines > 0):
            return self.expected
        return Expectation(kinds=(Kind.TIMEOUT,), stages=(Stage.SENT,), first_byte_timeout=None)


class Oversize(Knob, frozen=True, tag="oversize"):
    """Slip in one very long line, harmless but for its size."""

    mib: Annotated[int, Meta(ge=1, le=64)] = LINE_CAP_MIB
    at: Count = LEAD + 1
    """Lines before it."""

    @property
    def expected(self) -> Expectation:
        """Within the cap it must be read and ignored."""
        if self.mib < LINE_CAP_MIB:
            return UNHARMED
        return expect(Kind.MALFORMED, Stage.CONTENT if self.at > LEAD else Stage.SENT)

    @property
    def over_socket(self) -> Expectation:
        """Frames may be larger than lines; between the two limits either will do."""
        if self.mib < LINE_CAP_MIB:
            return UNHARMED
        stage = Stage.CONTENT if self.at > LEAD else Stage.SENT
        if self.mib < FRAME_CAP_MIB:
            kinds = (Kind.OK, Kind.MALFORMED)
            return Expectation(kinds=kinds, stages=(Stage.CONTENT, stage))
        return expect(Kind.MALFORMED, stage)


class Nested(Knob, frozen=True, tag="nested"):
    """Put the fields of the answer directly into ``result``; a socket's events have no such."""


class ErrorAfter200(Knob, frozen=True, tag="error_after_200"):
    """Fail after status 200; the answer ends with the error."""

    form: Literal["object", "response", "stream_errors", "model_response"] = "object"
    """``error`` of the line, of the response, ``streamErrors`` or ``error`` of `modelResponse`. On
    a socket: an error event, ``stream_error``, that and a failed end, or a failed end alone."""
    place: Place = "start"
    code: Literal[7, 8, 13, 14, 16] = 13

    @property
    def expected(self) -> Expectation:
        """By the code, before output; afterwards a passing fault may count as truncation."""
        kind = _KIND_OF_CODE[self.code]
        if self.place == "start":
            return expect(kind, Stage.SENT) if kind is Kind.TRANSIENT else turned_away(kind)
        kinds = (kind, Kind.TRUNCATED) if kind is Kind.TRANSIENT else (kind,)
        return Expectation(kinds=kinds, stages=(Stage.CONTENT,))

    @property
    def over_socket(self) -> Expectation:
        """A failed end carries a reason in words, and no code."""
        if self.form != "model_response":
            return self.expected
        kinds = dict.fromkeys((*self.expected.kinds, Kind.TRANSIENT, Kind.TRUNCATED))
        return msgspec.structs.replace(self.expected, kinds=tuple(kinds))


class ClockSkew(Knob, frozen=True, tag="clock_skew"):
    """Shift the time stamps of an answer."""

    seconds: Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)] = 86_400
    """Negative: into the past."""


AnswerAction: TypeAlias = (
    Cut | Malformed | Framing | Pace | Oversize | Nested | ErrorAfter200 | ClockSkew
)

_KIND_OF_CODE: Mapping[int, Kind] = {
    7: Kind.ANTI_BOT,
    8: Kind.QUOTA,
    13: Kind.TRANSIENT,
    14: Kind.TRANSIENT,
    16: Kind.AUTH_FAIL,
}
