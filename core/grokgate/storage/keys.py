"""Queries about managed API keys."""

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.tables import keys


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


async def load_keys(connection: AsyncConnection) -> list[KeyRow]:
    """Return every key, oldest first."""
    rows = await connection.execute(select(keys).order_by(keys.c.created_at, keys.c.id))
    return [
        KeyRow(**{name: row[name] for name in KeyRow.__struct_fields__}) for row in rows.mappings()
    ]


async def insert_key(connection: AsyncConnection, row: KeyRow) -> None:
    """Add a key; its id and digest must be new."""
    await connection.execute(insert(keys).values(**msgspec.structs.asdict(row), revision=1))


async def set_key_active(connection: AsyncConnection, key_id: str, *, active: bool) -> None:
    """Switch a key on or off; an unknown id is passed over."""
    change = update(keys).where(keys.c.id == key_id)
    await connection.execute(change.values(is_active=active, revision=keys.c.revision + 1))
