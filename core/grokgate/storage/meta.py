"""Facts about the installation: few, small, each under a name of its own."""

import secrets
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.errors import StateError
from grokgate.storage.tables import meta
from grokgate.storage.upsert import upsert
from grokgate.vault import Vault

FIRST_KEY: Final = "first_key"
"""There has been a managed key; set with the first one, never removed."""
INSTALLATION: Final = "installation"
"""Names what processes on one database share outside of it; made by the first that asks."""
HOLDER: Final = "holder"
"""The process that had the lock of a server's database last."""
OLDEST: Final = "oldest_reader"
"""Revision of the oldest program that can work with the schema, for older ones than made it."""
RUNNING: Final = "running"
"""A process serves from this database, or did and ended without a flush."""
SEALING: Final = "sealing_key"
"""The key with which all processes on this database seal."""
_VAULT: Final = "vault"


async def read_fact(connection: AsyncConnection, key: str) -> bytes | None:
    """Return the value of the fact, or None when it was never written."""
    return (await connection.execute(select(meta.c.value).where(meta.c.key == key))).scalar()


async def write_fact(connection: AsyncConnection, key: str, value: bytes = b"") -> None:
    """Write the fact over an older value."""
    statement = upsert(connection, meta, replace=["value"])
    await connection.execute(statement.values(key=key, value=value))


async def remove_fact(connection: AsyncConnection, key: str) -> None:
    """Forget the fact; one that is not there is no error."""
    await connection.execute(delete(meta).where(meta.c.key == key))


async def begin_run(connection: AsyncConnection) -> bool:
    """Note that a process serves from this database; return whether the last one ended cleanly.

    True on a new database. False after a crash: token states may be up to a second old.
    """
    clean = await read_fact(connection, RUNNING) is None
    await write_fact(connection, RUNNING)
    return clean


async def end_run(connection: AsyncConnection) -> None:
    """Note a clean stop, after everything was flushed."""
    await remove_fact(connection, RUNNING)


async def installation(connection: AsyncConnection) -> str:
    """Return the name of the installation that this database is, made at the first time."""
    found = await read_fact(connection, INSTALLATION)
    if found is None:
        found = secrets.token_hex(6).encode()
        await write_fact(connection, INSTALLATION, found)
    return found.decode()


async def bound_key(connection: AsyncConnection) -> bytes | None:
    """Return the id of the first key that the database belongs to; None: of none yet."""
    return await read_fact(connection, _VAULT)


async def bind_vault(connection: AsyncConnection, vault: Vault) -> None:
    """Tie the database to the vault's key at the first start, and compare them at every later one.

    The vault seals with the key that other processes seal with.

    Raises:
        StateError: The secrets in this database were sealed with another key.
    """
    bound = await bound_key(connection)
    if bound is None:
        await write_fact(connection, _VAULT, vault.key_id)
    elif bound != vault.key_id:
        raise StateError(
            "The secret key does not belong to this database: its secrets were sealed with "
            "another one. Restore the key file that was beside the database, or set "
            "GROKGATE_SECRET_KEY to its text."
        )
    sealing = await read_fact(connection, SEALING)
    if sealing is None:
        await write_fact(connection, SEALING, vault.sealing_id)
    elif not vault.seal_with(sealing):
        raise StateError(
            "The secrets in this database are sealed with a key that this process does not have. "
            f"Take over {vault.source} of one that runs."
        )
