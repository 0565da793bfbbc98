"""Reads ``accounts.db`` of py2, whether or not the old program still runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

from grokgate.errors import StartupError
from grokgate.legacy.stores import Row
from grokgate.migration.found import Found
from grokgate.migration.tables import TABLES, found_in


def read_sqlite(path: Path) -> Found:
    """Read the tables of a SQLite file, and change nothing.

    Raises:
        StartupError: It is no such file, or cannot be read.
    """
    # Without a journal nobody writes, and then a folder that is read-only will do.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)) as database:
            database.row_factory = sqlite3.Row
            tables = {name: _rows(database, name) for name in TABLES if _has(database, name)}
    except sqlite3.Error as error:
        raise StartupError(f"{path}: cannot be read as a SQLite database ({error}).") from error
    return found_in(path.name, tables)


def _has(database: sqlite3.Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return database.execute(query, (table,)).fetchone() is not None


def _rows(database: sqlite3.Connection, table: str) -> list[Row]:
    # No outside name: one of TABLES.
    found = database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - see above
    return [dict(row) for row in found]
