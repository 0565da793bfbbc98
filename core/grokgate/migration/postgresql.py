"""Reads a PostgreSQL database of tq or py2."""

import asyncio
from typing import Final

from grokgate.legacy.stores import Row
from grokgate.migration.found import Found
from grokgate.migration.servers import driver, refused
from grokgate.migration.tables import TABLES, found_in

_CONNECT_S: Final = 15
_QUERY_S: Final = 300


def read_postgresql(url: str) -> Found:
    """Read the tables at *url*, whose parameters are those of libpq.

    Raises:
        StartupError: The driver is missing, or the database cannot be read.
    """
    driver("asyncpg", extra="postgresql")
    return found_in("postgresql", asyncio.run(_tables(url)))


async def _tables(url: str) -> dict[str, list[Row]]:
    import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra, without types

    address = f"postgresql://{url.partition('://')[2]}"
    try:
        connection = await asyncpg.connect(address, timeout=_CONNECT_S, command_timeout=_QUERY_S)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return {
                    name: [dict(row) for row in await connection.fetch(f"SELECT * FROM {name}")]  # noqa: S608 - one of TABLES
                    for name in TABLES
                    if await connection.fetchval("SELECT to_regclass($1)", name) is not None
                }
        finally:
            await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        raise refused(url, error) from error
