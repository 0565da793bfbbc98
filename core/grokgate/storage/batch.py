"""Runs one statement for many rows without holding up the event loop."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

ROWS: Final = 500
"""Preparing this many takes some 10 ms, during which nothing else runs."""


async def execute_many(
    connection: AsyncConnection, statement: Executable, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Execute *statement* once per row, in portions; all in the transaction of *connection*."""
    for start in range(0, len(rows), ROWS):
        await connection.execute(statement, rows[start : start + ROWS])
