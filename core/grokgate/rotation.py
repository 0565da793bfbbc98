"""Gives everything that is sealed at rest a new key, while the service runs (S14, F-STO-10).

The new key is in the key file before it seals anything, and earlier keys stay there: what clients
keep for themselves was sealed with them. Rows are exchanged in portions, each only if nobody has
written it in between; who did has used the new key already. A rotation that was interrupted goes on
with `Rotation.reseal`; rotations take turns.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Final, get_args

import anyio
from anyio import to_thread
from msgspec import Struct

from grokgate.objects.idempotency import reply_context
from grokgate.objects.store import object_context
from grokgate.settings.stored import setting_context
from grokgate.storage import Database
from grokgate.storage.sealed import (
    Sealed,
    SealedRow,
    count_sealed_otherwise,
    exchange_sealed,
    sealed_otherwise,
)
from grokgate.tokens.rows import token_context
from grokgate.vault import Vault

_PORTION: Final = 200


class Resealed(Struct, frozen=True, kw_only=True):
    """How far a rotation is."""

    done: int
    of: int
    """Rows in all, as they were at its beginning."""


class Rotation:
    """Rotates the key of one data folder.

    Args:
        database: Where sealed things lie.
        vault: Seals them.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._turns = anyio.Lock()

    async def rotate(self, report: Callable[[Resealed], Awaitable[None]]) -> Resealed:
        """Make a new key, and seal everything with it.

        Args:
            report: Told of the progress after each portion.

        Raises:
            StateError: The keys come from the environment, or a row is damaged.
            StoreUnavailable: Some rows keep their earlier key for now.
        """
        await to_thread.run_sync(self._vault.add_key)
        return await self.reseal(report)

    async def reseal(self, report: Callable[[Resealed], Awaitable[None]]) -> Resealed:
        """Seal what an earlier key sealed with the present one."""
        async with self._turns:
            total, done = await self._count(), 0
            for kind in get_args(Sealed):
                async with aclosing(self._exchanged(kind)) as portions:
                    async for number in portions:
                        done += number
                        await report(Resealed(done=done, of=max(done, total)))
        return Resealed(done=done, of=max(done, total))

    async def _count(self) -> int:
        async with self._database.read() as connection:
            counts = [
                await count_sealed_otherwise(connection, kind, key_id=self._vault.sealing_id)
                for kind in get_args(Sealed)
            ]
        return sum(counts)

    async def _exchanged(self, kind: Sealed) -> AsyncGenerator[int, None]:
        """Exchange rows of one kind, a portion at a time, and yield how many each had."""
        after: str | bytes | None = None
        # Behind the last row once more from the first: some may have come that were sealed before.
        while rows := await self._portion(kind, after) or await self._portion(kind):
            after = rows[-1].key
            yield len(rows)

    async def _portion(self, kind: Sealed, after: str | bytes | None = None) -> list[SealedRow]:
        async with self._database.read() as connection:
            rows = await sealed_otherwise(
                connection, kind, key_id=self._vault.sealing_id, after=after, limit=_PORTION
            )
        if rows:
            fresh = await to_thread.run_sync(partial(self._fresh, kind, rows))
            async with self._database.write() as connection:
                await exchange_sealed(connection, kind, fresh)
        return rows

    def _fresh(self, kind: Sealed, rows: list[SealedRow]) -> list[tuple[SealedRow, bytes]]:
        exchanged = []
        for row in rows:
            context = _CONTEXTS[kind](row.key)  # type: ignore[arg-type]  # keys of this kind
            plaintext = self._vault.unseal(row.sealed, context=context)
            exchanged.append((row, self._vault.seal(plaintext, context=context)))
        return exchanged


_CONTEXTS: Final[Mapping[Sealed, Callable[[str], str] | Callable[[bytes], str]]] = {
    "tokens": token_context,
    "replies": reply_context,
    "objects": object_context,
    "settings": setting_context,
}
