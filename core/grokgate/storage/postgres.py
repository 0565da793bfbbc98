"""PostgreSQL: the same tables on a server, for one process or for several that share them.

Who has the database is the subject of `holding`. Where another process has taken it over, nothing
is written any more, and `PostgreSQL.watch` has this one stopped.
"""

import math
import os
import secrets
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final
from weakref import WeakSet

import anyio
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from grokgate.errors import StateError, StoreUnavailable
from grokgate.storage.backend import BUSY_TIMEOUT_MS, READERS, Kind, Write
from grokgate.storage.holding import Holding, InUse, named
from grokgate.storage.meta import HOLDER, write_fact
from grokgate.storage.migrate import is_older, stored_revision
from grokgate.upstream import Secret

SCHEMES: Final = frozenset({"postgres", "postgresql", "pgsql"})
_NAME: Final = "The PostgreSQL database of storage.url"
_CONNECT_S: Final = 5.0
_STATEMENT_MS: Final = 30_000
_IDLE_MS: Final = 60_000
"""Longest pause within a transaction."""
_IDLE_SHARED_MS: Final = 10_000
"""The same, where other processes wait for its end: ours may be frozen in the middle of it."""
_PING_S: Final = 2.0
"""A server that takes longer for nothing at all is frozen, or cut off."""
_PAUSE_S: Final = 1.0
"""Between two looks at the server."""
_LOCK_WAIT_S: Final = 10.0
"""Longest wait of a start for the lock of another process (F-STO-05)."""
_LONGEST_NAME: Final = 63

_PASSING: Final = ("08", "53", "57", "58", "40001", "40P01", "55P03", "25006", "25P03")
"""Beginnings of SQLSTATEs of faults that pass, or that an operator cures while we run."""
_DAMAGED: Final = ("XX001", "XX002")
_REFUSALS: Final = {
    "28": "refuses the user or the password. Correct storage.url.",
    "3D000": "does not exist. Make it, or correct storage.url.",
    "42501": "does not let this user make or change tables. Make the user its owner.",
    "53300": "has no connection left for Grokgate, which needs five. Raise max_connections.",
    "57P03": "is starting or stopping. Wait for it.",
}
"""What to tell of a start that fails, by the beginning of the SQLSTATE."""


class PostgreSQL:
    """The database at an address.

    Args:
        address: ``postgresql://USER:PASSWORD@HOST/DATABASE?…``, as libpq reads it.
        busy_timeout_ms: How long a statement waits for a lock.
        shared: Other processes that share it may be there.

    Raises:
        StateError: The driver is not installed, or it is no such address.
    """

    kind: Kind = "pgsql"
    name = _NAME

    def __init__(
        self, address: Secret, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, shared: bool = False
    ) -> None:
        if find_spec("asyncpg") is None:
            raise StateError(
                "PostgreSQL needs the package asyncpg: pip install 'grokgate[postgresql]'"
            )
        self.busy_timeout_ms = busy_timeout_ms
        self.shared = shared
        self._id = secrets.token_hex(4)
        self._responds = True
        self._holding = Holding(self._id, shared=shared)
        self._connections: WeakSet[Any] = WeakSet()
        self._address = Secret(_dsn(address.reveal()))
        self.writer = self._engine(1)
        self.readers = self._engine(
            READERS,
            default_transaction_isolation="repeatable read",
            default_transaction_read_only="on",
        )
        self._pinger = self._engine(1)
        event.listen(self.writer.sync_engine, "begin", self._holding.hold)
        for engine in (self.writer, self.readers):
            event.listen(engine.sync_engine, "do_connect", self._may_connect)

    @property
    def answers(self) -> bool:
        """False: the server was found dead, or the database is another process's by now."""
        return self._responds and not self._holding.taken_by

    async def aclose(self) -> None:
        """Close all connections, and let the lock go with them."""
        for engine in (self.readers, self._pinger, self.writer):
            await engine.dispose()

    def known(self, error: Exception, *, connected: bool) -> Exception | None:
        """Return our error for a fault of the server; None: it is one of a query."""
        if isinstance(error, DBAPIError):
            state = _state(error)
            if state in _DAMAGED:
                return StateError(f"{_NAME} is damaged. Restore it from a backup.")
            passing = error.connection_invalidated or state.startswith((*_PASSING, "42501"))
            return StoreUnavailable() if passing or not connected else None
        # ValueError: the address has a port that is no number, and the like.
        failed = isinstance(error, OSError | ValueError) and not connected
        return StoreUnavailable() if failed else None

    def reason(self, error: StoreUnavailable) -> str:
        """Say why a start cannot use the database; nothing of its address."""
        if isinstance(error, InUse):
            return (
                f"{_NAME} is in use by another process ({error.holder}). Stop that one; or set "
                "SERVER_REDIS_URL to run beside it, or give a command in its data folder."
            )
        cause, state = error.__cause__, _state(error.__cause__)
        for beginning, words in _REFUSALS.items():
            if state.startswith(beginning):
                return f"{_NAME} {words}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"{_NAME} shows a certificate that is not trusted. Set sslrootcert in it."
        if state or isinstance(cause, DBAPIError | ValueError):
            told = f"SQLSTATE {state}" if state else "the address cannot be read"
            return f"{_NAME} cannot be used ({told}). Correct storage.url."
        kind = type(cause or error).__name__
        return f"{_NAME} does not answer ({kind}). Start the server, or correct storage.url."

    def longest_wait_s(self, error: StoreUnavailable) -> float:
        """Return 0 for what only the operator can end."""
        if isinstance(error, InUse):
            return _LOCK_WAIT_S
        cause = error.__cause__
        if isinstance(cause, DBAPIError) and not cause.connection_invalidated:
            return math.inf if _state(cause).startswith(_PASSING) else 0
        # A wrong certificate is a ValueError too.
        return 0 if isinstance(cause, ValueError) else math.inf

    async def find_revision(self, write: Write) -> str | None:
        """Take the lock, and look without changing anything."""
        async with write() as connection:
            return await connection.run_sync(_look)

    async def claim(self, connection: AsyncConnection, revision: str | None) -> str | None:
        """Make sure that nobody is there who could not work with the schema as it will be.

        Raises:
            InUse: Another process could not.
        """
        if not self.shared:
            return revision
        revision = await connection.run_sync(_look)  # another start may have been faster
        if is_older(revision):
            await connection.run_sync(self._holding.may_change)
        await connection.run_sync(self._holding.stay)
        return revision

    def make_ready(self) -> None:
        """Make nothing: the operator made the database."""

    async def watch(self, write: Write, *, log: Any, lost: Callable[[], object]) -> None:
        """Find out within seconds that the server is gone, back, or another process's."""
        while not self._holding.taken_by:
            await self._ping(log)
            with suppress(StoreUnavailable):
                await self._keep_lock(write)
            await anyio.sleep(_PAUSE_S)
        log.error("database_taken_over", holder=self._holding.taken_by)
        lost()
        await anyio.sleep_forever()

    async def _keep_lock(self, write: Write) -> None:
        """Take the lock again if the connection was lost; leave our mark at the first time."""
        async with write() as connection:
            mark = await connection.run_sync(self._holding.new_mark)
            if mark is not None:
                await write_fact(connection, HOLDER, mark.encode())
        if mark is not None:
            self._holding.marked(mark)

    async def _ping(self, log: Any) -> None:
        """Ask the server for nothing; one that does not answer in time loses all connections."""
        asked, answered = anyio.Event(), anyio.Event()

        async def ask() -> None:
            with suppress(DBAPIError, OSError):
                async with self._pinger.connect() as connection:
                    await connection.execute(text("SELECT 1"))
                answered.set()
            asked.set()

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            with anyio.move_on_after(_PING_S):
                await asked.wait()
            self._note(log, responds=answered.is_set())
        self._note(log, responds=answered.is_set())

    def _note(self, log: Any, *, responds: bool) -> None:
        """Take down whether the server responds; if not, let nobody wait for it any longer."""
        if responds != self._responds:
            log.warning("database_back" if responds else "database_lost")
        self._responds = responds
        if not responds:
            for connection in tuple(self._connections):
                connection.terminate()

    def _engine(self, size: int, **settings: str) -> AsyncEngine:
        shared = {
            "application_name": f"{named(f'grokgate {self._id}')}, {_whoami()}"[:_LONGEST_NAME],
            "statement_timeout": str(_STATEMENT_MS),
            "lock_timeout": str(self.busy_timeout_ms),
            "idle_in_transaction_session_timeout": str(
                _IDLE_SHARED_MS if self.shared else _IDLE_MS
            ),
            # A machine that lost its power says no goodbye, and its lock would stay for hours.
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }
        engine = create_async_engine(
            "postgresql+asyncpg://",
            connect_args={
                "dsn": self._address.reveal(),
                "timeout": _CONNECT_S,
                "server_settings": {**shared, **settings},
            },
            pool_size=size,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,  # they would end up in messages, and so in the log
        )
        event.listen(engine.sync_engine, "connect", self._connected)
        return engine

    def _may_connect(self, *_how: object) -> None:
        # Whoever lost a connection to a dead server would wait for a new one.
        if not self.answers:
            raise StoreUnavailable

    def _connected(self, connection: Any, _record: object) -> None:
        self._connections.add(connection.driver_connection)


def _dsn(address: str) -> str:
    """Return *address* as the driver reads it."""
    scheme, separator, rest = address.strip().partition("://")
    if scheme.lower().partition("+")[0] not in SCHEMES or not separator:
        raise StateError(
            "storage.url is not the address of a PostgreSQL database. Set it to "
            "postgresql://USER:PASSWORD@HOST/DATABASE."
        )
    return f"postgresql://{rest}"


def _whoami() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _state(error: BaseException | None) -> str:
    """Return the SQLSTATE of a fault; empty: the server did not tell any."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def _look(connection: Connection) -> str | None:
    encoding = connection.execute(text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise StateError(f"{_NAME} has the encoding {encoding}. Make one with UTF8.")
    return stored_revision(connection, _NAME)
