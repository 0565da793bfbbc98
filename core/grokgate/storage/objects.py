"""Queries about what plugins keep for clients.

Values may be large: only `find_object` and `list_objects` read any.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, ScalarSelect, and_, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.tables import object_values, objects
from grokgate.storage.upsert import upsert


class Shelf(Struct, frozen=True):
    """What one owner keeps in one plugin."""

    namespace: str
    owner: str


class ObjectRow(Struct, frozen=True, kw_only=True):
    """An object as it lies in the database, without its value."""

    identity: bytes
    """Keyed digest of namespace, owner and key; unique."""
    namespace: str
    """Name of the plugin."""
    owner: str
    """Id of the client's key."""
    size: int
    """Bytes of the value before it was sealed."""
    expires_at: int
    """Unix milliseconds."""


async def put_object(
    connection: AsyncConnection, row: ObjectRow, sealed: bytes, *, keep_turn: bool = False
) -> None:
    """Keep an object as the newest of its shelf, in place of one of the same identity.

    Args:
        connection: May write.
        row: The object.
        sealed: Its value; opened by the vault under the context ``object:<identity in hex>``.
        keep_turn: One that is replaced hands its turn on.
    """
    shelf = Shelf(row.namespace, row.owner)
    changed = ("size", "expires_at") if keep_turn else ("turn", "size", "expires_at")
    kept = upsert(connection, objects, replace=changed)
    await connection.execute(kept.values(**msgspec.structs.asdict(row), turn=_next_turn(shelf)))
    value = upsert(connection, object_values, replace=["sealed"])
    await connection.execute(value.values(identity=row.identity, sealed=sealed))


async def find_object(connection: AsyncConnection, identity: bytes, *, now_ms: int) -> bytes | None:
    """Return the sealed value under *identity*, or None when there is none or it has expired."""
    found = (
        select(object_values.c.sealed)
        .join_from(objects, object_values)
        .where(objects.c.identity == identity, objects.c.expires_at > now_ms)
    )
    return (await connection.execute(found)).scalar()


async def list_objects(
    connection: AsyncConnection,
    shelf: Shelf,
    *,
    now_ms: int,
    limit: int,
    newest_first: bool,
    after: bytes | None,
) -> list[tuple[bytes, bytes]]:
    """Return identities and sealed values of a shelf by turn, those that follow *after*."""
    by_turn = objects.c.turn.desc() if newest_first else objects.c.turn
    found = (
        select(objects.c.identity, object_values.c.sealed)
        .join_from(objects, object_values)
        .where(_on(shelf), objects.c.expires_at > now_ms)
        .order_by(by_turn)
        .limit(limit)
    )
    if after is not None:
        mark = select(objects.c.turn).where(objects.c.identity == after).scalar_subquery()
        found = found.where(objects.c.turn < mark if newest_first else objects.c.turn > mark)
    return [(identity, sealed) for identity, sealed in await connection.execute(found)]


async def touch_objects(
    connection: AsyncConnection,
    shelf: Shelf,
    identities: Sequence[bytes],
    *,
    now_ms: int,
    expires_at: int,
) -> None:
    """Make objects the newest of their shelf, and let none of them expire before *expires_at*."""
    later = case((objects.c.expires_at < expires_at, expires_at), else_=objects.c.expires_at)
    await connection.execute(
        update(objects)
        .where(objects.c.identity.in_(identities), objects.c.expires_at > now_ms)
        .values(turn=_next_turn(shelf), expires_at=later)
    )


async def remove_object(connection: AsyncConnection, identity: bytes, *, now_ms: int) -> bool:
    """Remove an object; return whether there was one that had not expired."""
    removed = await connection.execute(
        delete(objects).where(objects.c.identity == identity).returning(objects.c.expires_at)
    )
    expires_at = removed.scalar()
    return expires_at is not None and expires_at > now_ms


async def remove_excess(
    connection: AsyncConnection, shelf: Shelf, *, keep: bytes, most_bytes: int, now_ms: int
) -> None:
    """Remove objects of a shelf until the values of the others have at most *most_bytes*.

    Expired ones go first, then the oldest; the object *keep* stays in any case.
    """
    newest_first = (objects.c.expires_at <= now_ms, objects.c.turn.desc(), objects.c.identity)
    held = select(
        objects.c.identity, func.sum(objects.c.size).over(order_by=newest_first).label("bytes")
    )
    ranked = held.where(_on(shelf)).subquery()
    excess = select(ranked.c.identity).where(ranked.c.bytes > most_bytes)
    await connection.execute(
        delete(objects).where(objects.c.identity.in_(excess), objects.c.identity != keep)
    )


async def remove_expired_objects(connection: AsyncConnection, *, now_ms: int, limit: int) -> int:
    """Remove at most *limit* expired objects, the oldest first; return how many it were."""
    expired = (
        select(objects.c.identity)
        .where(objects.c.expires_at <= now_ms)
        .order_by(objects.c.expires_at)
        .limit(limit)
    )
    removed = await connection.execute(delete(objects).where(objects.c.identity.in_(expired)))
    return removed.rowcount


async def remove_objects_of(connection: AsyncConnection, owner: str) -> None:
    """Remove every object of *owner*, whatever plugin kept it."""
    await connection.execute(delete(objects).where(objects.c.owner == owner))


def _next_turn(shelf: Shelf) -> ScalarSelect[int]:
    """Count on from the newest of a shelf: a clock may stand still or go back."""
    newest = func.coalesce(func.max(objects.c.turn), 0)
    return select(newest + 1).where(_on(shelf)).scalar_subquery()


def _on(shelf: Shelf) -> ColumnElement[bool]:
    return and_(objects.c.namespace == shelf.namespace, objects.c.owner == shelf.owner)
