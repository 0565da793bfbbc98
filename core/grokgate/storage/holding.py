"""Who has a PostgreSQL database: one process alone, or several that share it.

The connection that writes holds an advisory lock for as long as it lives, so that nothing is ever
written beside a process that does not know of us:

1. A start takes the lock, or waits for it and names who holds it. Processes that share hold it
   together; one that does not is kept out by them, and keeps them out.
2. A connection that was lost loses the lock with it; the next one takes it again before it begins.
3. Where others have had the lock meanwhile, what lies in our memory is out of date, and nothing may
   be written any more. A mark in the database tells who had it: one process, or a run of processes
   that share.
4. Processes that share take turns to write, as the tasks of one process do: what a transaction has
   read stays true until it commits.
5. The schema is made or changed while nobody is there who could not work with the new one: who has
   the lock tells the schema that it knows in the name of its connection. A start that shares looks
   at the schema before it takes the lock for good, so that two of them never wait for each other.
6. Whoever takes the lock again looks at the schema, too: it may be another one by now.
"""

from typing import Final

from sqlalchemy import TextClause, select, text
from sqlalchemy.engine import Connection

from grokgate.errors import StoreUnavailable
from grokgate.storage.meta import HOLDER
from grokgate.storage.migrate import HEAD, OLDEST_READER, is_usable
from grokgate.storage.tables import meta

_HELD: Final = "lock_held"
LOCK_KEY: Final = "1735552375, hashtext(coalesce(current_schema(), ''))"
"""Names the lock: a number of ours, and the schema that the tables lie in."""
_TURN_KEY: Final = "1735552376, hashtext(coalesce(current_schema(), ''))"
"""Names the lock of the one transaction that writes, where several processes do."""
_TRY: Final = text(f"SELECT pg_try_advisory_lock({LOCK_KEY})")
_TAKE: Final = text(f"SELECT pg_advisory_lock({LOCK_KEY})")
_TRY_SHARED: Final = text(f"SELECT pg_try_advisory_lock_shared({LOCK_KEY})")
_LOOK: Final = text(f"SELECT pg_try_advisory_xact_lock_shared({LOCK_KEY})")
_TRY_ALONE: Final = text(f"SELECT pg_try_advisory_xact_lock({LOCK_KEY})")
_TURN: Final = text(f"SELECT pg_advisory_xact_lock({_TURN_KEY})")
_WHO: Final = text(
    "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 1735552375 AND l.objsubid = 2"
    " AND l.objid = (hashtext(coalesce(current_schema(), ''))::bigint & 4294967295)::oid"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND a.pid <> pg_backend_pid()"
)
_TERMINATE: Final = text("SELECT pg_terminate_backend(:pid)")
_TOGETHER: Final = "shared "
"""How the mark of processes that share begins."""
_UNKNOWN: Final = "unknown"
_KNOWS: Final = " schema "


class InUse(StoreUnavailable):
    """Another process holds the database."""

    def __init__(self, holder: str) -> None:
        super().__init__()
        self.holder = holder


class Holding:
    """The lock of one process; used by the connection that writes.

    Args:
        name: In the names of all of this process's connections, and in no other's.
        shared: Other processes that share it may hold it too.
    """

    def __init__(self, name: str, *, shared: bool) -> None:
        self.shared = shared
        self.taken_by = ""
        """Who has had the database since we did; nobody gives it back."""
        self._name = name
        self._is_for_good = not shared
        self._had_lock = False
        self._mark = ""
        """Ours, or that of the processes that share with us; empty: not left yet."""

    def hold(self, connection: Connection) -> None:
        """Make sure that a transaction which begins may write.

        Raises:
            InUse: Another process has the database, or has had it.
        """
        if self.shared:
            connection.execute(_TURN)
        if _HELD in connection.info:
            return
        self._take_lock(connection)
        if self._had_lock and not is_usable(connection):
            self.taken_by = "one that changed the schema"
            raise InUse(self.taken_by)
        if self._mark and last_holder(connection) != self._mark:
            self.taken_by = "one that has ended"
            raise InUse(self.taken_by)
        if self._is_for_good:
            self._had_lock = connection.info[_HELD] = True

    def may_change(self, connection: Connection) -> None:
        """Make sure that the transaction may change the schema; others wait for its end.

        Raises:
            InUse: Another process could not work with the new schema.
        """
        if connection.execute(_TRY_ALONE).scalar():
            return
        for holder in connection.execute(_WHO):
            if schema_of(holder.application_name) < OLDEST_READER:
                raise InUse(holder.application_name or _UNKNOWN)

    def stay(self, connection: Connection) -> None:
        """Take the lock for good: the schema is known."""
        self._is_for_good = True
        self.hold(connection)

    def new_mark(self, connection: Connection) -> str | None:
        """Return the mark that is to be left; None: it was."""
        if self._mark:
            return None
        if not self.shared:
            return self._name
        last = last_holder(connection) or ""
        return last if last.startswith(_TOGETHER) else f"{_TOGETHER}{self._name}"

    def marked(self, mark: str) -> None:
        """Note that the mark was committed."""
        self._mark = mark

    def _take_lock(self, connection: Connection) -> None:
        if connection.execute(self._how()).scalar():
            return
        holder = connection.execute(_WHO).first()
        if holder is None:  # it has ended this very moment
            raise StoreUnavailable
        name = holder.application_name or _UNKNOWN
        if self._name not in name:
            if self._had_lock:
                self.taken_by = name
            raise InUse(name)
        # Our own, of which only the server does not know yet that it is gone.
        connection.execute(_TERMINATE, {"pid": holder.pid})
        connection.execute(_TAKE)

    def _how(self) -> TextClause:
        if not self.shared:
            return _TRY
        return _TRY_SHARED if self._is_for_good else _LOOK


def named(process: str) -> str:
    """Return the name of a connection of *process*, which tells others the schema it knows."""
    return f"{process}{_KNOWS}{HEAD}"


def schema_of(name: str | None) -> str:
    """Return the schema that the process of the connection *name* knows; empty: it tells none."""
    return (name or "").partition(_KNOWS)[2][: len(HEAD)]


def last_holder(connection: Connection) -> str | None:
    """Return the mark of who had the database last; None: nobody has left one."""
    found = connection.execute(select(meta.c.value).where(meta.c.key == HOLDER)).scalar()
    return None if found is None else bytes(found).decode()
