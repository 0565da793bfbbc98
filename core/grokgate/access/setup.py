"""The one-time code with which the first password is chosen (F-AUTH-08)."""

import hmac
import secrets
from typing import Final

from grokgate.storage import Database
from grokgate.storage.meta import read_fact, remove_fact, write_fact
from grokgate.storage.sessions import remove_all_sessions
from grokgate.vault import Vault

_CODE: Final = "setup_code"
"""Digest of the code in force."""
_RESET: Final = "password_reset"
"""The stored password counts no more; a new one has to be chosen."""
_CODE_BYTES: Final = 24


class SetUp:
    """Makes codes, and knows the last one again.

    Args:
        database: Where the digest of the code lies.
        vault: Makes it.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self.reset = False
        """True: the stored password counts no more."""

    async def load(self) -> None:
        """Read whether the password was taken back."""
        async with self._database.read() as connection:
            self.reset = await read_fact(connection, _RESET) is not None

    async def renew(self) -> str:
        """Make a code, which ends the one before; it is nowhere else afterwards."""
        code = secrets.token_urlsafe(_CODE_BYTES)
        async with self._database.write() as connection:
            await write_fact(connection, _CODE, self._digest(code))
        return code

    async def proves(self, code: str) -> bool:
        """Tell whether *code* is the one in force."""
        async with self._database.read() as connection:
            digest = await read_fact(connection, _CODE)
        return digest is not None and hmac.compare_digest(digest, self._digest(code))

    async def finish(self) -> None:
        """End the code: a password is in force."""
        async with self._database.write() as connection:
            await remove_fact(connection, _CODE)
            await remove_fact(connection, _RESET)
        self.reset = False

    async def take_back(self) -> None:
        """Let the stored password count no more."""
        await take_back_password(self._database)
        self.reset = True

    def _digest(self, code: str) -> bytes:
        return self._vault.digest("setup code", code)


async def take_back_password(database: Database) -> None:
    """End the stored password and all sessions; the next start prints a new set-up link."""
    async with database.write() as connection:
        await write_fact(connection, _RESET)
        await remove_all_sessions(connection)
