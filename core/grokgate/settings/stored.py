"""The database layer: secrets changed through the API, and all settings where that was chosen.

Each value is JSON, sealed by the vault under its key, so that no row can stand in for another.
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from grokgate.settings.depot import Stored
from grokgate.storage import Database
from grokgate.storage import settings as queries
from grokgate.storage.settings import SettingRow
from grokgate.upstream import Clock
from grokgate.vault import Vault


class StoredSettings:
    """A `Depot` in the database.

    Args:
        database: Where they lie.
        vault: Seals them.
        clock: Time.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def load(self) -> Stored:
        """Read and unseal everything.

        Raises:
            StateError: A row is damaged or was sealed with another key.
        """
        async with self._database.read() as connection:
            rows = await queries.load_settings(connection)
            version = await queries.settings_version(connection)
        return Stored(values={row.key: self._open(row) for row in rows}, version=version)

    async def version(self) -> int:
        """Read the version alone."""
        async with self._database.read() as connection:
            return await queries.settings_version(connection)

    async def save(self, put: Mapping[str, Any], drop: Collection[str]) -> int:
        """Write in one transaction, with the line of the audit trail."""
        rows = [self._seal(key, value) for key, value in put.items()]
        now_ms = int(self._clock.now().timestamp() * 1000)
        async with self._database.write() as connection:
            if not rows and not drop:
                return await queries.settings_version(connection)
            await queries.replace_settings(connection, rows, drop, now_ms=now_ms)
            return await queries.raise_settings_version(connection)

    def _seal(self, key: str, value: Any) -> SettingRow:
        sealed = self._vault.seal(msgspec.json.encode(value), context=setting_context(key))
        return SettingRow(key=key, sealed=sealed)

    def _open(self, row: SettingRow) -> Any:
        return msgspec.json.decode(self._vault.unseal(row.sealed, context=setting_context(row.key)))


def setting_context(key: str) -> str:
    """Return what the stored value of *key* is sealed under."""
    return f"setting:{key}"
