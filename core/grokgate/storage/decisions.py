"""Queries about calls that were kept with their decisions, so that they can be explained later."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many
from grokgate.storage.tables import decisions


class DecisionRow(Struct, frozen=True, kw_only=True):
    """One call with its attempts and decisions as they lie in the database."""

    id: str
    request_id: str
    at_ms: int
    """Unix milliseconds of its end."""
    outcome: str
    detail: bytes
    """JSON."""


async def write_decisions(connection: AsyncConnection, rows: Sequence[DecisionRow]) -> None:
    """Add *rows*."""
    await execute_many(connection, insert(decisions), [asdict(row) for row in rows])


async def find_decisions(
    connection: AsyncConnection, request_id: str, *, limit: int
) -> list[DecisionRow]:
    """Return the last *limit* calls of a request, oldest first."""
    found = await connection.execute(
        select(decisions)
        .where(decisions.c.request_id == request_id)
        .order_by(decisions.c.at_ms.desc())
        .limit(limit)
    )
    return [DecisionRow(**row) for row in reversed(found.mappings().all())]


async def prune_decisions(connection: AsyncConnection, *, before_ms: int, most: int) -> None:
    """Remove what is older than *before_ms*, and all but the youngest *most*."""
    await connection.execute(delete(decisions).where(decisions.c.at_ms < before_ms))
    count = (await connection.execute(select(func.count()).select_from(decisions))).scalar_one()
    if count > most:
        oldest = select(decisions.c.id).order_by(decisions.c.at_ms).limit(count - most)
        await connection.execute(delete(decisions).where(decisions.c.id.in_(oldest)))
