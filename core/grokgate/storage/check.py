"""Looks at a database to see whether it is new, or whole, beside a running service too."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from grokgate.storage.migrate import read_revision


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
