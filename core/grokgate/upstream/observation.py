"""What one attempt taught us: the only thing a driver says about success and failure.

The same value serves four readers: the sandbox states which one a fault must lead to, the driver's
classifier produces it, the scheduler judges it, and drift counters compare its paths.
"""

from enum import StrEnum

from msgspec import Struct


class Stage(StrEnum):
    """How far an attempt came; decides what is charged (`reliability-security.md` 2)."""

    UNSENT = "unsent"
    """Nothing left us: refund the account and the key."""
    REFUSED = "refused"
    """Turned away before it ran (400, 401, 403, 429): refund both."""
    SENT = "sent"
    """The body is out, the outcome unknown: refund the key, keep the account's charge."""
    CONTENT = "content"
    """Something came back: charge both."""


class Kind(StrEnum):
    """Class of an attempt's outcome; `scheduler.verdict` has one row for each."""

    OK = "ok"
    CANCELLED = "cancelled"
    QUOTA = "quota"
    AUTH_DEAD = "auth_dead"
    AUTH_FAIL = "auth_fail"
    FORBIDDEN = "forbidden"
    CHALLENGE = "challenge"
    ANTI_BOT = "anti_bot"
    NOT_ENTITLED = "not_entitled"
    PLAN = "plan"
    MODERATION = "moderation"
    BAD_REQUEST = "bad_request"
    TOO_LONG = "too_long"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    TRANSIENT = "transient"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    """Unreadable, or over a size limit."""


class Observation(Struct, frozen=True, kw_only=True):
    """Class of an attempt's outcome and how far the attempt came."""

    operation: str
    """What was asked: "converse", "imagine", "film", "fetch", "survey", …"""
    kind: Kind
    stage: Stage
    status: int | None = None
    """HTTP status or socket close code, where there was one."""
    buckets: tuple[str, ...] = ()
    """Quota windows found empty; empty with `Kind.QUOTA` means those of the wire."""
    reset_in_s: float | None = None
    """Seconds until these windows refill, as far as the upstream said."""
    marker: str | None = None
    """Name of the rule that matched; never upstream text."""
    drift: tuple[str, ...] = ()
    """Key paths unknown or missing; never values."""
    total_timeout: bool = False
    """With `Kind.TIMEOUT`: the call's own total limit passed, which says nothing of the account."""
    first_byte_timeout: bool = False
    """With `Kind.TIMEOUT`: the upstream never sent a first line, the only timeout worth a retry."""


class UpstreamFailure(Exception):
    """Raised by sessions and drivers; clients never see it.

    A `Call.send` function may catch it to go on with the same account.
    """

    def __init__(self, observation: Observation) -> None:
        super().__init__(str(observation.kind))
        self.observation = observation
