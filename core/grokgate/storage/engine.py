"""Opens the database and hands out transactions: one writer, a few readers.

A file is opened by `sqlite`, the address of a server by `postgres`; nobody else knows which it is.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
from anyio import CancelScope, Semaphore
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage.acting import current_act
from grokgate.storage.audit import insert_act
from grokgate.storage.backend import BUSY_TIMEOUT_MS, PATIENCE, READERS, Backend, Kind
from grokgate.storage.migrate import bring_up_to_date, note_oldest_reader
from grokgate.storage.postgres import PostgreSQL
from grokgate.storage.sqlite import SQLite
from grokgate.upstream import Secret

_WAIT_S: Final = 10.0
"""Longest wait for a free connection (F-STO-05)."""

Place: TypeAlias = Path | Secret
"""A SQLite file, or the address of a PostgreSQL database."""
Transaction: TypeAlias = AsyncConnection
"""What queries run in; outside of the storage it is only passed on."""


class Database:
    """Transactions on one database; made by `open_database`, used from any task of its loop.

    A transaction, once begun, is not cancelled by a cancel scope: it ends with its block, so that
    memory and database cannot drift apart. Inside the block do nothing but queries. A bare
    ``Task.cancel`` cannot be kept out; it undoes the transaction and costs its connection.
    """

    def __init__(
        self, place: Place, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, shared: bool = False
    ) -> None:
        self.backend = _backend(place, busy_timeout_ms, shared=shared)
        self._writing = Semaphore(1)
        self._reading = Semaphore(READERS)

    @property
    def kind(self) -> Kind:
        """What it is: a file of this machine, or a server."""
        return self.backend.kind

    @property
    def shared(self) -> bool:
        """Whether other processes write to it too, so that memory may lag behind it."""
        return self.backend.shared

    @property
    def path(self) -> Path:
        """The file.

        Raises:
            StateError: It is on a server.
        """
        if not isinstance(self.backend, SQLite):
            raise StateError(f"{self.backend.name} is no file.")
        return self.backend.path

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that may write; the end of the block commits, an error undoes.

        Writers take turns, those of other processes too. What was committed is on disk when the
        block has been left. What an operator does (`acting`) is noted in the same transaction.

        Raises:
            StoreUnavailable: Locked by another program, full, not writable, or a server that does
                not answer; nothing was changed.
            StateError: The database is damaged.
        """
        act, line = current_act(), ""
        async with self._transaction(self.backend.writer, self._writing) as connection:
            yield connection
            if act is not None and act.pending:
                line = await insert_act(connection, act, now_ms=round(1000 * time.time()))
        if act is not None and line:
            act.noted(line)

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Begin a transaction that sees one consistent state and does not write.

        Raises:
            StoreUnavailable: No connection came free, or the database cannot be read.
            StateError: The database is damaged.
        """
        return self._transaction(self.backend.readers, self._reading)

    async def watch(self, *, log: Any, lost: Callable[[], object]) -> None:
        """Look after a server's connections until cancelled; a file needs nobody to do so.

        Args:
            log: Told when the server does not answer, and when it does again.
            lost: Called when another process has taken the database over; nothing can be written
                any more.
        """
        await self.backend.watch(self.write, log=log, lost=lost)

    async def aclose(self) -> None:
        """Close all connections; transactions must have ended."""
        with CancelScope(shield=True):
            await self.backend.aclose()

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
        left_ms = self.backend.busy_timeout_ms - round(1000 * (anyio.current_time() - began))
        try:
            with CancelScope(shield=True):
                async with self._connected(engine) as connection:
                    await connection.execution_options(**{PATIENCE: max(0, left_ms)})
                    async with connection.begin():
                        yield connection
        finally:
            turns.release()

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """Turn faults of the database into our errors; let faults of a query pass."""
        if not self.backend.answers:
            raise StoreUnavailable
        connected = False
        try:
            async with engine.connect() as connection:
                connected = True
                yield connection
        except Exception as error:
            known = self.backend.known(error, connected=connected)
            if known is None:
                raise
            raise known from error


@asynccontextmanager
async def open_database(
    place: Place,
    *,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    shared: bool = False,
    wait_s: float = 0.0,
    interval_s: float = 0.5,
    waiting: Callable[[str], None] = lambda _reason: None,
    found: Callable[[bool], None] = lambda _is_new: None,
) -> AsyncIterator[Database]:
    """Open a database, make its tables at the first start, migrate it when it is older.

    Args:
        place: A file, whose folder must exist and be ours alone (`hold_folder`), or an address.
        busy_timeout_ms: How long a statement waits while another program has a lock.
        shared: Other processes may have it open, if they share it too; on a server alone.
        wait_s: How long the start waits for a locked file, a full disk, a server that does not
            answer and the like (F-ENV-10).
        interval_s: Pause between two tries.
        waiting: Told the reason before each pause.
        found: Told whether nothing was ever stored there, before anything is changed; may refuse
            by an error. Called again when a later try finds it.

    Raises:
        StateError: It is damaged, not ours, too new for the program, in use, or cannot be written;
            it is left untouched.
    """
    began = anyio.current_time()
    while True:
        database = Database(place, busy_timeout_ms=busy_timeout_ms, shared=shared)
        try:
            await _bring_up_to_date(database, found)
            break
        except StoreUnavailable as error:
            await database.aclose()
            waited_s = anyio.current_time() - began
            reason = database.backend.reason(error)
            if waited_s >= min(wait_s, database.backend.longest_wait_s(error)):
                raise StateError(reason) from error
            waiting(reason)
            await anyio.sleep(interval_s)
        except BaseException:
            await database.aclose()
            raise
    try:
        yield database
    finally:
        await database.aclose()


def _backend(place: Place, busy_timeout_ms: int, *, shared: bool) -> Backend:
    if isinstance(place, Secret):
        return PostgreSQL(place, busy_timeout_ms=busy_timeout_ms, shared=shared)
    if shared:
        raise StateError(
            f"The database {place} is a file, which one process has alone. Several processes need "
            "PostgreSQL: set SERVER_STORAGE_TYPE=pgsql and SERVER_STORAGE_URL."
        )
    return SQLite(place, busy_timeout_ms=busy_timeout_ms)


async def _bring_up_to_date(database: Database, found: Callable[[bool], None]) -> None:
    backend = database.backend
    revision = await backend.find_revision(database.write)
    found(revision is None)
    backend.make_ready()
    async with database.write() as connection:
        revision = await backend.claim(connection, revision)
        await connection.run_sync(bring_up_to_date, revision, backend.name)
        await connection.run_sync(note_oldest_reader)
