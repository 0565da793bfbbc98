"""Queries about the files that clients uploaded (F-FILE-10)."""

from collections.abc import Collection, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, delete, func, insert, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.tables import files


class FileRow(Struct, frozen=True, kw_only=True):
    """One file as the index knows it; times are Unix milliseconds."""

    id: str
    owner: str
    """Id of the key that made it."""
    filename: str
    mime: str
    """As its first bytes show it."""
    purpose: str
    size: int
    """Bytes."""
    created_at: int
    expires_at: int | None
    """None: it stays until it is deleted."""


async def insert_file(connection: AsyncConnection, row: FileRow) -> None:
    """Add a file."""
    await connection.execute(insert(files).values(**asdict(row)))


async def find_file(
    connection: AsyncConnection, file_id: str, *, owner: str, now_ms: int
) -> FileRow | None:
    """Return a file of *owner*, or None when there is none or it has expired."""
    found = await connection.execute(
        select(files).where(files.c.id == file_id, files.c.owner == owner, _alive(now_ms))
    )
    row = found.mappings().one_or_none()
    return None if row is None else FileRow(**row)


async def list_files(
    connection: AsyncConnection,
    *,
    owner: str,
    now_ms: int,
    limit: int,
    order: Literal["asc", "desc"],
    purpose: str | None,
    after: FileRow | None,
) -> list[FileRow]:
    """Return at most *limit* files of *owner* by age, those that follow *after*."""
    place = tuple_(files.c.created_at, files.c.id)
    query = select(files).where(files.c.owner == owner, _alive(now_ms)).limit(limit)
    if purpose is not None:
        query = query.where(files.c.purpose == purpose)
    if after is not None:
        mark = tuple_(after.created_at, after.id)
        query = query.where(place > mark if order == "asc" else place < mark)
    ascending = order == "asc"
    query = query.order_by(
        files.c.created_at.asc() if ascending else files.c.created_at.desc(),
        files.c.id.asc() if ascending else files.c.id.desc(),
    )
    found = await connection.execute(query)
    return [FileRow(**row) for row in found.mappings()]


async def bytes_of_owner(connection: AsyncConnection, owner: str, *, now_ms: int) -> int:
    """Add up the sizes of the files of *owner*."""
    total = await connection.execute(
        select(func.coalesce(func.sum(files.c.size), 0)).where(
            files.c.owner == owner, _alive(now_ms)
        )
    )
    return int(total.scalar_one())


async def known_files(connection: AsyncConnection, ids: Collection[str]) -> set[str]:
    """Return those of *ids* that files have."""
    found = await connection.execute(select(files.c.id).where(files.c.id.in_(ids)))
    return set(found.scalars())


async def remove_files(connection: AsyncConnection, ids: Sequence[str]) -> int:
    """Forget files by id; return how many there were."""
    removed = await connection.execute(delete(files).where(files.c.id.in_(ids)))
    return removed.rowcount


async def files_of(connection: AsyncConnection, owner: str, *, limit: int) -> list[str]:
    """Return the ids of at most *limit* files of *owner*, expired ones too."""
    found = await connection.execute(select(files.c.id).where(files.c.owner == owner).limit(limit))
    return list(found.scalars())


async def expired_files(connection: AsyncConnection, *, now_ms: int, limit: int) -> list[str]:
    """Return the ids of at most *limit* files that have expired."""
    found = await connection.execute(
        select(files.c.id).where(files.c.expires_at <= now_ms).limit(limit)
    )
    return list(found.scalars())


def _alive(now_ms: int) -> ColumnElement[bool]:
    return or_(files.c.expires_at.is_(None), files.c.expires_at > now_ms)
