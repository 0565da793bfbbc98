"""Brings a database to the schema of this program.

1. `read_revision` looks at the file without changing it and refuses what is damaged or foreign;
   `stored_revision` does so where a server keeps it.
2. A database without tables gets all of them at once and the mark `HEAD`.
3. One marked `HEAD` is left alone.
4. One with an older mark goes to alembic, which is imported only then (D6).
5. A newer mark was set by a newer program, which has noted the oldest one that can work with it
   (``migrations.versions`` has the rules). If that is an even newer one than this, the start is
   refused. `INCOMPLETE` is a mark that no program knows.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from sqlalchemy import (
    Column,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage.meta import OLDEST
from grokgate.storage.tables import meta, metadata

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0005"
"""Revision of the tables in `tables`; a test compares it with the migrations."""
OLDEST_READER: Final = "0005"
"""Revision of the oldest program that can work with these tables; the same test compares it."""
INCOMPLETE: Final = "incomplete"
"""In place of a revision, as long as a database is being filled from another one."""

_MAGIC: Final = b"SQLite format 3\x00"
_FIXED: Final = bytes([64, 32, 32])
"""Payload fractions, bytes 21 to 23 of every SQLite file (file format, section 1.3)."""
_HEADER_BYTES: Final = 100

_mark: Final = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""As alembic itself makes it."""


def read_revision(path: Path) -> str | None:
    """Return the mark of the database file, or None when there is no table in it yet.

    Raises:
        StateError: The file is damaged, unreadable or not one of ours. It is left untouched.
        StoreUnavailable: Another program has locked the file.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return None
        _check_header(path)
        return _stored_revision(path)
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreUnavailable from error
        raise _damaged(path, str(error)) from error
    except OSError as error:
        raise _damaged(path, error.strerror or "unknown error") from error


def stored_revision(connection: Connection, name: str) -> str | None:
    """Return the mark of the database of a server, or None when none of our tables is in it.

    Raises:
        StateError: Tables of another program have the names of ours. *name* is for the message.
    """
    names = set(inspect(connection).get_table_names())
    if _mark.name in names:
        revision = connection.execute(select(_mark.c.version_num)).scalar()
        if revision is None:
            raise StateError(f"{name} has no schema mark. Restore it from a backup.")
        return str(revision)
    if taken := sorted(names & metadata.tables.keys()):
        raise StateError(
            f"{name} holds tables of another program ({', '.join(taken)}). Give Grokgate a "
            "database of its own; what a predecessor left is taken over by grokgate migrate --from."
        )
    return None


def bring_up_to_date(connection: Connection, revision: str | None, name: str) -> None:
    """Make or migrate the schema inside the transaction of *connection*; *name* is for messages.

    Raises:
        StateError: The database is too new for this program, or incomplete; nothing was changed.
    """
    if revision is None:
        metadata.create_all(connection, checkfirst=False)
        _mark.create(connection)
        connection.execute(insert(_mark).values(version_num=HEAD))
    elif not is_usable(connection, revision):
        check_revision(revision, name)
        _upgrade(connection)


def is_older(revision: str | None) -> bool:
    """Tell whether this program would change a schema with this mark."""
    return revision is None or revision < HEAD


def is_usable(connection: Connection, revision: str | None = None) -> bool:
    """Tell whether this program can work with the schema as it is; None: with the mark it has."""
    found = revision or connection.execute(select(_mark.c.version_num)).scalar_one()
    if found == HEAD:
        return True
    return INCOMPLETE != found > HEAD and _oldest_reader(connection, found) <= HEAD


def note_oldest_reader(connection: Connection) -> None:
    """Leave word for older programs, if the schema is this program's own."""
    revision = connection.execute(select(_mark.c.version_num)).scalar_one()
    if revision != HEAD or _oldest_reader(connection, HEAD) == OLDEST_READER:
        return
    connection.execute(delete(meta).where(meta.c.key == OLDEST))
    connection.execute(insert(meta).values(key=OLDEST, value=OLDEST_READER.encode()))


async def mark(connection: AsyncConnection, revision: str) -> None:
    """Write the mark of a database that has one."""
    await connection.execute(update(_mark).values(version_num=revision))


def remove_all(connection: Connection) -> None:
    """Remove all tables, as if nothing had ever been stored."""
    metadata.drop_all(connection)
    _mark.drop(connection)


def check_revision(revision: str, name: str) -> None:
    """Make sure that this program knows the mark *revision*; *name* is for messages.

    Raises:
        StateError: The database is incomplete, or was made by a newer program.
    """
    if revision == INCOMPLETE:
        raise StateError(
            f"{name} is incomplete: the move or the restore that fills it was interrupted. Run "
            "that again."
        )
    if revision != HEAD and revision not in known_revisions():
        raise StateError(
            f"{name} has the schema {revision!r}, which this program cannot work with: a newer one "
            "made it. Start that one, or restore a backup made with this one."
        )


def known_revisions() -> frozenset[str]:
    """Return the marks of all schemas that this program knows."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see `_upgrade`

    scripts = ScriptDirectory.from_config(_config())
    return frozenset(script.revision for script in scripts.walk_revisions())


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see `_upgrade`

    config = Config()
    config.set_main_option("script_location", "grokgate.storage:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _oldest_reader(connection: Connection, revision: str) -> str:
    """Return what was noted with the schema *revision*; where nothing was: no older program."""
    noted = connection.execute(select(meta.c.value).where(meta.c.key == OLDEST)).scalar()
    return revision if noted is None else bytes(noted).decode()


def _upgrade(connection: Connection) -> None:
    # Alembic takes a second to import, and almost no start needs it.
    from alembic import command  # noqa: PLC0415 - see above

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    whole = len(header) == _HEADER_BYTES
    if not whole or not header.startswith(_MAGIC) or header[21:24] != _FIXED:
        raise _damaged(path, "its header is not that of a SQLite database")


def _stored_revision(path: Path) -> str | None:
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not names:
            return None
        if _mark.name not in names:
            raise StateError(
                f"The database {path} was made by another program. Move it away, or set DATA_DIR "
                "to another folder."
            )
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise _damaged(path, "it has no schema mark")
    return str(row[0])


def _damaged(path: Path, reason: str) -> StateError:
    return StateError(
        f"The database {path} cannot be read ({reason}). It was left as it is: restore it from a "
        "backup, or move it away to start with an empty one."
    )
