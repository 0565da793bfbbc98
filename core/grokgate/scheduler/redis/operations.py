"""The steps that scripts carry out on the shared ledger, as they travel.

`lua/operations.lua`, `lua/usage.lua` and `lua/places.lua` have the other side.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from grokgate.scheduler.redis.rows import HoldingRow, Row
from grokgate.upstream import Tier, Window


class _Operation(Struct, kw_only=True, tag_field="op", tag=str.lower):
    """What all have in common."""

    age_ms: int = 0
    """How long ago this process decided on it; set when it is sent."""


class _OfToken(_Operation, kw_only=True):
    token: str


class Reserve(_OfToken, kw_only=True):
    """Lease a token, if it may be leased."""

    buckets: tuple[str, ...]
    units: int
    limit: int
    """Calls that the token may have in flight."""


class Sent(_OfToken, kw_only=True):
    """Note that the body of a call is going out."""

    fence: int


class Settle(_OfToken, kw_only=True):
    """End a lease and charge for it."""

    fence: int
    units: int
    unsure: bool = False


class Expire(_OfToken, kw_only=True):
    """End a lease that nobody settled."""

    fence: int


class LeaseName(Struct, frozen=True):
    """Which lease, of which token."""

    token: str
    fence: int
    sent: bool = False


class Reap(_Operation, kw_only=True):
    """End leases whose time is over."""

    most: int


class Renew(_Operation, kw_only=True):
    """Lengthen leases, as far as they have not ended."""

    leases: Sequence[LeaseName]


class Restore(_OfToken, kw_only=True):
    """Take in an open lease that the server has forgotten."""

    fence: int
    parts: Mapping[str, int]
    cost: int
    sent: bool = False


class Better(_OfToken, kw_only=True):
    """Take in a whole row, if the one that is there is older."""

    row: Row


class Survey(_OfToken, kw_only=True):
    """Count a survey under way (+1), or its end (−1)."""

    by: int


class Learn(_OfToken, kw_only=True):
    """Take over quota numbers; see `Ledger.learn`."""

    windows: Mapping[str, Window]
    since: int
    asked: tuple[str, ...] | None = None
    unknown: tuple[str, ...] = ()


class Remember(_OfToken, kw_only=True):
    """Take over what else a survey told."""

    tier: Tier | None = None
    kept: Mapping[str, str]


class Empty(_OfToken, kw_only=True):
    """Set buckets to 0, for a while or until the next survey."""

    buckets: tuple[str, ...]
    reset_in_s: float | None = None
    closed: bool = False
    """The account's plan does not have them."""
    evidence: str


class Doubt(_OfToken, kw_only=True):
    """Make all buckets unknown."""


class Heal(_OfToken, kw_only=True):
    """Forget the faults."""


class Blame(_OfToken, kw_only=True):
    """Count faults."""

    faults: int
    refusals: int


class Fail(_OfToken, kw_only=True):
    """Note a failure for display."""

    reason: str


class Cool(_OfToken, kw_only=True):
    """Take a token out for a while."""

    reason: str
    jitter: float
    evidence: str


class Retire(_OfToken, kw_only=True):
    """Mark a token expired."""

    reason: str
    evidence: str


class Put(_OfToken, kw_only=True):
    """Add a token, or revise it if it is there."""

    row: Row


class Override(_OfToken, kw_only=True):
    """Apply what an operator changed in a stored state."""

    bar: int | None = None
    """None: he left the status alone."""
    reason: str | None = None
    held: Mapping[str, HoldingRow]
    record: int
    """Revision of the record in which he did."""
    late: bool = False
    """Another process was to tell: nothing happens if it has."""


class Remove(_OfToken, kw_only=True):
    """Lease a token no more."""

    record: int
    """Revision of the record that was deleted."""


class Charge(_Operation, kw_only=True):
    """Take from a key's daily quotas, all amounts or none."""

    day: str
    key: str
    amounts: Mapping[str, int]
    limits: Mapping[str, int]
    used: Mapping[str, int] | None = None
    """What is stored of the day, for a server that knows nothing of it."""


class Credit(_Operation, kw_only=True):
    """Give back to a key's daily quotas."""

    day: str
    key: str
    amounts: Mapping[str, int]


class Enter(_Operation, kw_only=True):
    """Let one into a room; see `bus.Places`."""

    room: str
    place: str
    most: int | None = None
    per_minute: int | None = None
    held_ms: int
    """For so long the place is held without a heartbeat."""


class Stay(_Operation, kw_only=True):
    """Keep places in a room; in a ledger that was begun anew, take them in again."""

    room: str
    places: Sequence[str]
    held_ms: int
    came: Mapping[str, int] = {}
    """Milliseconds since each was let in, within the last minute."""


class Leave(_Operation, kw_only=True):
    """Give a place in a room back."""

    room: str
    place: str


Operation: TypeAlias = (
    Reserve
    | Sent
    | Settle
    | Expire
    | Reap
    | Renew
    | Restore
    | Better
    | Survey
    | Learn
    | Remember
    | Empty
    | Doubt
    | Heal
    | Blame
    | Fail
    | Cool
    | Retire
    | Put
    | Override
    | Remove
    | Charge
    | Credit
    | Enter
    | Stay
    | Leave
)


class Answer(Struct):
    """What came of an operation."""

    fence: int = 0
    """Of the lease, after a `Reserve`."""
    refused: bool = False
    """The token may not be leased now, a quota would be passed, or a room is full."""
    rejected: bool = False
    """The lease had ended before (I3)."""
    unknown: bool = False
    """The day is new here: say what is stored of it."""
    leases: tuple[LeaseName, ...] = ()
    """Those that have expired (`Reap`), or had ended before (`Renew`)."""
    holder: str = ""
    """Who has a place, where there was none left; after an `Enter` as all below."""
    came: int = 0
    """How many were let in within the last minute."""
    reset_ms: int = 0
    wait_ms: int = 0
    ok: bool = False


class Batch(Struct):
    """What came of several operations."""

    number: int
    sequence: int
    change: int
    answers: list[Answer]
