"""Queries about chores: work on many accounts that an operator started (F-JOB)."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import bindparam, case, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many
from grokgate.storage.tables import chore_results, chores
from grokgate.storage.upsert import upsert

RUNNING: Final = "running"
CANCELLING: Final = "cancelling"
"""Somebody wants it to end, and whoever works on it has not ended it yet."""
_GOING_ON: Final = (RUNNING, CANCELLING)


class ChoreRow(Struct, frozen=True, kw_only=True):
    """A chore as it lies in the database. Times are Unix milliseconds."""

    id: str
    kind: str
    status: str
    """`RUNNING` or `CANCELLING`, then ``done``, ``cancelled`` or ``error``."""
    total: int
    ok: int
    failed: int
    detail: bytes
    """JSON: `grokgate.chores.record.Detail`."""
    holder: str
    """The process that works on it."""
    created_at: int
    seen_at: int
    """When its holder last said that it works on it."""
    ended_at: int | None = None
    actor: str = ""
    """Who started it, as in the audit trail; empty: nobody knows."""

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended yet, as far as the row tells."""
        return self.status in _GOING_ON


class ChoreResult(Struct, frozen=True, kw_only=True):
    """What a chore came to; both are JSON."""

    result: bytes | None = None
    """None: there is none, or it was too large to be kept."""
    failures: bytes = b"[]"
    """A list of `grokgate.chores.events.Failure`."""


class Progress(Struct, frozen=True):
    """How far a chore has come."""

    id: str
    ok: int
    failed: int


async def insert_chore(connection: AsyncConnection, row: ChoreRow) -> None:
    """Add a chore."""
    await connection.execute(insert(chores).values(**asdict(row)))


async def find_chore(connection: AsyncConnection, chore_id: str) -> ChoreRow | None:
    """Return a chore; None: there is none with this id."""
    found = await connection.execute(select(chores).where(chores.c.id == chore_id))
    row = found.mappings().one_or_none()
    return None if row is None else ChoreRow(**row)


async def find_result(connection: AsyncConnection, chore_id: str) -> ChoreResult:
    """Return what a chore came to, as far as that is kept."""
    query = select(chore_results.c.result, chore_results.c.failures)
    found = await connection.execute(query.where(chore_results.c.id == chore_id))
    row = found.mappings().one_or_none()
    return ChoreResult() if row is None else ChoreResult(**row)


async def list_chores(connection: AsyncConnection, *, limit: int) -> list[ChoreRow]:
    """Return the last *limit* chores, newest first; of those that go on without their detail.

    That names their accounts, which may be many.
    """
    detail = case((chores.c.status.in_(_GOING_ON), literal(b"{}")), else_=chores.c.detail)
    others = (column for column in chores.c if column is not chores.c.detail)
    query = (
        select(*others, detail.label("detail"))
        .order_by(chores.c.created_at.desc(), chores.c.id)
        .limit(limit)
    )
    return [ChoreRow(**row) for row in (await connection.execute(query)).mappings()]


async def count_chores(connection: AsyncConnection, *, seen_after_ms: int) -> int:
    """Count the chores that processes work on which were heard of since."""
    # The status comes first: of rows that have ended no later column is read, nor their results.
    query = select(func.count()).where(
        chores.c.status.in_(_GOING_ON), chores.c.seen_at > seen_after_ms
    )
    return (await connection.execute(query)).scalar_one()


async def foreign_chores(
    connection: AsyncConnection, kind: str, *, holder: str, seen_after_ms: int
) -> list[ChoreRow]:
    """Return the chores of a kind that processes other than *holder* work on."""
    query = select(chores).where(
        chores.c.kind == kind,
        chores.c.status.in_(_GOING_ON),
        chores.c.holder != holder,
        chores.c.seen_at > seen_after_ms,
    )
    return [ChoreRow(**row) for row in (await connection.execute(query)).mappings()]


async def touch_chores(
    connection: AsyncConnection, progress: Sequence[Progress], *, now_ms: int
) -> set[str]:
    """Write how far chores have come; return the ids of those that somebody wants to end."""
    rows = [{"row_id": one.id, "ok": one.ok, "failed": one.failed} for one in progress]
    await execute_many(connection, _TOUCH, [{**row, "seen_at": now_ms} for row in rows])
    ids = [one.id for one in progress]
    found = await connection.execute(
        select(chores.c.id).where(chores.c.id.in_(ids), chores.c.status == CANCELLING)
    )
    return set(found.scalars())


async def end_chore(
    connection: AsyncConnection,
    progress: Progress,
    *,
    status: str,
    detail: bytes,
    result: ChoreResult,
    now_ms: int,
) -> None:
    """Write how a chore ended, and what it came to."""
    await connection.execute(
        update(chores)
        .where(chores.c.id == progress.id)
        .values(
            status=status,
            ok=progress.ok,
            failed=progress.failed,
            detail=detail,
            seen_at=now_ms,
            ended_at=now_ms,
        )
    )
    statement = upsert(connection, chore_results, replace=ChoreResult.__struct_fields__)
    await connection.execute(statement.values(id=progress.id, **asdict(result)))


async def want_end(connection: AsyncConnection, chore_id: str) -> None:
    """Ask whoever works on a chore to end it; one that has ended stays as it is."""
    await connection.execute(
        update(chores)
        .where(chores.c.id == chore_id, chores.c.status == RUNNING)
        .values(status=CANCELLING)
    )


async def end_abandoned(
    connection: AsyncConnection, *, seen_before_ms: int, detail: bytes, now_ms: int
) -> int:
    """End the chores whose process has not been heard of since, as errors; return how many."""
    ended = await connection.execute(
        update(chores)
        .where(chores.c.status.in_(_GOING_ON), chores.c.seen_at < seen_before_ms)
        .values(status="error", detail=detail, ended_at=now_ms)
    )
    return ended.rowcount


async def prune_chores(connection: AsyncConnection, *, before_ms: int) -> None:
    """Remove the chores that ended before."""
    await connection.execute(delete(chores).where(chores.c.ended_at < before_ms))


_TOUCH = (
    update(chores)
    .where(chores.c.id == bindparam("row_id"))
    .values(ok=bindparam("ok"), failed=bindparam("failed"), seen_at=bindparam("seen_at"))
)
