"""A database with very many accounts, made without asking anybody."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from anyio.from_thread import start_blocking_portal

from grokgate.storage import open_database
from grokgate.storage.meta import bind_vault
from grokgate.tokens import Bucket, TokenRecord, TokenState
from grokgate.tokens.record import Status
from grokgate.tokens.rows import identity, to_listing_row, to_state_row, to_token_row, token_id
from grokgate.upstream import Secret
from grokgate.vault import Vault

_STATUSES: tuple[Status, ...] = ("active", "active", "active", "cooling", "expired", "disabled")
_WINDOW_S = 7200
_COOL_MS = 600_000
"""The longest cool-down there is: accounts that had cooled down would be written anew."""


def make_large_pool(folder: Path, size: int) -> None:
    """Make the data folder of a gateway with *size* accounts; each status and pool has many."""
    folder.mkdir()
    vault = Vault.open(folder / "secret.key", None)
    database = folder / "grokgate.db"
    with start_blocking_portal() as portal:
        portal.call(_prepare, database, vault)
    now_ms = int(time.time() * 1000)
    records = [_record(vault, number, now_ms) for number in range(size)]
    # Rows as the storage layer makes them, past its queue: that would take three times as long.
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        _insert(connection, "tokens", [to_token_row(record, vault) for record in records])
        states = [to_state_row(record.state) for record in records]
        _insert(connection, "token_states", states, revision=1)
        _insert(connection, "token_listing", [to_listing_row(record) for record in records])
    connection.close()


async def _prepare(path: Path, vault: Vault) -> None:
    async with open_database(path) as database, database.write() as connection:
        await bind_vault(connection, vault)


def _record(vault: Vault, number: int, now_ms: int) -> TokenRecord:
    credential = f"large-pool-{number:032}"
    name = token_id(identity(vault, "web", credential))
    status = _STATUSES[number % len(_STATUSES)]
    is_cooling = status == "cooling"
    bucket = Bucket(
        remaining=number % 21,
        total=20,
        window_s=_WINDOW_S,
        reset_at_ms=now_ms + _WINDOW_S * 1000,
        synced_at_ms=now_ms,
        source="real",
    )
    state = TokenState(
        id=name,
        status=status,
        state_reason="timeout" if is_cooling else None,
        cooldown_until_ms=now_ms + _COOL_MS if is_cooling else None,
        buckets={"auto": bucket, "fast": bucket},
        use_count=number % 4999,
        last_used_at_ms=now_ms - number,
        last_sync_at_ms=now_ms,
    )
    return TokenRecord(
        id=name,
        pool="ssoBasic" if number % 5 else "ssoSuper",
        credential=Secret(credential),
        tags=() if number % 3 else ("nsfw",),
        note=f"batch {number // 500}",
        created_at_ms=now_ms - number,
        state=state,
    )


def _insert(
    connection: sqlite3.Connection, table: str, rows: Sequence[msgspec.Struct], **more: Any
) -> None:
    columns = [*rows[0].__struct_fields__, *more]
    places = ", ".join("?" * len(columns))
    values: Iterable[tuple[Any, ...]] = (
        (*msgspec.structs.astuple(row), *more.values()) for row in rows
    )
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",
        values,
    )
