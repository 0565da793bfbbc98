"""Knows by its look which reader a source needs."""

from pathlib import Path
from typing import Final

from grokgate.errors import StartupError
from grokgate.migration.folder import read_folder
from grokgate.migration.found import Found
from grokgate.migration.mysql import read_mysql
from grokgate.migration.postgresql import read_postgresql
from grokgate.migration.redis import read_redis
from grokgate.migration.sqlite import read_sqlite

_READERS: Final = {
    "redis": read_redis,
    "rediss": read_redis,
    "unix": read_redis,
    "postgres": read_postgresql,
    "postgresql": read_postgresql,
    "pgsql": read_postgresql,
    "mysql": read_mysql,
    "mariadb": read_mysql,
}


def read_source(source: str) -> Found:
    """Read what a predecessor kept at *source*: a folder, ``accounts.db``, or the URL of a server.

    Raises:
        StartupError: There is no such place, it cannot be read, or no predecessor kept anything
            there.
    """
    found = _read(source)
    if found.is_empty:
        raise StartupError("There is nothing of a predecessor in this source.")
    return found


def _read(source: str) -> Found:
    scheme, mark, _ = source.partition("://")
    if mark:
        reader = _READERS.get(scheme.lower().partition("+")[0])  # postgresql+asyncpg://…
        if reader is None:
            known = ", ".join(f"{name}://" for name in _READERS)
            raise StartupError(f"No reader for this kind of address. Known: {known}")
        return reader(source)
    path = Path(source)
    if path.is_dir():
        return read_folder(path)
    if path.is_file():
        return read_sqlite(path)
    raise StartupError(f"{source}: there is no such file or folder.")
