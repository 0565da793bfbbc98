"""A token as the shared ledger keeps it: `Entry` to row and back.

Times in a row are Unix milliseconds of the server's clock; those of an entry are monotonic seconds
of this process. A `Moment` whose milliseconds are the server's translates between them.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Holding, Moment, wall_ms
from grokgate.tokens.record import Status
from grokgate.upstream import Tier


class HoldingRow(Struct, omit_defaults=True):
    """A `Holding`."""

    base: int = 0
    known: bool = False
    spent: int = 0
    open: int = 0
    recent: tuple[tuple[int, int], ...] = ()
    counted: int = 0
    granted: int = 0
    settled: int = 0
    refunded: int = 0
    expired: int = 0
    total: int | None = None
    window_s: int | None = None
    refill_at_ms: int | None = None
    blind: bool = False
    synced_at_ms: int | None = None
    source: Literal["default", "real", "estimated"] = "default"


class LeaseRow(Struct, omit_defaults=True):
    """An open lease."""

    parts: Mapping[str, int] = {}
    cost: int = 0
    sent: bool = False


class Row(Struct, omit_defaults=True):
    """A token, with the open leases of all processes."""

    revision: int = 0
    """Number of the change that made it; grows over all rows. 0: it is as it was stored."""
    assumed: Mapping[str, int] = {}
    held: Mapping[str, HoldingRow] = {}
    leases: dict[str, LeaseRow] = {}
    """By fence."""
    inflight: int = 0
    bar: int = 0
    status: Status = "active"
    since_ms: int | None = None
    evidence: str | None = None
    reason: str | None = None
    fence: int = 0
    last_used_at_ms: int | None = None
    surveys: int = 0
    use_count: int = 0
    consumed: int = 0
    tier: Tier | None = None
    cool_until_ms: int | None = None
    cool_level: int = 0
    faults: int = 0
    fail_count: int = 0
    last_fail_at_ms: int | None = None
    last_fail_reason: str | None = None
    last_sync_at_ms: int | None = None
    sync_count: int = 0
    kept: Mapping[str, str] = {}
    gone: bool = False
    record: int = 0
    """Revision of the record that it was told of last: what operators decided before is over."""


_SAME = tuple(
    name for name in Row.__struct_fields__ if name in Entry.__struct_fields__ and name != "held"
)
_SAME_OF_HOLDING = tuple(name for name in Holding.__struct_fields__ if name != "refill_at")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Row)


def pack(row: Row) -> bytes:
    """Encode *row* as scripts read it."""
    return _encoder.encode(row)


def unpack(packed: bytes) -> Row:
    """Decode a row."""
    return _decoder.decode(packed)


def to_row(entry: Entry, leases: Mapping[str, LeaseRow], at: Moment) -> Row:
    """Return the row of *entry* in which exactly *leases* are open.

    What the entry has open beyond them counts as expired, so that no unit gets lost (I1).
    """
    row = Row(
        assumed=entry.pool.assumed,
        leases=dict(leases),
        cool_until_ms=wall_ms(entry.cool_until, at),
        **{name: getattr(entry, name) for name in _SAME},
    )
    row.inflight = len(leases)
    row.held = {name: _to_holding_row(one, name, row, at) for name, one in entry.look().items()}
    return row


def holding_row(holding: Holding, at: Moment) -> HoldingRow:
    """Return the row of *holding*."""
    same = {name: getattr(holding, name) for name in _SAME_OF_HOLDING}
    return HoldingRow(refill_at_ms=wall_ms(holding.refill_at, at), **same)


def take_over(entry: Entry, row: Row, at: Moment) -> None:
    """Make *entry* what *row* says, but for its bar and status, which concern its pool too."""
    entry.inflight, entry.since_ms, entry.evidence = row.inflight, row.since_ms, row.evidence
    entry.fence, entry.last_used_at_ms = row.fence, row.last_used_at_ms
    entry.surveys, entry.use_count, entry.consumed = row.surveys, row.use_count, row.consumed
    entry.tier, entry.kept = row.tier, row.kept
    entry.cool_level, entry.faults, entry.fail_count = row.cool_level, row.faults, row.fail_count
    entry.last_fail_at_ms, entry.last_fail_reason = row.last_fail_at_ms, row.last_fail_reason
    entry.last_sync_at_ms, entry.sync_count = row.last_sync_at_ms, row.sync_count
    # A bucket that a call of ours has just touched may be missing in a row from before that.
    fresh = {name: entry.pool.fresh(name) for name in entry.held if name not in row.held}
    entry.held = {**fresh, **{name: _to_holding(one, at) for name, one in row.held.items()}}


def to_s(at_ms: int | None, at: Moment) -> float | None:
    """Return a time of the server in this process's monotonic seconds; None stays None."""
    return None if at_ms is None else at.s + (at_ms - at.ms) / 1000


def _to_holding_row(holding: Holding, name: str, row: Row, at: Moment) -> HoldingRow:
    one = holding_row(holding, at)
    one.open = sum(lease.parts.get(name, 0) for lease in row.leases.values())
    one.expired += holding.open - one.open
    return one


def _to_holding(row: HoldingRow, at: Moment) -> Holding:
    return Holding(
        row.base,
        row.known,
        row.spent,
        row.open,
        row.recent,
        row.counted,
        row.granted,
        row.settled,
        row.refunded,
        row.expired,
        row.total,
        row.window_s,
        to_s(row.refill_at_ms, at),
        row.blind,
        row.synced_at_ms,
        row.source,
    )
