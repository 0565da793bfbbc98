"""Logins of operators: opened with a password, kept as keyed digests, ended on the server."""

import base64
import secrets
from collections.abc import Callable
from typing import Final

import anyio
from msgspec import Struct
from msgspec.structs import replace

from grokgate.bus import Bus, Ids, LocalBus
from grokgate.errors import AuthenticationFailed
from grokgate.openai.ids import new_id
from grokgate.storage import Database
from grokgate.storage import sessions as queries
from grokgate.storage.sessions import SessionRow
from grokgate.upstream import Clock
from grokgate.vault import Vault

TOPIC: Final = "sessions"
LONGEST_S: Final = 7 * 86_400
"""A session ends after this time however much it is used."""
_RANDOM_BYTES: Final = 32
_MOST: Final = 10_000
_AGENT_CHARS: Final = 200
_TEXT_CHARS: Final = 100


class Session(Struct, frozen=True, kw_only=True):
    """A login without its secret. Times are Unix milliseconds."""

    id: str
    """Short and public; what the audit trail names."""
    created_at_ms: int
    used_at_ms: int
    address: str
    agent: str
    """What the browser called itself."""


class Sessions:
    """Knows every login, and answers from memory whose a text is. `find` never waits.

    Args:
        database: Where they lie.
        vault: Makes the digests.
        clock: Time.
        idle_s: Seconds after which an unused one ends, in force now.
        random_bytes: Source of the secrets.
        most: Sessions at once; beyond, the one that was used longest ago ends.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        idle_s: Callable[[], float] = lambda: 8 * 3600.0,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        most: int = _MOST,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._idle_s = idle_s
        self._random_bytes = random_bytes
        self._most = most
        self._sessions: dict[bytes, Session] = {}
        self._digests: dict[str, bytes] = {}
        self._used: set[bytes] = set()
        self._ended: set[bytes] = set()
        self._drops = 0
        self._bus: Bus = LocalBus()
        self._turn = anyio.Lock()
        """Of who reads or writes several."""

    async def load(self) -> None:
        """Read the sessions; call it once, before anything else."""
        async with self._database.read() as connection:
            rows = await queries.load_sessions(connection)
        for row in rows:
            self._keep(row.digest, _to_session(row))

    def join(self, bus: Bus) -> None:
        """Tell other processes of sessions, and follow theirs; call it before the bus runs."""
        self._bus = bus
        bus.subscribe(TOPIC, self._follow)

    async def open(self, *, address: str, agent: str) -> tuple[Session, str]:
        """Begin a session; return it and its text, which is nowhere else afterwards.

        Raises:
            AuthenticationFailed: All sessions were ended meanwhile; what opened this one is old.
        """
        drops = self._drops
        text = base64.urlsafe_b64encode(self._random_bytes(_RANDOM_BYTES)).decode().rstrip("=")
        digest, now_ms = self._digest(text), self._now_ms()
        session = Session(
            id=new_id("as_"),
            created_at_ms=now_ms,
            used_at_ms=now_ms,
            address=address,
            agent="".join(char for char in agent if char.isprintable())[:_AGENT_CHARS],
        )
        async with self._database.write() as connection:
            await queries.insert_session(connection, _to_row(session, digest))
        self._keep(digest, session)
        self._bus.publish(TOPIC, [session.id])
        if drops != self._drops:
            await self.end(session.id)
            raise AuthenticationFailed
        if len(self._sessions) > self._most:
            self._drop(min(self._sessions.values(), key=lambda one: one.used_at_ms).id)
        return session, text

    def find(self, text: str) -> Session | None:
        """Return the session that *text* proves, and note that it is used; None: there is none."""
        if not text.isascii() or len(text) > _TEXT_CHARS:
            return None
        digest = self._digest(text)
        session = self._sessions.get(digest)
        if session is None or not self._lives(session):
            return None
        self._sessions[digest] = replace(session, used_at_ms=self._now_ms())
        self._used.add(digest)
        return session

    def is_alive(self, session_id: str) -> bool:
        """Tell whether the session with this id still holds."""
        digest = self._digests.get(session_id)
        return digest is not None and self._lives(self._sessions[digest])

    def listing(self) -> list[Session]:
        """Return the sessions that hold, the last used first."""
        alive = [session for session in self._sessions.values() if self._lives(session)]
        return sorted(alive, key=lambda session: session.used_at_ms, reverse=True)

    async def end(self, session_id: str) -> bool:
        """End a session for good; False: there is none with this id."""
        found = self.is_alive(session_id)
        self._drop(session_id)
        await self.flush()
        return found

    def drop_all(self, *, but: str | None = None) -> int:
        """End all sessions but the one with the id *but*, at once here; return how many.

        `flush` ends them in the database too.
        """
        self._drops += 1
        found = [session_id for session_id in self._digests if session_id != but]
        for session_id in found:
            self._drop(session_id)
        return len(found)

    async def flush(self) -> None:
        """Write when sessions were last used, and which have ended.

        Raises:
            StoreUnavailable: Nothing was written; the next call tries again.
        """
        async with self._turn:
            if self._database.shared:
                await self._catch_up()
            await self._write()

    async def _write(self) -> None:
        for session_id in [one.id for one in self._sessions.values() if not self._lives(one)]:
            self._drop(session_id)
        used, ended = set(self._used), set(self._ended)
        if not used and not ended:
            return
        rows = [(digest, self._sessions[digest].used_at_ms) for digest in used]
        async with self._database.write() as connection:
            await queries.touch_sessions(connection, rows)
            await queries.remove_sessions(connection, ended)
        self._used -= used
        self._ended -= ended
        if ended:
            self._bus.publish(TOPIC)

    async def _follow(self, _ids: Ids) -> None:
        async with self._turn:
            await self._catch_up()

    async def _catch_up(self) -> None:
        """Take over what other processes began, used and ended; needs the turn."""
        known = set(self._sessions)
        async with self._database.read() as connection:
            rows = {row.digest: row for row in await queries.load_sessions(connection)}
        for digest in known & self._sessions.keys() - rows.keys():
            self._forget(digest)
        for digest, row in rows.items():
            if digest not in self._ended:
                self._keep(digest, self._latest(digest, _to_session(row)))

    def _latest(self, digest: bytes, stored: Session) -> Session:
        known = self._sessions.get(digest, stored)
        return known if known.used_at_ms > stored.used_at_ms else stored

    def _keep(self, digest: bytes, session: Session) -> None:
        self._sessions[digest] = session
        self._digests[session.id] = digest

    def _drop(self, session_id: str) -> None:
        digest = self._digests.get(session_id)
        if digest is not None:
            self._forget(digest)
            self._ended.add(digest)

    def _forget(self, digest: bytes) -> None:
        del self._digests[self._sessions.pop(digest).id]
        self._used.discard(digest)

    def _lives(self, session: Session) -> bool:
        now_ms = self._now_ms()
        idle = now_ms - session.used_at_ms > 1000 * self._idle_s()
        return not idle and now_ms - session.created_at_ms <= 1000 * LONGEST_S

    def _digest(self, text: str) -> bytes:
        return self._vault.digest("admin session", text)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _to_row(session: Session, digest: bytes) -> SessionRow:
    return SessionRow(
        id=session.id,
        digest=digest,
        created_at=session.created_at_ms,
        used_at=session.used_at_ms,
        address=session.address,
        agent=session.agent,
    )


def _to_session(row: SessionRow) -> Session:
    return Session(
        id=row.id,
        created_at_ms=row.created_at,
        used_at_ms=row.used_at,
        address=row.address,
        agent=row.agent,
    )
