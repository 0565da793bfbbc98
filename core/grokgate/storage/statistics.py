"""Queries about the number of requests per hour and per day (F-LOG-03)."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many
from grokgate.storage.tables import statistics
from grokgate.storage.upsert import upsert

Span: TypeAlias = Literal["hour", "day"]
Slot: TypeAlias = tuple[Span, int, str]
"""Span, Unix milliseconds of its beginning, model; an empty model stands for all together."""


class Numbers(Struct, kw_only=True):
    """Requests of one slot."""

    total: int = 0
    success: int = 0
    failed: int = 0
    units: int = 0
    """Charged to accounts."""

    def add(self, other: "Numbers") -> None:
        """Count those of *other* as well."""
        self.total += other.total
        self.success += other.success
        self.failed += other.failed
        self.units += other.units


async def add_numbers(connection: AsyncConnection, counted: Mapping[Slot, Numbers]) -> None:
    """Add to what is stored; several processes may do so for the same slots."""
    statement = upsert(connection, statistics, add=Numbers.__struct_fields__)
    rows = [
        {"span": span, "begins_at": begins_at, "model": model, **asdict(numbers)}
        for (span, begins_at, model), numbers in counted.items()
    ]
    await execute_many(connection, statement, rows)


async def read_numbers(
    connection: AsyncConnection, span: Span, *, since_ms: int
) -> dict[int, Numbers]:
    """Return the numbers of all requests together, by the beginning of their slot."""
    rows = await connection.execute(
        select(statistics.c.begins_at, *_NUMBERS).where(
            statistics.c.span == span,
            statistics.c.begins_at >= since_ms,
            statistics.c.model == "",
        )
    )
    return {begins_at: _numbers(*counted) for begins_at, *counted in rows}


async def read_models(
    connection: AsyncConnection, span: Span, *, since_ms: int
) -> dict[tuple[int, str], Numbers]:
    """Return the numbers of each model, by the beginning of their slot."""
    rows = await connection.execute(
        select(statistics.c.begins_at, statistics.c.model, *_NUMBERS).where(
            statistics.c.span == span,
            statistics.c.begins_at >= since_ms,
            statistics.c.model != "",
        )
    )
    return {(begins_at, model): _numbers(*counted) for begins_at, model, *counted in rows}


async def top_models(
    connection: AsyncConnection, span: Span, *, since_ms: int, most: int
) -> list[tuple[str, int]]:
    """Return models and their numbers of requests, most often called first."""
    total = func.sum(statistics.c.total)
    rows = await connection.execute(
        select(statistics.c.model, total)
        .where(
            statistics.c.span == span,
            statistics.c.begins_at >= since_ms,
            statistics.c.model != "",
        )
        .group_by(statistics.c.model)
        .order_by(total.desc(), statistics.c.model)
        .limit(most)
    )
    return [(model, int(count)) for model, count in rows]


async def was_any_answered(connection: AsyncConnection) -> bool:
    """Tell whether some request that called a model succeeded, as far as days are kept."""
    query = select(
        exists().where(
            statistics.c.span == "day", statistics.c.model != "", statistics.c.success > 0
        )
    )
    return bool((await connection.execute(query)).scalar_one())


async def prune_numbers(connection: AsyncConnection, span: Span, *, before_ms: int) -> None:
    """Remove slots that began earlier."""
    await connection.execute(
        delete(statistics).where(statistics.c.span == span, statistics.c.begins_at < before_ms)
    )


_NUMBERS = [statistics.c[name] for name in Numbers.__struct_fields__]


def _numbers(total: int, success: int, failed: int, units: int) -> Numbers:
    return Numbers(total=total, success=success, failed=failed, units=units)
