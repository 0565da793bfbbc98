"""Keeps what plugins keep for clients: sealed bytes that belong to a key and expire (S13).

An object is found by a digest of plugin, owner and key, and opens only under the same three, so
that nobody gets at another one's, and no key can be read in the database.
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import anyio

from grokgate.errors import StateError, StoreUnavailable
from grokgate.objects.sealing import seal, unseal
from grokgate.storage import Database
from grokgate.storage.objects import (
    ObjectRow,
    Shelf,
    find_object,
    list_objects,
    put_object,
    remove_excess,
    remove_expired_objects,
    remove_object,
    remove_objects_of,
    touch_objects,
)
from grokgate.storage.replies import remove_replies_of
from grokgate.upstream import Clock
from grokgate.vault import Vault

_REMOVED_AT_ONCE: Final = 16
"""More than a put can add, so that expired objects never pile up."""
_REMOVED_A_STEP: Final = 100
"""Others may write between two steps."""
_ROUND_S: Final = 600.0


class ObjectStore:
    """Holds the objects of all plugins; used from any task of one event loop.

    Args:
        database: Where they lie.
        vault: Seals them, and makes the digests they are found by.
        clock: Its wall time decides when they expire.
        log: Told when expired ones could not be removed.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, *, log: Any) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._log = log

    def for_plugin(self, plugin: str) -> "PluginObjects":
        """Return what *plugin* may see."""
        return PluginObjects(self._database, self._vault, self._clock, plugin)

    async def run(self) -> None:
        """Remove what has expired, at once and then every ten minutes, until cancelled."""
        while True:
            try:
                await self.remove_expired()
            except StoreUnavailable as error:
                self._log.warning("expired_objects_not_removed", error=type(error).__name__)
            await anyio.sleep(_ROUND_S)

    async def remove_expired(self) -> None:
        """Remove what has expired, in steps.

        Raises:
            StoreUnavailable: Some of it may be left.
        """
        removed = _REMOVED_A_STEP
        while removed == _REMOVED_A_STEP:
            async with self._database.write() as connection:
                removed = await remove_expired_objects(
                    connection, now_ms=_to_ms(self._clock.now()), limit=_REMOVED_A_STEP
                )

    async def delete_owner(self, owner: str) -> None:
        """Remove everything that belongs to a key, recorded replies included.

        Raises:
            StoreUnavailable: Nothing was removed.
        """
        async with self._database.write() as connection:
            await remove_objects_of(connection, owner)
            await remove_replies_of(connection, owner)


class PluginObjects:
    """The objects of one plugin (`grokgate.plugin.Objects`); made by `ObjectStore.for_plugin`."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, plugin: str) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._plugin = plugin

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        owner: str,
        expires_at: datetime,
        most_bytes: int | None = None,
        keep_turn: bool = False,
    ) -> None:
        """Keep *value* in place of an older one, and drop the oldest over *most_bytes*."""
        shelf = Shelf(self._plugin, owner)
        row = ObjectRow(
            identity=self._identity(key, owner),
            namespace=self._plugin,
            owner=owner,
            size=len(value),
            expires_at=_to_ms(expires_at),
        )
        sealed = await seal(self._vault, value, context=object_context(row.identity))
        now_ms = _to_ms(self._clock.now())
        async with self._database.write() as connection:
            await remove_expired_objects(connection, now_ms=now_ms, limit=_REMOVED_AT_ONCE)
            await put_object(connection, row, sealed, keep_turn=keep_turn)
            if most_bytes is not None:
                await remove_excess(
                    connection, shelf, keep=row.identity, most_bytes=most_bytes, now_ms=now_ms
                )

    async def get(self, key: str, *, owner: str) -> bytes | None:
        """Return what lies under *key*; None: unknown, expired, or another owner's."""
        identity = self._identity(key, owner)
        async with self._database.read() as connection:
            sealed = await find_object(connection, identity, now_ms=_to_ms(self._clock.now()))
        return None if sealed is None else await self._unsealed(sealed, identity)

    async def page(
        self, *, owner: str, limit: int, newest_first: bool = True, after: str | None = None
    ) -> list[bytes]:
        """Return values of *owner* by their turn, those that follow *after*."""
        async with self._database.read() as connection:
            rows = await list_objects(
                connection,
                Shelf(self._plugin, owner),
                now_ms=_to_ms(self._clock.now()),
                limit=limit,
                newest_first=newest_first,
                after=None if after is None else self._identity(after, owner),
            )
        return [await self._unsealed(sealed, identity) for identity, sealed in rows]

    async def touch(self, keys: Sequence[str], *, owner: str, expires_at: datetime) -> None:
        """Make objects the newest of *owner*, and let none expire before *expires_at*."""
        async with self._database.write() as connection:
            await touch_objects(
                connection,
                Shelf(self._plugin, owner),
                [self._identity(key, owner) for key in keys],
                now_ms=_to_ms(self._clock.now()),
                expires_at=_to_ms(expires_at),
            )

    async def delete(self, key: str, *, owner: str) -> bool:
        """Remove what lies under *key*; return whether there was something to read."""
        identity = self._identity(key, owner)
        async with self._database.write() as connection:
            return await remove_object(connection, identity, now_ms=_to_ms(self._clock.now()))

    def seal(self, plaintext: bytes, *, owner: str) -> str:
        """Encrypt what a client is to carry and bring back."""
        sealed = self._vault.seal(plaintext, context=self._carried(owner))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def unseal(self, text: str, *, owner: str) -> bytes | None:
        """Decrypt what `seal` made for this owner in this plugin; None: anything else."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return self._vault.unseal(sealed, context=self._carried(owner))
        except (ValueError, StateError):
            return None

    async def _unsealed(self, sealed: bytes, identity: bytes) -> bytes:
        return await unseal(self._vault, sealed, context=object_context(identity))

    def _identity(self, key: str, owner: str) -> bytes:
        return self._vault.digest("object", f"{self._plugin}\0{owner}\0{key}")

    def _carried(self, owner: str) -> str:
        return f"carried:{self._plugin}\0{owner}"


def object_context(identity: bytes) -> str:
    """Return what an object is sealed under."""
    return f"object:{identity.hex()}"


def _to_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
