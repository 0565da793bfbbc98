"""Copies a database to a file of its own, whatever writes to it meanwhile (F-STO-09)."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from grokgate.errors import StateError
from grokgate.storage.migrate import HEAD, known_revisions, read_revision
from grokgate.storage.sealed import SEALED_TABLES

_LEFT_BEHIND: Final = ("admin_sessions", "idempotent_replies")
"""What a copy must not bring back to life: logins, and replies that hold for a day."""


def copy_database(source: Path, target: Path) -> None:
    """Copy the database *source* as it is at one moment; *target* must not exist.

    Blocks the thread for about a second per 500 MB. The service that writes to *source* goes on.
    Tables that an older program did not have are no fault.

    Raises:
        StateError: It cannot be read or the copy cannot be written; there is no *target* then.
    """
    target.touch(mode=0o600)
    try:
        with closing(_reader(source)) as reader:
            reader.execute("VACUUM INTO ?", (str(target),))
        with closing(sqlite3.connect(target)) as writer, writer:
            for table in _tables_of(writer, _LEFT_BEHIND):
                writer.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own tables
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise StateError(f"The database {source} cannot be copied ({error}).") from error


def check_copy(path: Path) -> None:
    """Make sure that *path* is a whole database which this program can use.

    Raises:
        StateError: It is damaged, or made by a newer program.
    """
    revision = read_revision(path)
    try:
        with closing(_reader(path)) as connection:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise StateError("The database in this backup is damaged.") from error
    if verdict != "ok" or revision is None:
        raise StateError("The database in this backup is damaged.")
    if revision != HEAD and revision not in known_revisions():
        raise StateError("This backup was made by a newer program. Use that one.")


def vault_of(path: Path) -> bytes | None:
    """Return the id of the first key that the database *path* belongs to; None: of none yet."""
    with closing(_reader(path)) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'vault'").fetchone()
    return row[0] if row else None


def sealing_ids(path: Path) -> frozenset[bytes]:
    """Return the ids of all keys that sealed something in the database *path*."""
    with closing(_reader(path)) as connection:
        return frozenset(
            key_id
            for table in _tables_of(connection, SEALED_TABLES)
            for (key_id,) in connection.execute(
                f"SELECT DISTINCT substr(sealed, 2, 8) FROM {table} WHERE sealed IS NOT NULL"  # noqa: S608 - names of our own tables
            )
        )


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)


def _tables_of(connection: sqlite3.Connection, wanted: Iterable[str]) -> list[str]:
    """Return those tables of *wanted* that are there."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    names = {name for (name,) in found}
    return [table for table in wanted if table in names]
