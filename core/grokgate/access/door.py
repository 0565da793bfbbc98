"""Asks for the password: throttled by source, and never more than two hashes at once (S5)."""

from collections.abc import Callable
from typing import Any, Final

from anyio import CapacityLimiter

from grokgate.access import password as passwords
from grokgate.access.throttle import Throttle
from grokgate.bus import Notes
from grokgate.errors import SetupRequired, TooManyAttempts

_AT_ONCE: Final = 2
_WAITING: Final = 32
"""Logins that wait for their hash; beyond, they are told to come back."""


class Door:
    """Compares passwords with the one in force; belongs to one event loop.

    A password that was right once is known by its digest, so that a script that sends it with
    every request pays for the hash once.

    Args:
        notes: Keep who has failed.
        digest: Keyed digest of a password.
        loopback: The listener is reachable from this machine alone.
        is_key: Tells whether a text is an API key, which opens nothing here (S2).
        username: The name in force, looked at where a login sends one.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        notes: Notes,
        *,
        digest: Callable[[str], bytes],
        loopback: bool,
        is_key: Callable[[str], bool],
        username: Callable[[], str],
        log: Any,
    ) -> None:
        self._digest = digest
        self._loopback = loopback
        self._is_key = is_key
        self._username = username
        self._log = log
        self._hashing = CapacityLimiter(_AT_ONCE)
        self._stored = ""
        self._verified: bytes | None = None
        self.throttle = Throttle(notes)

    @property
    def stored(self) -> str:
        """The password in force, plain or hashed; empty: there is none."""
        return self._stored

    @stored.setter
    def stored(self, stored: str) -> None:
        self._stored, self._verified = stored, None

    async def prove(
        self,
        password: str,
        *,
        address: str,
        username: str | None = None,
        message: str | None = None,
    ) -> None:
        """Check a password, and the name beside it where one was sent.

        Args:
            password: As somebody typed it.
            address: Where it came from.
            username: None: none was sent.
            message: What who is wrong is told; None: the usual words, which do not say that it was
                a password.

        Raises:
            SetupRequired: There is no password yet.
            AuthenticationFailed: It is wrong.
            TooManyAttempts: It is wrong again, or was not looked at.
        """
        if not self._stored:
            raise SetupRequired
        await self.throttle.check(address)
        right = self._known(password)
        if right is None:
            right = await self._compared(password, address)
        named = username is None or passwords.equals(username, self._username())
        if not (right and named):
            self._log.warning("admin_login_failed", address=address)
            raise await self.throttle.failed(address, message=message)
        await self.throttle.check(address)  # others may have failed beside it, which shows guessing
        await self.throttle.succeeded(address)

    def fault(self, password: str) -> str | None:
        """Return what is wrong with a password that somebody typed; None: nothing."""
        return passwords.password_fault(password, loopback=self._loopback, is_key=self._is_key)

    def stored_fault(self, stored: str) -> str | None:
        """Return what is wrong with a password as settings hold it; None: nothing."""
        return passwords.stored_fault(stored, loopback=self._loopback, is_key=self._is_key)

    async def hashed(self, password: str) -> str:
        """Return what is stored of a password."""
        async with self._hashing:
            return await passwords.hashed(password)

    def _known(self, password: str) -> bool | None:
        """Compare without waiting; None: that takes a hash."""
        if self.fault(password):
            return False
        if not passwords.is_hash(self._stored):
            return passwords.equals(password, self._stored)
        return True if self._digest(password) == self._verified else None

    async def _compared(self, password: str, address: str) -> bool:
        """Compare with the hash; who waited for others asks again before it costs anything."""
        if self._hashing.statistics().tasks_waiting >= _WAITING:
            raise TooManyAttempts(retry_after_s=1.0)
        async with self._hashing:
            await self.throttle.check(address)
            known = self._known(password)
            if known is not None:
                return known
            stored = self._stored
            right = await passwords.matches(password, stored) and stored == self._stored
            if right:
                self._verified = self._digest(password)
            return right
