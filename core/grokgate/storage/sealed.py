"""Queries about everything that the vault sealed, for giving it another key (F-STO-10)."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import Column, Table, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.batch import execute_many
from grokgate.storage.meta import bound_key
from grokgate.storage.tables import idempotent_replies, object_values, stored_settings, tokens
from grokgate.vault import Vault

Sealed: TypeAlias = Literal["tokens", "replies", "objects", "settings"]
"""What is sealed."""


class SealedRow(Struct, frozen=True):
    """One row with something sealed."""

    key: str | bytes
    sealed: bytes


async def sealed_otherwise(
    connection: AsyncConnection,
    kind: Sealed,
    *,
    key_id: bytes,
    after: str | bytes | None,
    limit: int,
) -> list[SealedRow]:
    """Return at most *limit* rows that another key than *key_id* sealed, in order.

    Args:
        connection: A transaction.
        kind: Of what.
        key_id: Names the key.
        after: Row to begin behind; None: at the first.
        limit: Most rows.
    """
    table, key = _TABLES[kind]
    query = (
        select(key, table.c.sealed)
        .where(func.substr(table.c.sealed, 2, len(key_id)) != key_id)
        .order_by(key)
        .limit(limit)
    )
    found = await connection.execute(query if after is None else query.where(key > after))
    return [SealedRow(*row) for row in found]


async def count_sealed_otherwise(
    connection: AsyncConnection, kind: Sealed, *, key_id: bytes
) -> int:
    """Count the rows that another key than *key_id* sealed."""
    table, key = _TABLES[kind]
    found = await connection.execute(
        select(func.count(key)).where(func.substr(table.c.sealed, 2, len(key_id)) != key_id)
    )
    return int(found.scalar_one())


async def exchange_sealed(
    connection: AsyncConnection, kind: Sealed, rows: Sequence[tuple[SealedRow, bytes]]
) -> None:
    """Replace what is sealed; a row that has changed since it was read is left alone."""
    table, key = _TABLES[kind]
    statement = (
        update(table)
        .where(key == bindparam("row_key"), table.c.sealed == bindparam("before"))
        .values(sealed=bindparam("after"))
    )
    values = [{"row_key": row.key, "before": row.sealed, "after": after} for row, after in rows]
    await execute_many(connection, statement, values)


async def is_opened_by(connection: AsyncConnection, vault: Vault) -> bool:
    """Tell whether the keys of *vault* open everything, and are those of this installation."""
    sealing: set[bytes] = set()
    for table, _ in _TABLES.values():
        key_id = func.substr(table.c.sealed, *KEY_ID_AT, type_=table.c.sealed.type)
        sealing.update((await connection.execute(select(key_id).distinct())).scalars())
    return await bound_key(connection) in {None, vault.key_id} and sealing <= vault.key_ids


_TABLES: Final[dict[Sealed, tuple[Table, Column[str | bytes]]]] = {
    "tokens": (tokens, tokens.c.id),
    "replies": (idempotent_replies, idempotent_replies.c.identity),
    "objects": (object_values, object_values.c.identity),
    "settings": (stored_settings, stored_settings.c.key),
}
KEY_ID_AT: Final = (2, 8)
"""Where something sealed names its key: first byte, from 1, and how many (see `grokgate.vault`)."""
SEALED_TABLES: Final = tuple(table.name for table, _ in _TABLES.values())
"""Those with a column ``sealed``."""
