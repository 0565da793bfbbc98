"""Queries about the settings that lie in the database (S14, F-STO-02)."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.meta import read_fact, write_fact
from grokgate.storage.tables import stored_settings

_VERSION: Final = "settings_version"


class SettingRow(Struct, frozen=True, kw_only=True):
    """One stored setting."""

    key: str
    sealed: bytes


async def load_settings(connection: AsyncConnection) -> list[SettingRow]:
    """Return every stored setting, by key."""
    query = select(stored_settings.c.key, stored_settings.c.sealed)
    rows = await connection.execute(query.order_by(stored_settings.c.key))
    return [SettingRow(**row) for row in rows.mappings()]


async def replace_settings(
    connection: AsyncConnection, rows: Sequence[SettingRow], drop: Iterable[str], *, now_ms: int
) -> None:
    """Write *rows* over older ones, and remove the keys in *drop*; one not there is no error."""
    gone = {*drop, *(row.key for row in rows)}
    await connection.execute(delete(stored_settings).where(stored_settings.c.key.in_(sorted(gone))))
    if rows:
        values = [{"key": row.key, "sealed": row.sealed, "changed_at": now_ms} for row in rows]
        await connection.execute(insert(stored_settings), values)


async def settings_version(connection: AsyncConnection) -> int:
    """Return how often the stored settings have changed."""
    return int(await read_fact(connection, _VERSION) or b"0")


async def raise_settings_version(connection: AsyncConnection) -> int:
    """Count a change; returns the new version."""
    version = await settings_version(connection) + 1
    await write_fact(connection, _VERSION, b"%d" % version)
    return version
