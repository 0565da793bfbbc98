"""Looks at a database to see whether it is new, or whole, beside a running service too."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct
from sqlalchemy import text

from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage.engine import Database
from grokgate.storage.migrate import check_revision, is_usable, read_revision, stored_revision
from grokgate.upstream import Secret

_TRIES: Final = 3


class Answer(Struct, frozen=True, kw_only=True):
    """What a server told of itself."""

    version: str
    latency_ms: float
    """Of a query for nothing, the shortest of three."""
    is_new: bool
    """Nothing was ever stored there."""


async def ask_server(address: Secret) -> Answer:
    """Ask the server of a database, beside a running service too; nothing is changed.

    Raises:
        StateError: It does not answer, or the database cannot be used; says why.
    """
    database = Database(address)
    name = database.backend.name
    try:
        async with database.read() as connection:
            version = (await connection.execute(text("SHOW server_version"))).scalar_one()
            times = []
            for _ in range(_TRIES):
                began = time.perf_counter()
                await connection.execute(text("SELECT 1"))
                times.append(1000 * (time.perf_counter() - began))
            revision = await connection.run_sync(stored_revision, name)
            if revision is not None and not await connection.run_sync(is_usable, revision):
                check_revision(revision, name)
    except StoreUnavailable as error:
        raise StateError(database.backend.reason(error)) from error
    finally:
        await database.aclose()
    return Answer(version=version, latency_ms=min(times), is_new=revision is None)


def is_new(path: Path) -> bool:
    """Tell whether nothing was ever stored in the database file."""
    return not path.exists() or not path.stat().st_size


def quick_check(path: Path) -> bool:
    """Tell whether SQLite finds a fault in the database file; changes nothing.

    Blocks for as long as it takes to read the file.

    Raises:
        StateError: It cannot be read as one of our databases at all.
        StoreUnavailable: Another program has locked it.
    """
    read_revision(path)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError:
        return True
    return str(result) != "ok"
