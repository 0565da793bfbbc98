"""Queries about what a table of tokens is sorted, filtered and searched by."""

from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, and_, bindparam, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many, select_many
from grokgate.storage.tables import token_listing as listing
from grokgate.storage.tables import tokens

Column: TypeAlias = Literal[
    "id",
    "pool",
    "status",
    "quota",
    "image_quota",
    "heavy_quota",
    "use_count",
    "fail_count",
    "last_used_at",
    "last_sync_at",
    "created_at",
    "note",
    "tags",
]
"""What a table may be sorted by."""
COLUMNS: Final[tuple[Column, ...]] = get_args(Column)
_USABLE: Final = ("active", "cooling")
_STATUSES: Final = (*_USABLE, "expired", "disabled")


class StateListing(Struct, frozen=True, gc=False):
    """The part of a row that calls change. Times are Unix milliseconds."""

    id: str
    status: str
    quota: int
    """Units left; −1: unknown."""
    image_quota: int
    heavy_quota: int
    use_count: int
    fail_count: int
    last_used_at: int | None
    last_sync_at: int | None


class ListingRow(StateListing, frozen=True, gc=False):
    """A row of the table."""

    pool: str
    is_deleted: bool
    created_at: int
    note: str
    labels: str
    """Each tag between line breaks."""
    found_by: str
    """All that is searched, in lower case."""


class Shown(Struct, frozen=True, kw_only=True):
    """Which tokens are meant; what is None is not asked for."""

    pool: str | None = None
    status: str | None = None
    tag: str | None = None
    without_tag: str | None = None
    q: str | None = None
    """Part of the id, the end of the credential, the note or a tag; capitals do not matter."""
    deleted: bool = False
    """True: of the deleted ones."""

    @property
    def reads_rows(self) -> bool:
        """Whether the index does not suffice."""
        return any((self.tag, self.without_tag, self.q))


class Sums(Struct, frozen=True, kw_only=True):
    """What usable tokens have left, as far as it is known, and what all of them did."""

    quota: int
    image_quota: int
    heavy_quota: int
    use_count: int


async def insert_listing(connection: AsyncConnection, rows: Sequence[ListingRow]) -> None:
    """Add rows; their tokens must be there."""
    await execute_many(connection, insert(listing), [msgspec.structs.asdict(row) for row in rows])


async def update_listing(connection: AsyncConnection, rows: Sequence[ListingRow]) -> None:
    """Overwrite rows."""
    await execute_many(connection, _UPDATE, [_parameters(row) for row in rows])


async def update_listed_states(connection: AsyncConnection, rows: Sequence[StateListing]) -> None:
    """Overwrite what calls change; rows of erased tokens are passed over."""
    await execute_many(connection, _UPDATE_STATE, [_parameters(row) for row in rows])


async def unlisted(connection: AsyncConnection) -> list[str]:
    """Return the ids of tokens that a program without this table left."""
    missing = select(tokens.c.id).outerjoin(listing).where(listing.c.id.is_(None))
    return list((await connection.execute(missing)).scalars())


async def page_of_ids(
    connection: AsyncConnection,
    shown: Shown,
    *,
    column: Column,
    descending: bool,
    offset: int,
    limit: int,
) -> list[str]:
    """Return the ids of a page; what has no value comes last, equal values are sorted by id."""
    value = listing.c["labels" if column == "tags" else column]
    order = value.desc() if descending else value.asc()
    query = (
        select(listing.c.id)
        .where(*_conditions(shown))
        .order_by(order.nulls_last(), listing.c.id)
        .offset(offset)
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


def read_ids(connection: AsyncConnection, shown: Shown) -> AsyncGenerator[list[str], None]:
    """Yield the ids of all tokens that are meant, in portions and no particular order."""
    return select_many(connection, select(listing.c.id).where(*_conditions(shown)), str)


async def count_by_status(connection: AsyncConnection, shown: Shown) -> dict[str, int]:
    """Count the tokens that are meant, by status; `Shown.status` is not looked at."""
    status = listing.c.status
    conditions = _conditions(msgspec.structs.replace(shown, status=None))
    if shown.reads_rows:
        # Each row once, unsorted; grouping would sort them.
        counted = (func.count().filter(status == one) for one in _STATUSES)
        counts = (await connection.execute(select(*counted).where(*conditions))).one()
        return dict(zip(_STATUSES, counts, strict=True))
    query = select(status, func.count()).where(*conditions).group_by(listing.c.pool, status)
    sums: Counter[str] = Counter()
    for name, count in await connection.execute(query):
        sums[name] += count
    return sums


async def count_all(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """Count the tokens that are not deleted, by pool and status."""
    pool, status = listing.c.pool, listing.c.status
    query = select(pool, status, func.count()).where(*_conditions(Shown())).group_by(pool, status)
    return {(pool, status): count for pool, status, count in await connection.execute(query)}


async def sum_up(connection: AsyncConnection) -> Sums:
    """Add up all tokens that are not deleted; expired and disabled ones have nothing left."""
    usable = listing.c.status.in_(_USABLE)
    known = [listing.c.quota, listing.c.image_quota, listing.c.heavy_quota]
    query = select(
        *(
            func.coalesce(func.sum(case((and_(usable, left > 0), left), else_=0)), 0)
            for left in known
        ),
        func.coalesce(func.sum(listing.c.use_count), 0),
    ).where(*_conditions(Shown()))
    sums = (await connection.execute(query)).one()
    return Sums(**dict(zip(Sums.__struct_fields__, map(int, sums), strict=True)))


def _conditions(shown: Shown) -> list[ColumnElement[bool]]:
    deleted = listing.c.is_deleted
    conditions = [deleted if shown.deleted else ~deleted]
    if shown.pool is not None:
        conditions.append(listing.c.pool == shown.pool)
    if shown.status is not None:
        conditions.append(listing.c.status == shown.status)
    if shown.tag is not None:
        conditions.append(_has_tag(shown.tag))
    if shown.without_tag is not None:
        conditions.append(~_has_tag(shown.without_tag))
    if shown.q:
        conditions.append(listing.c.found_by.contains(shown.q.lower(), autoescape=True))
    return conditions


def _has_tag(tag: str) -> ColumnElement[bool]:
    return listing.c.labels.contains(f"\n{tag.lower()}\n", autoescape=True)


def _parameters(row: StateListing) -> Mapping[str, Any]:
    values = msgspec.structs.asdict(row)
    values["row_id"] = values.pop("id")
    return values


def _bound(names: Collection[str]) -> Mapping[str, Any]:
    return {name: bindparam(name) for name in names if name != "id"}


_THIS = listing.c.id == bindparam("row_id")
_UPDATE = update(listing).where(_THIS).values(_bound(ListingRow.__struct_fields__))
_UPDATE_STATE = update(listing).where(_THIS).values(_bound(StateListing.__struct_fields__))
