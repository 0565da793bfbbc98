"""Queries about managed API keys, and about what they have used."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import delete, insert, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many, select_by_id
from grokgate.storage.objects import remove_objects_of
from grokgate.storage.replies import remove_replies_of
from grokgate.storage.tables import (
    files,
    idempotent_replies,
    key_usage,
    keys,
    media,
    objects,
)
from grokgate.storage.upsert import upsert

MANAGED: Final = "key_"
"""How ids of managed keys begin."""


class KeyRow(Struct, frozen=True, kw_only=True):
    """A managed key as it lies in the database; its clear text is nowhere."""

    id: str
    digest: bytes
    """Keyed digest of the clear text; unique."""
    prefix: str
    """First characters, to recognise it by."""
    name: str
    is_active: bool
    limits: bytes
    """JSON object: daily quotas by name."""
    created_at: int
    """Unix milliseconds."""
    terms: bytes | None = None
    """JSON object: what else limits it; None: nothing."""


class UsageRow(Struct, frozen=True):
    """What a key used of one daily quota."""

    key_id: str
    day: str
    """Such as ``2026-11-22``."""
    quota: str
    used: int


async def load_keys(connection: AsyncConnection) -> list[KeyRow]:
    """Return every key, oldest first."""
    rows = await connection.execute(_SELECT.order_by(keys.c.created_at, keys.c.id))
    return [KeyRow(**row) for row in rows.mappings()]


async def find_keys(connection: AsyncConnection, ids: Collection[str]) -> list[KeyRow]:
    """Return those of *ids* that there are, in no particular order."""
    names = KeyRow.__struct_fields__
    return await select_by_id(
        connection,
        _SELECT,
        keys.c.id,
        ids,
        lambda *row: KeyRow(**dict(zip(names, row, strict=True))),
    )


async def insert_key(connection: AsyncConnection, row: KeyRow) -> None:
    """Add a key; its id and digest must be new."""
    await connection.execute(insert(keys).values(**msgspec.structs.asdict(row), revision=1))


async def update_key(connection: AsyncConnection, row: KeyRow) -> None:
    """Overwrite a key but for its digest; an unknown id is passed over."""
    values = msgspec.structs.asdict(row)
    del values["id"], values["digest"]
    change = update(keys).where(keys.c.id == row.id)
    await connection.execute(change.values(**values, revision=keys.c.revision + 1))


async def remove_key(connection: AsyncConnection, key_id: str) -> None:
    """Remove a key with its usage, its objects and its recorded replies."""
    await connection.execute(delete(keys).where(keys.c.id == key_id))
    await connection.execute(delete(key_usage).where(key_usage.c.key_id == key_id))
    await remove_objects_of(connection, key_id)
    await remove_replies_of(connection, key_id)


async def orphaned_owners(connection: AsyncConnection) -> list[str]:
    """Return the ids of removed keys to which something still belongs."""
    owners = union(
        *(
            select(table.c.owner).where(table.c.owner.startswith(MANAGED, autoescape=True))
            for table in (objects, idempotent_replies, files, media)
        )
    ).subquery()
    orphans = select(owners.c.owner).where(owners.c.owner.not_in(select(keys.c.id)))
    return list((await connection.execute(orphans)).scalars())


async def load_usage(connection: AsyncConnection, days: Sequence[str]) -> list[UsageRow]:
    """Return what all keys used on *days*."""
    columns = [key_usage.c[name] for name in UsageRow.__struct_fields__]
    rows = await connection.execute(select(*columns).where(key_usage.c.day.in_(days)))
    return [UsageRow(*row) for row in rows]


async def add_usage(connection: AsyncConnection, more: Mapping[tuple[str, str, str], int]) -> None:
    """Add to what was used, by key id, day and quota; less than 0 was given back."""
    statement = upsert(connection, key_usage, add=["used"])
    rows = [
        {"key_id": key_id, "day": day, "quota": quota, "used": used}
        for (key_id, day, quota), used in more.items()
    ]
    await execute_many(connection, statement, rows)


async def prune_usage(connection: AsyncConnection, *, before: str) -> None:
    """Remove what was used on days before the one called *before*, or by keys that are gone.

    A request may outlive its key, and so may a count that was on its way to the database.
    """
    is_orphan = key_usage.c.key_id.not_in(select(keys.c.id))
    await connection.execute(delete(key_usage).where((key_usage.c.day < before) | is_orphan))


_SELECT = select(*(keys.c[name] for name in KeyRow.__struct_fields__))
