"""Queries about stored pictures and videos: the index of the media folder (F-FILE-02, F-CACHE)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many
from grokgate.storage.tables import media

MediaKind: TypeAlias = Literal["image", "video"]


class MediaRow(Struct, frozen=True, kw_only=True):
    """One picture or video as the index knows it; times are Unix milliseconds."""

    name: str
    kind: MediaKind
    owner: str
    """Id of the key that caused it; empty: found in the folder."""
    mime: str
    size: int
    """Bytes."""
    created_at: int
    used_at: int
    kept_until: int | None = None
    """No limit removes it before."""


class MediaUsage(Struct, frozen=True, kw_only=True):
    """What one kind takes."""

    count: int = 0
    size: int = 0
    """Bytes of all."""
    removable: int = 0
    """Bytes of those that a limit may remove."""


async def insert_media(connection: AsyncConnection, rows: Sequence[MediaRow]) -> None:
    """Add *rows*."""
    await execute_many(connection, insert(media), [asdict(row) for row in rows])


async def find_media(connection: AsyncConnection, name: str) -> MediaRow | None:
    """Return the row called *name*."""
    found = await connection.execute(select(media).where(media.c.name == name))
    row = found.mappings().one_or_none()
    return None if row is None else MediaRow(**row)


async def names_of_media(connection: AsyncConnection) -> set[str]:
    """Return the names of all rows."""
    return set((await connection.execute(select(media.c.name))).scalars())


async def known_media(connection: AsyncConnection, names: Collection[str]) -> set[str]:
    """Return those of *names* that rows have."""
    found = await connection.execute(select(media.c.name).where(media.c.name.in_(names)))
    return set(found.scalars())


async def list_media(
    connection: AsyncConnection, kind: MediaKind, *, offset: int, limit: int
) -> list[MediaRow]:
    """Return the rows of a kind, the newest first."""
    found = await connection.execute(
        select(media)
        .where(media.c.kind == kind)
        .order_by(media.c.created_at.desc(), media.c.name)
        .offset(offset)
        .limit(limit)
    )
    return [MediaRow(**row) for row in found.mappings()]


async def named_media(
    connection: AsyncConnection, kind: MediaKind, names: Collection[str]
) -> list[MediaRow]:
    """Return those rows of a kind that are called one of *names*."""
    found = await connection.execute(
        select(media).where(media.c.kind == kind, media.c.name.in_(names))
    )
    return [MediaRow(**row) for row in found.mappings()]


async def media_of(connection: AsyncConnection, owner: str, *, limit: int) -> list[MediaRow]:
    """Return at most *limit* rows of *owner*."""
    found = await connection.execute(select(media).where(media.c.owner == owner).limit(limit))
    return [MediaRow(**row) for row in found.mappings()]


async def remove_media(connection: AsyncConnection, names: Collection[str]) -> None:
    """Forget rows by name; what is not there is passed over."""
    await connection.execute(delete(media).where(media.c.name.in_(names)))


async def note_uses(connection: AsyncConnection, used_at: Mapping[str, int]) -> None:
    """Set when rows were last used, by name."""
    statement = (
        update(media).where(media.c.name == bindparam("b_name")).values(used_at=bindparam("b_at"))
    )
    values = [{"b_name": name, "b_at": at} for name, at in used_at.items()]
    await execute_many(connection, statement, values)


async def media_usage(connection: AsyncConnection, *, now_ms: int) -> dict[MediaKind, MediaUsage]:
    """Add up what each kind takes; kinds without any row are missing."""
    removable = case((_removable(now_ms), media.c.size), else_=0)
    found = await connection.execute(
        select(media.c.kind, func.count(), func.sum(media.c.size), func.sum(removable)).group_by(
            media.c.kind
        )
    )
    return {
        kind: MediaUsage(count=count, size=int(size), removable=int(free))
        for kind, count, size, free in found
    }


async def removable_media(
    connection: AsyncConnection,
    kinds: Sequence[MediaKind],
    *,
    created_before_ms: int,
    now_ms: int,
    limit: int,
) -> list[MediaRow]:
    """Return at most *limit* rows that a limit may remove, the longest unused first."""
    found = await connection.execute(
        select(media)
        .where(media.c.kind.in_(kinds), media.c.created_at < created_before_ms, _removable(now_ms))
        .order_by(media.c.used_at, media.c.name)
        .limit(limit)
    )
    return [MediaRow(**row) for row in found.mappings()]


def _removable(now_ms: int) -> ColumnElement[bool]:
    return or_(media.c.kept_until.is_(None), media.c.kept_until <= now_ms)
