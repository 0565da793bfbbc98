"""What can be made to go wrong, and what a correct driver must report of it.

An action is one knob of upstream-protocol.md 10.5 with its parameters. `Action.expected` states
the class and the stage that a driver must observe; the driver's tests compare with it. Positions
in an answer count lines: the stock answers of this sandbox begin with `LEAD` lines that carry no
output, one token per line follows.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from grokgate.sandbox.expectation import UNHARMED, Expectation, expect, refused, turned_away
from grokgate.upstream import Kind, Stage

LEAD = 4
"""Lines of every stock answer before its first output."""
LINE_CAP_MIB = 8
"""Size of an object beyond which a driver must give up (upstream-protocol.md 2.2)."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]
Millis: TypeAlias = Annotated[float, Meta(ge=0, le=600_000)]
Place: TypeAlias = Literal["start", "middle", "end"]
"""Of an in-band error: after the first line, after the first output, before the end mark."""


class _Knob(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="knob"):
    """Base of the actions; a tagged union, so that rules can be written as JSON."""

    @property
    def expected(self) -> Expectation:
        """What a driver must report of an answer that only this action spoilt."""
        return UNHARMED


class HttpStatus(_Knob, frozen=True, tag="http_status"):
    """Answer with a status instead of the real thing."""

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


class AccountState(_Knob, frozen=True, tag="account_state"):
    """Refuse as if the account were dead."""

    state: Literal["session_lost", "expired", "blocked", "suspended"] = "expired"

    @property
    def expected(self) -> Expectation:
        """All of these bodies carry a death marker."""
        return refused(Kind.AUTH_DEAD)


class CfChallenge(_Knob, frozen=True, tag="cf_challenge"):
    """Answer with a challenge page."""

    status: Literal[403, 503] = 403
    mitigated: bool = True
    """With the header ``cf-mitigated``."""

    @property
    def expected(self) -> Expectation:
        """The page is known by its words, whatever the status."""
        return _challenged(self.status)


class AntiBot(_Knob, frozen=True, tag="anti_bot"):
    """Refuse for the fingerprint."""

    place: Literal["http", "in_band"] = "http"

    @property
    def expected(self) -> Expectation:
        """The same class in either place."""
        return refused(Kind.ANTI_BOT) if self.place == "http" else turned_away(Kind.ANTI_BOT)


class RateLimit(_Knob, frozen=True, tag="rate_limit"):
    """Say that a limit is reached; the account's own windows stay as they are."""

    place: Literal["http", "in_band", "text", "late"] = "http"
    """Status 429; error line with code 8; usage limit line; stream errors after some output."""
    retry_after_s: Count | None = None
    """Header ``Retry-After``, with status 429 only."""

    @property
    def expected(self) -> Expectation:
        """Exact in every place; only the late one follows output."""
        if self.place == "late":
            return expect(Kind.QUOTA, Stage.CONTENT)
        return refused(Kind.QUOTA) if self.place == "http" else turned_away(Kind.QUOTA)


class Cut(_Knob, frozen=True, tag="cut"):
    """End the answer too early: after *lines* whole lines and *bytes* bytes beyond them."""

    lines: Count = LEAD + 1
    bytes: Count = 0
    mode: Literal["clean", "reset"] = "clean"
    """The body ends as if complete, or the connection closes without its terminator."""

    @property
    def expected(self) -> Expectation:
        """Takes *bytes* to end within a line, and the line to stand before the end mark."""
        if self.lines > LEAD:
            return expect(Kind.TRUNCATED, Stage.CONTENT)
        if self.lines == self.bytes == 0 and self.mode == "clean":
            return Expectation(kinds=(Kind.TRANSIENT, Kind.EMPTY), stages=(Stage.SENT,))
        return expect(Kind.TRANSIENT, Stage.SENT)


class Malformed(_Knob, frozen=True, tag="malformed"):
    """Slip in lines that a driver must skip."""

    form: Literal["junk", "truncated", "utf8", "types", "duplicate_keys"] = "junk"
    at: Count = LEAD + 1
    """Lines before them."""


class Framing(_Knob, frozen=True, tag="framing"):
    """Send the same objects in other wrapping."""

    form: Literal["plain", "data", "event", "glued", "crlf", "blank", "done", "no_newline"] = (
        "plain"
    )
    chunk_bytes: Count = 0
    """Largest write; 0: a line, 1: one byte per chunk."""
    encoding: Literal["identity", "gzip", "deflate"] = "identity"


class Pace(_Knob, frozen=True, tag="pace"):
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


class Oversize(_Knob, frozen=True, tag="oversize"):
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


class Nested(_Knob, frozen=True, tag="nested"):
    """Put the fields of the answer directly into ``result``."""


class ErrorAfter200(_Knob, frozen=True, tag="error_after_200"):
    """Fail after status 200; the answer ends with the error."""

    form: Literal["object", "response", "stream_errors", "model_response"] = "object"
    """``error`` of the line, of the response, ``streamErrors`` or ``error`` of `modelResponse`."""
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


class UploadError(_Knob, frozen=True, tag="upload_error"):
    """Fail an upload; without it the chat call that needs it cannot be sent."""

    form: Literal["missing_ids", "413", "415", "500", "503"] = "missing_ids"

    @property
    def expected(self) -> Expectation:
        """The chat body never went out."""
        if self.form in ("413", "415"):
            return expect(Kind.BAD_REQUEST, Stage.REFUSED, Stage.UNSENT)
        if self.form == "missing_ids":
            kinds = (Kind.MALFORMED, Kind.TRANSIENT)
            return Expectation(kinds=kinds, stages=(Stage.UNSENT, Stage.SENT))
        return expect(Kind.TRANSIENT, Stage.UNSENT, Stage.SENT)


class QuotaJson(_Knob, frozen=True, tag="quota_json"):
    """Answer a rate-limit call in an odd or broken form."""

    form: Literal["missing_fields", "prefix", "loop_prefix", "bom", "empty", "zero_totals"] = (
        "prefix"
    )

    @property
    def expected(self) -> Expectation:
        """Prefixes are stripped; zeros may mean "not offered"; the rest teaches nothing."""
        if self.form in ("prefix", "loop_prefix", "bom"):
            return UNHARMED
        kinds = (Kind.OK, Kind.MALFORMED) if self.form == "zero_totals" else (Kind.MALFORMED,)
        return Expectation(kinds=kinds, stages=(Stage.CONTENT, Stage.SENT))


Action: TypeAlias = (
    HttpStatus
    | AccountState
    | CfChallenge
    | AntiBot
    | RateLimit
    | Cut
    | Malformed
    | Framing
    | Pace
    | Oversize
    | Nested
    | ErrorAfter200
    | UploadError
    | QuotaJson
)

_KIND_OF_STATUS: Mapping[int, Kind] = {
    401: Kind.AUTH_FAIL,
    403: Kind.FORBIDDEN,
    429: Kind.QUOTA,
}
_KIND_OF_CODE: Mapping[int, Kind] = {
    7: Kind.ANTI_BOT,
    8: Kind.QUOTA,
    13: Kind.TRANSIENT,
    14: Kind.TRANSIENT,
    16: Kind.AUTH_FAIL,
}


def _challenged(status: int) -> Expectation:
    return (refused if status == 403 else turned_away)(Kind.CHALLENGE)  # noqa: PLR2004 - a status
