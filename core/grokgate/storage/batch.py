"""Moves many rows in portions, so that neither the event loop nor the memory is held up."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Executable, Select
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

ROWS: Final = 500
"""Preparing this many takes some 10 ms, during which nothing else runs."""
_ROWS_READ: Final = 2000
"""Reading this many keeps the loop for some 5 ms; the driver fetches them in its own thread."""


async def execute_many(
    connection: AsyncConnection, statement: Executable, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute *statement* once per row, in portions; all in the transaction of *connection*."""
    for start in range(0, len(rows), ROWS):
        await connection.execute(statement, rows[start : start + ROWS])


async def select_many(
    connection: AsyncConnection, statement: Select[Any], make: Callable[..., T]
) -> AsyncGenerator[list[T], None]:
    """Yield the rows of *statement* in portions, made by *make* from the values of the columns.

    Close it (`contextlib.aclosing`) if you may leave before its end.
    """
    async with connection.stream(statement, execution_options={"yield_per": _ROWS_READ}) as result:
        async for rows in result.partitions():
            yield [make(*row) for row in rows]


async def select_by_id(
    connection: AsyncConnection,
    statement: Select[Any],
    column: ColumnElement[str],
    ids: Collection[str],
    make: Callable[..., T],
) -> list[T]:
    """Return the rows of *statement* whose *column* is one of *ids*, made by *make*."""
    found: list[T] = []
    wanted = list(ids)
    for start in range(0, len(wanted), ROWS):
        portion = statement.where(column.in_(wanted[start : start + ROWS]))
        found += [make(*row) for row in await connection.execute(portion)]
    return found
