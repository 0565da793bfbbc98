"""Gives everything that is sealed at rest a new key, while the service runs (S14, F-STO-10).

The new key is in the key file before it seals anything, and earlier keys stay there: what clients
keep for themselves was sealed with them. Rows are exchanged in portions, each only if nobody has
written it in between; who did has used the new key already. A rotation that was interrupted goes on
with `Rotation.reseal`; rotations take turns.

Which key seals is a fact of the database, so that processes that share it can all be given a new
key before one of them has it used. The others follow with `SealingKey`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Final, get_args

import anyio
from anyio import to_thread
from msgspec import Struct

from grokgate.bus import Bus, Ids, LocalBus
from grokgate.errors import StateError, StoreUnavailable
from grokgate.objects.idempotency import reply_context
from grokgate.objects.store import object_context
from grokgate.settings.stored import setting_context
from grokgate.storage import Database
from grokgate.storage.meta import SEALING, read_fact, write_fact
from grokgate.storage.sealed import (
    Sealed,
    SealedRow,
    count_sealed_otherwise,
    exchange_sealed,
    sealed_otherwise,
)
from grokgate.tokens.rows import token_context
from grokgate.vault import Vault

TOPIC: Final = "sealing"
_PORTION: Final = 200
_LOOK_S: Final = 1.0
_MISSING: Final = (
    "The other processes seal with a key that this one lacks: it cannot read what they store, and "
    "is not ready. Add the key to {}; where that is no file, start this process again."
)


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
        bus: Tells other processes.
    """

    def __init__(self, database: Database, vault: Vault, *, bus: Bus | None = None) -> None:
        self._database = database
        self._vault = vault
        self._bus = bus or LocalBus()
        self._turns = anyio.Lock()

    async def rotate(self, report: Callable[[Resealed], Awaitable[None]]) -> Resealed:
        """Make a new key, and seal everything with it.

        Args:
            report: Told of the progress after each portion.

        Raises:
            StateError: The keys come from the environment, other processes share the database,
                or a row is damaged.
            StoreUnavailable: Some rows keep their earlier key for now.
        """
        if self._database.shared:
            raise StateError(
                "Several processes share the database, and the others would lack a new key. Append "
                f"one to {self._vault.source} of each, and rotate with --resume."
            )
        await to_thread.run_sync(self._vault.add_key)
        return await self.reseal(report)

    async def reseal(self, report: Callable[[Resealed], Awaitable[None]]) -> Resealed:
        """Have the newest key seal, and seal with it what an earlier one sealed.

        Raises:
            StateError: The others seal with a key that this process lacks, or a row is damaged.
            StoreUnavailable: Some rows keep their earlier key for now.
        """
        async with self._turns:
            async with self._database.write() as connection:
                sealing = await read_fact(connection, SEALING)
                await to_thread.run_sync(self._take_newest, sealing)
                await write_fact(connection, SEALING, self._vault.sealing_id)
            self._bus.publish(TOPIC)
            total, done = await self._count(), 0
            for kind in get_args(Sealed):
                async with aclosing(self._exchanged(kind)) as portions:
                    async for number in portions:
                        done += number
                        await report(Resealed(done=done, of=max(done, total)))
        return Resealed(done=done, of=max(done, total))

    def _take_newest(self, sealing: bytes | None) -> None:
        if sealing is not None and not self._vault.seal_with(sealing):
            raise StateError(_MISSING.format(self._vault.source))
        self._vault.seal_with_newest()

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


class SealingKey:
    """Has one process seal with the key that the others seal with.

    Args:
        database: Says which it is.
        vault: Of this process.
        log: Told when the vault lacks it.
    """

    def __init__(self, database: Database, vault: Vault, *, log: Any) -> None:
        self.is_missing = False
        """Whether the others seal with a key that this process does not have."""
        self._database = database
        self._vault = vault
        self._log = log

    def join(self, bus: Bus) -> None:
        """Follow the other processes; before the bus runs."""
        bus.subscribe(TOPIC, self._follow)

    async def run(self) -> None:
        """Look for a key that is missing, until cancelled: its file may be given meanwhile."""
        while True:
            await anyio.sleep(_LOOK_S)
            if self.is_missing:
                with suppress(StoreUnavailable):
                    await self._follow(None)

    async def _follow(self, _ids: Ids) -> None:
        async with self._database.read() as connection:
            sealing = await read_fact(connection, SEALING)
        if sealing is None:
            return
        was_missing = self.is_missing
        self.is_missing = not await to_thread.run_sync(self._vault.seal_with, sealing)
        if self.is_missing and not was_missing:
            self._log.error("secret_key_missing", detail=_MISSING.format(self._vault.source))
        elif was_missing and not self.is_missing:
            self._log.info("secret_key_found")


_CONTEXTS: Final[Mapping[Sealed, Callable[[str], str] | Callable[[bytes], str]]] = {
    "tokens": token_context,
    "replies": reply_context,
    "objects": object_context,
    "settings": setting_context,
}
