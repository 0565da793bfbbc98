"""The operator's identity, with all that proves it: password, sessions, tickets (F-AUTH).

```text
password   environment > database (chosen at /setup or in the settings) > file
           none of them, or refused ──> set-up code, printed at each start
session    opened with the password; ends idle, on logout, and with the password
ticket     of a session, once, for one stream      playground key   of a session, for /v1 alone
```
"""

from collections.abc import Callable
from typing import Any, Final

import anyio
from msgspec import Struct

from grokgate.access.door import Door
from grokgate.access.password import is_hash
from grokgate.access.playground import Playground
from grokgate.access.sessions import Sessions
from grokgate.access.setup import SetUp
from grokgate.access.tickets import Tickets
from grokgate.bus import Bus, Ids, LocalBus, LocalNotes, Notes
from grokgate.errors import InvalidRequest, SettingsError, StartupError, StoreUnavailable
from grokgate.settings import SettingsStore, Snapshot
from grokgate.storage import Database
from grokgate.storage.acting import acting
from grokgate.storage.audit import prune_acts
from grokgate.storage.meta import read_fact, write_fact
from grokgate.upstream import Clock
from grokgate.vault import Vault

KEY: Final = "app.app_key"
TOPIC: Final = "access"
_STALE: Final = (
    "This set-up code is not valid any more; `grokgate admin reset-password` prints a new link."
)
CONFIRMED_S: Final = 300.0
"""Seconds for which a password that was given again shows secrets."""
_FIXED: Final = frozenset({"env", "overlay"})
"""Origins of a value that nothing changes while the process runs."""
_LAST: Final = "admin_password"
"""Digest of the last password in force."""
_FLUSH_S: Final = 60.0
_RETRY_S: Final = 1.0
_PRUNE_S: Final = 3600.0
_TRAIL_DAYS: Final = 365


class Listener(Struct, frozen=True, kw_only=True):
    """Where the gateway is reached."""

    loopback: bool
    """From this machine alone."""
    base: Callable[[], str]
    """Address for the operator's browser, without a slash at its end."""


class Access:
    """Knows who may operate this gateway. Belongs to one event loop.

    Args:
        database: Where sessions lie.
        vault: Makes their digests.
        clock: Time.
        settings: Hold the password.
        is_key: Tells whether a text is an API key.
        listener: Where the gateway is reached.
        notes: What all processes know of who came; None: there is one process.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        settings: SettingsStore,
        is_key: Callable[[str], bool],
        listener: Listener,
        notes: Notes | None = None,
        log: Any,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._settings = settings
        self._listener = listener
        self._log = log
        self._notes = notes or LocalNotes(clock)
        self.door = Door(
            self._notes,
            digest=self._digest,
            loopback=listener.loopback,
            is_key=is_key,
            username=lambda: settings.snapshot.app.admin_username,
            log=log,
        )
        self.sessions = Sessions(
            database,
            vault,
            clock,
            idle_s=lambda: settings.snapshot.app.session_hours * 3600,
        )
        self.tickets = Tickets(clock, self._sign_ticket, self._notes)
        self.playground = Playground(self.sessions, vault, clock)
        self._setup = SetUp(database, vault)
        self._code: str | None = None
        self._refused: str | None = None
        self._bus: Bus = LocalBus()
        self._choosing = anyio.Lock()
        self._changed = anyio.Event()
        self.epoch = 0
        """Grows with every change of the password; what was proven before holds no more."""

    def join(self, bus: Bus) -> None:
        """Follow what operators do in other processes; call it before the bus runs."""
        self._bus = bus
        self.sessions.join(bus)
        bus.subscribe(TOPIC, self._follow_others)

    async def begin(self) -> None:
        """Read what is stored, and make a set-up code where there is no password.

        Raises:
            StartupError: The password of the environment is refused.
        """
        await self._setup.load()
        await self.sessions.load()
        snapshot = self._settings.snapshot
        fault = self._fault(snapshot)
        if fault and snapshot.origins[KEY] in _FIXED:
            raise StartupError(
                f"The admin password set by {self._settings.locks[KEY]} {fault}. Choose another."
            )
        self.door.stored = self._in_force(snapshot)
        last = await self._last()
        if last is not None and last != self._digest(self.door.stored):
            self._forget()  # it was changed while no process ran
        await self._settle()
        if not self.has_password:
            self._code = await self._setup.renew()

    async def run(self) -> None:
        """Write what became of sessions, until cancelled."""
        while True:
            with anyio.move_on_after(_FLUSH_S):
                await self._changed.wait()
            self._changed = anyio.Event()
            try:
                await self._settle()
            except StoreUnavailable:
                await anyio.sleep(_RETRY_S)
                self._changed.set()

    async def prune(self) -> None:
        """Cut the audit trail after a year, until cancelled."""
        while True:
            before_ms = int(self._clock.now().timestamp() * 1000) - _TRAIL_DAYS * 86_400_000
            try:
                async with self._database.write() as connection:
                    await prune_acts(connection, before_ms=before_ms)
            except StoreUnavailable as error:
                self._log.warning("audit_not_pruned", error=type(error).__name__)
            await anyio.sleep(_PRUNE_S)

    def follow(self, _old: Snapshot, new: Snapshot) -> None:
        """Take over a change of the settings; another password ends all sessions."""
        stored = self._in_force(new)
        if stored != self.door.stored:
            self.door.stored = stored
            self._forget()

    @property
    def has_password(self) -> bool:
        """Whether anybody can log in."""
        return bool(self.door.stored)

    def setup_link(self) -> str | None:
        """Return the address at which the password is chosen; None: there is one already."""
        if self._code is None or self.has_password:
            return None
        return f"{self._listener.base()}/setup#{self._code}"

    async def confirm(self, session_id: str) -> None:
        """Note that the password was given again in a session."""
        await self._notes.note(self._confirmation(session_id), for_s=CONFIRMED_S)

    async def is_confirmed(self, session_id: str) -> bool:
        """Tell whether the password was given again in a session within five minutes."""
        return await self._notes.noted(self._confirmation(session_id))

    def csrf(self, session_text: str) -> str:
        """Return what changes made with a session's cookie have to repeat in a header."""
        return self._vault.digest("admin csrf", session_text).hex()

    def holds(self, session_id: str | None, *, epoch: int) -> bool:
        """Tell whether what was proven at *epoch* still holds; None: by the password alone."""
        if session_id is not None:
            return self.sessions.is_alive(session_id)
        return epoch == self.epoch

    async def set_up(self, code: str, password: str, *, address: str) -> None:
        """Choose the first password with the code of the set-up link, which ends with that.

        Raises:
            AuthenticationFailed: The code is wrong or was used, or there is a password.
            TooManyAttempts: It is wrong again, or was not looked at.
            InvalidRequest: The password is refused; the code still works.
        """
        async with self._choosing:
            await self.door.throttle.check(address)
            # A code of an earlier start may still lie there when the password came another way.
            if self.has_password or not await self._setup.proves(code):
                self._log.warning("admin_setup_failed", address=address)
                raise await self.door.throttle.failed(address, message=_STALE)
            if fault := self.door.fault(password):
                raise InvalidRequest(f"The password {fault}.", param="password")
            stored = await self.door.hashed(password)
            await self._settings.change({"app": {"app_key": stored}})
            await self._setup.finish()
            self._code = None
            self.follow(self._settings.snapshot, self._settings.snapshot)
            self._bus.publish(TOPIC)

    async def to_store(self, password: str) -> str:
        """Return a new password of the settings as it is stored: hashed; a hash stays as it is.

        Raises:
            SettingsError: It is refused.
        """
        if fault := self.door.stored_fault(password):
            raise SettingsError(f"{KEY}: the password {fault}", param=KEY)
        return password if is_hash(password) else await self.door.hashed(password)

    async def reset(self) -> str:
        """Take the password back, end all sessions, and return a new set-up link.

        Raises:
            SettingsError: The environment sets the password, so that no other would count.
        """
        if self._settings.snapshot.origins[KEY] in _FIXED:
            place = self._settings.locks[KEY]
            raise SettingsError(f"The admin password is set by {place}; change it there.")
        async with self._choosing:
            await self._setup.take_back()
            self.door.stored = ""
            self._forget()
            self._code = await self._setup.renew()
            self._bus.publish(TOPIC)
        return f"{self._listener.base()}/setup#{self._code}"

    async def _follow_others(self, _ids: Ids) -> None:
        """Follow a set-up or a reset; the settings are followed by themselves."""
        async with self._choosing:
            await self._setup.load()
            self.follow(self._settings.snapshot, self._settings.snapshot)
            if not self.has_password:
                self._code = await self._setup.renew()

    def _fault(self, snapshot: Snapshot) -> str | None:
        stored = snapshot.app.app_key
        return self.door.stored_fault(stored) if stored else None

    def _in_force(self, snapshot: Snapshot) -> str:
        """Return the password that counts, as it is stored; empty: none."""
        if self._setup.reset and snapshot.origins[KEY] not in _FIXED:
            return ""
        fault, before = self._fault(snapshot), self._refused
        self._refused = fault
        if fault is None:
            return snapshot.app.app_key
        if fault != before:
            reason = f"{KEY}: the password {fault}; it is not used"
            self._log.warning("admin_password_refused", detail=reason)
        return ""

    def _forget(self) -> None:
        """End all that the password before proved."""
        self.epoch += 1
        self.sessions.drop_all()
        self._changed.set()

    async def _settle(self) -> None:
        """Write which sessions there are, and which password they belong to."""
        with acting(None):
            await self.sessions.flush()
            digest = self._digest(self.door.stored)
            if digest != await self._last():
                async with self._database.write() as connection:
                    await write_fact(connection, _LAST, digest)

    async def _last(self) -> bytes | None:
        async with self._database.read() as connection:
            return await read_fact(connection, _LAST)

    def _confirmation(self, session_id: str) -> str:
        # With the password: another one ends it. And nobody else can write it where notes are kept.
        content = f"{self.door.stored}\0{session_id}"
        return f"confirmed:{self._vault.digest('admin confirmation', content).hex()}"

    def _sign_ticket(self, content: str) -> bytes:
        # With the password: another one ends all tickets, in every process.
        return self._vault.digest("admin ticket", f"{self.door.stored}\0{content}")

    def _digest(self, password: str) -> bytes:
        return self._vault.digest("admin password", password)
