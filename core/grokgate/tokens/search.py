"""Finds tokens for a table: sorted, filtered and counted by the database, whatever their number.

What calls changed is found up to a quarter of a second late, what time changed up to a second more;
the rows themselves are shown as they are now.
"""

from collections.abc import Mapping
from contextlib import aclosing

from msgspec import Struct

from grokgate.storage import Database, listing
from grokgate.storage.listing import Column, Shown, Sums


class Found(Struct, frozen=True, kw_only=True):
    """A page of a table."""

    ids: list[str]
    total: int
    """Of all pages."""
    statuses: Mapping[str, int]
    """Tokens by status, as if no status were asked for."""


class Overview(Struct, frozen=True, kw_only=True):
    """All tokens that are not deleted."""

    counts: Mapping[tuple[str, str], int]
    """By pool and status."""
    sums: Sums


async def find_page(
    database: Database,
    shown: Shown,
    *,
    column: Column,
    descending: bool,
    page: int,
    page_size: int,
) -> Found:
    """Return a page, counted from 1.

    Raises:
        StoreUnavailable: The database cannot be read now.
    """
    async with database.read() as connection:
        statuses = await listing.count_by_status(connection, shown)
        ids = await listing.page_of_ids(
            connection,
            shown,
            column=column,
            descending=descending,
            offset=(page - 1) * page_size,
            limit=page_size,
        )
    total = statuses.get(shown.status, 0) if shown.status else sum(statuses.values())
    return Found(ids=ids, total=total, statuses=statuses)


async def look_over(database: Database) -> Overview:
    """Count and add up all tokens.

    Raises:
        StoreUnavailable: The database cannot be read now.
    """
    async with database.read() as connection:
        counts = await listing.count_all(connection)
        return Overview(counts=counts, sums=await listing.sum_up(connection))


async def find_ids(database: Database, shown: Shown) -> list[str]:
    """Return the ids of all tokens that are meant, in no particular order.

    Raises:
        StoreUnavailable: The database cannot be read now.
    """
    ids: list[str] = []
    async with database.read() as connection, aclosing(listing.read_ids(connection, shown)) as read:
        async for portion in read:
            ids += portion
    return ids
