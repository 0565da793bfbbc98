"""The one-time code with which the first password is chosen (F-AUTH-08)."""

import base64
import hmac
import secrets
from typing import Final

from grokgate.storage import Database
from grokgate.storage.meta import read_fact, remove_fact, write_fact
from grokgate.storage.sessions import remove_all_sessions
from grokgate.vault import Vault

_SEED: Final = "setup_code"
"""What the code in force is made of, with the vault's key."""
_RESET: Final = "password_reset"
"""The stored password counts no more; a new one has to be chosen."""
_BYTES: Final = 24


class SetUp:
    """Makes codes, and knows the last one again.

    Args:
        database: Where the seed of the code lies.
        vault: Makes the code of it.
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
        """Return a new code, which ends the one before.

        Where other processes share the database, their code is returned as long as it is in force:
        each of them has told the operator.
        """
        async with self._database.write() as connection:
            seed = await read_fact(connection, _SEED) if self._database.shared else None
            if seed is None:
                seed = secrets.token_bytes(_BYTES)
                await write_fact(connection, _SEED, seed)
        return self._code(seed)

    async def proves(self, code: str) -> bool:
        """Tell whether *code* is the one in force."""
        async with self._database.read() as connection:
            seed = await read_fact(connection, _SEED)
        return seed is not None and hmac.compare_digest(self._code(seed).encode(), code.encode())

    async def finish(self) -> None:
        """End the code: a password is in force."""
        async with self._database.write() as connection:
            await remove_fact(connection, _SEED)
            await remove_fact(connection, _RESET)
        self.reset = False

    async def take_back(self) -> None:
        """Let the stored password count no more."""
        await take_back_password(self._database)
        self.reset = True

    def _code(self, seed: bytes) -> str:
        digest = self._vault.digest("setup code", seed.hex())
        return base64.urlsafe_b64encode(digest[:_BYTES]).decode()


async def take_back_password(database: Database) -> None:
    """End the stored password and all sessions; the next start prints a new set-up link."""
    async with database.write() as connection:
        await write_fact(connection, _RESET)
        await remove_fact(connection, _SEED)
        await remove_all_sessions(connection)
