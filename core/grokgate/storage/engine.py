"""Opens the database and hands out transactions: one writer, a few readers.

SQLite in WAL mode (architecture section 11): readers never wait for the writer, a transaction that
was committed survives kill -9 and power loss (``synchronous=FULL``).
"""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
import anyio.to_thread
from anyio import CancelScope, Semaphore
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage.acting import current_act
from grokgate.storage.audit import insert_act
from grokgate.storage.migrate import bring_up_to_date, read_revision

_READERS: Final = 3
_WAIT_S: Final = 10.0
"""Longest wait for a free connection (F-STO-05)."""
_BUSY_TIMEOUT_MS: Final = 5000
_PATIENCE: Final = "patience_ms"
"""Option of a transaction: how long it waits for a lock of another program."""
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
Transaction: TypeAlias = AsyncConnection
"""What queries run in; outside of the storage it is only passed on."""
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Database:
    """Transactions on one database; made by `open_database`, used from any task of its loop.

    A transaction, once begun, is not cancelled by a cancel scope: it ends with its block, so that
    memory and database cannot drift apart. Inside the block do nothing but queries. A bare
    ``Task.cancel`` cannot be kept out; it undoes the transaction and costs its connection.
    """

    def __init__(self, path: Path, *, busy_timeout_ms: int = _BUSY_TIMEOUT_MS) -> None:
        self.path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._writer = _engine(path, "BEGIN IMMEDIATE", size=1, busy_timeout_ms=busy_timeout_ms)
        self._readers = _engine(path, "BEGIN", size=_READERS, busy_timeout_ms=busy_timeout_ms)
        self._writing = Semaphore(1)
        self._reading = Semaphore(_READERS)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that may write; the end of the block commits, an error undoes.

        Writers take turns. What was committed is on disk when the block has been left. What an
        operator does (`acting`) is noted in the same transaction.

        Raises:
            StoreUnavailable: Locked by another program, full, or not writable; nothing was changed.
            StateError: The database file is damaged.
        """
        act, line = current_act(), ""
        async with self._transaction(self._writer, self._writing) as connection:
            yield connection
            if act is not None and act.pending:
                line = await insert_act(connection, act, now_ms=round(1000 * time.time()))
        if act is not None and line:
            act.noted(line)

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Begin a transaction that sees one consistent state and does not write.

        Raises:
            StoreUnavailable: No connection came free, or the file cannot be read.
            StateError: The database file is damaged.
        """
        return self._transaction(self._readers, self._reading)

    async def aclose(self) -> None:
        """Close all connections; transactions must have ended."""
        with CancelScope(shield=True):
            await self._readers.dispose()
            await self._writer.dispose()

    @asynccontextmanager
    async def _transaction(
        self, engine: AsyncEngine, turns: Semaphore
    ) -> AsyncIterator[AsyncConnection]:
        began = anyio.current_time()
        try:
            with anyio.fail_after(_WAIT_S):
                await turns.acquire()
        except TimeoutError as error:
            raise StoreUnavailable from error
        # Whoever waited behind another one for a lock does not wait for it as long again.
        left_ms = self._busy_timeout_ms - round(1000 * (anyio.current_time() - began))
        try:
            with self._translated(), CancelScope(shield=True):
                async with engine.connect() as connection:
                    await connection.execution_options(**{_PATIENCE: max(0, left_ms)})
                    async with connection.begin():
                        yield connection
        finally:
            turns.release()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn faults of the file into our errors; let faults of a query pass."""
        try:
            yield
        except DBAPIError as error:
            code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code in _UNAVAILABLE:
                raise StoreUnavailable from error
            if code in _DAMAGED:
                raise StateError(
                    f"The database {self.path} is damaged. Restore it from a backup."
                ) from error
            raise


@asynccontextmanager
async def open_database(
    path: Path,
    *,
    busy_timeout_ms: int = _BUSY_TIMEOUT_MS,
    wait_s: float = 0.0,
    interval_s: float = 0.5,
    waiting: Callable[[], None] = lambda: None,
) -> AsyncIterator[Database]:
    """Open the SQLite file *path*, make it at the first start, migrate it when it is older.

    Args:
        path: Its folder must exist and be ours alone (`hold_folder`).
        busy_timeout_ms: How long a statement waits while another program locks the file.
        wait_s: How long the start waits for a locked file, a full disk and the like (F-ENV-10).
        interval_s: Pause between two tries.
        waiting: Called before each pause.

    Raises:
        StateError: The file is damaged, not ours, newer than the program, or cannot be written; it
            is left untouched.
    """
    deadline = anyio.current_time() + wait_s
    while True:
        database = Database(path, busy_timeout_ms=busy_timeout_ms)
        try:
            revision = await anyio.to_thread.run_sync(_prepare, path)
            async with database.write() as connection:
                await connection.run_sync(bring_up_to_date, revision, path)
            break
        except StoreUnavailable as error:
            await database.aclose()
            if anyio.current_time() >= deadline:
                raise StateError(
                    f"The database {path} cannot be written: another program has locked it, or "
                    "its disk is full or read-only."
                ) from error
            waiting()
            await anyio.sleep(interval_s)
        except BaseException:
            await database.aclose()
            raise
    try:
        yield database
    finally:
        await database.aclose()


def _prepare(path: Path) -> str | None:
    """Check the file, make an empty one with mode 0600 if there is none, return its revision."""
    revision = read_revision(path)
    try:
        path.touch(mode=0o600)
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise StateError(
            f"The database {path} cannot be written ({reason}). Correct its owner or mode."
        ) from error
    return revision


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
        patience_ms = connection.get_execution_options()[_PATIENCE]
        if connection.info.get(_PATIENCE) != patience_ms:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={patience_ms}")
            connection.info[_PATIENCE] = patience_ms
        connection.exec_driver_sql(begin)

    return engine
