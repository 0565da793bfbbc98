"""SQLite: a file of our own in WAL mode (architecture section 11).

Readers never wait for the writer; a transaction that was committed survives kill -9 and power loss
(``synchronous=FULL``).
"""

import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage.backend import BUSY_TIMEOUT_MS, PATIENCE, READERS, Kind, Write
from grokgate.storage.migrate import read_revision

_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    }
)
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SQLite:
    """The database file *path*; its folder must exist and be ours alone (`hold_folder`).

    Args:
        path: The file; it need not be there.
        busy_timeout_ms: How long a statement waits while another program locks it.
    """

    kind: Kind = "local"
    answers = True
    shared = False

    def __init__(self, path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self.name = f"The database {path}"
        self.busy_timeout_ms = busy_timeout_ms
        self.path = path
        self.writer = _engine(path, "BEGIN IMMEDIATE", size=1, busy_timeout_ms=busy_timeout_ms)
        self.readers = _engine(path, "BEGIN", size=READERS, busy_timeout_ms=busy_timeout_ms)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.readers.dispose()
        await self.writer.dispose()

    def known(self, error: Exception, *, connected: bool) -> Exception | None:
        """Return our error for a fault of the file; None: it is one of a query."""
        if not isinstance(error, DBAPIError):
            return None
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _UNAVAILABLE:
            return StoreUnavailable()
        if code in _DAMAGED:
            return StateError(f"{self.name} is damaged. Restore it from a backup.")
        return None

    def reason(self, error: StoreUnavailable) -> str:
        """Say why a start cannot use the file."""
        return (
            f"{self.name} cannot be written: another program has locked it, or its disk is full "
            "or read-only."
        )

    def longest_wait_s(self, error: StoreUnavailable) -> float:
        """Set no limit: a lock may end at any time."""
        return math.inf

    async def find_revision(self, write: Write) -> str | None:
        """Look at the file without changing it."""
        return await anyio.to_thread.run_sync(read_revision, self.path)

    async def claim(self, connection: AsyncConnection, revision: str | None) -> str | None:
        """Do nothing: the lock of the data folder keeps others out."""
        return revision

    def make_ready(self) -> None:
        """Make an empty file with mode 0600 if there is none."""
        try:
            self.path.touch(mode=0o600)
        except OSError as error:
            reason = error.strerror or "unknown error"
            raise StateError(
                f"{self.name} cannot be written ({reason}). Correct its owner or mode."
            ) from error

    async def watch(self, write: Write, *, log: Any, lost: Callable[[], object]) -> None:
        """Wait to be cancelled: the lock of the data folder keeps others out."""
        await anyio.sleep_forever()


def _engine(path: Path, begin: str, *, size: int, busy_timeout_ms: int) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        # None: the driver begins no transaction by itself; the event below does.
        connect_args={"isolation_level": None, "timeout": busy_timeout_ms / 1000},
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,  # they would end up in messages, and so in the log
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "invalidate")
    def undo(connection: Any, _record: object, _error: object) -> None:
        # Closing is not enough: while a statement of it lives, SQLite keeps the file locked.
        connection.rollback()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        patience_ms = connection.get_execution_options()[PATIENCE]
        if connection.info.get(PATIENCE) != patience_ms:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={patience_ms}")
            connection.info[PATIENCE] = patience_ms
        connection.exec_driver_sql(begin)

    return engine
