"""A chore as its row tells it: for other processes, and for long after its end."""

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from grokgate.chores import events
from grokgate.storage.chores import ChoreRow
from grokgate.upstream import Clock

LOST_AFTER_S: Final = 60.0
"""A process that has not been heard of for so long works on nothing any more (F-JOB-06)."""
LOST: Final = "The gateway that worked on it ended before it did; what was done stays done."


class Detail(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Column ``detail``."""

    tokens: tuple[str, ...] = ()
    """Short ids of the accounts, while it goes on."""
    warning: str | None = None
    error: str | None = None


Told: TypeAlias = tuple[events.Snapshot, events.Final | None]
"""How far it is, and how it ended if it has."""


class View(Struct, frozen=True, kw_only=True):
    """A chore in a list."""

    task_id: Annotated[str, Meta(examples=["job_4be1f0c24be1f0c24be1f0c24be1f0c2"])]
    kind: Annotated[str, Meta(examples=["refresh_usage"])]
    status: Annotated[str, Meta(examples=["running"])]
    """``running``, ``done``, ``error`` or ``cancelled``."""
    total: int
    processed: int
    ok: int
    fail: int
    warning: str | None
    error: str | None
    created_at_ms: int
    ended_at_ms: int | None
    actor: Annotated[
        str,
        Meta(
            description="Id of the session that started it, `password`, `command`; empty: unknown.",
            examples=["as_4be1f0c2"],
        ),
    ] = ""


def tokens_of(row: ChoreRow) -> tuple[str, ...]:
    """Return the accounts of a chore that goes on."""
    return msgspec.json.decode(row.detail, type=Detail).tokens


def view(row: ChoreRow, clock: Clock) -> View:
    """Return the line of a list for *row*."""
    snapshot, final = told(row, clock, None)
    return View(
        task_id=row.id,
        kind=row.kind,
        status=snapshot.status,
        total=row.total,
        processed=snapshot.processed,
        ok=row.ok,
        fail=row.failed,
        warning=snapshot.warning,
        error=final.error if isinstance(final, events.Failed) else None,
        created_at_ms=row.created_at,
        ended_at_ms=row.ended_at,
        actor=row.actor,
    )


def told(row: ChoreRow, clock: Clock, result: bytes | None) -> Told:
    """Return what a listener is told of *row*, which came to *result*; None: that is not known."""
    detail = msgspec.json.decode(row.detail, type=Detail)
    status, error = row.status, detail.error or LOST
    if row.goes_on:
        silent_ms = 1000 * clock.now().timestamp() - row.seen_at
        status = "error" if silent_ms > 1000 * LOST_AFTER_S else "running"
    counts: dict[str, Any] = {
        "task_id": row.id,
        "total": row.total,
        "processed": row.ok + row.failed,
        "ok": row.ok,
        "fail": row.failed,
    }
    snapshot = events.Snapshot(**counts, status=status, warning=detail.warning)
    match status:
        case "done":
            raw = _without_results(row) if result is None else Raw(result)
            return snapshot, events.Done(**counts, warning=detail.warning, result=raw)
        case "cancelled":
            return snapshot, events.Cancelled(**counts)
        case "error":
            return snapshot, events.Failed(**counts, error=error)
        case _:
            return snapshot, None


def _without_results(row: ChoreRow) -> Raw:
    summary = events.Summary(row.total, row.ok, row.failed)
    return Raw(msgspec.json.encode(events.Result(summary=summary, results={})))
