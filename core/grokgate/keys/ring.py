"""Every key: made, kept as keyed digests, found in memory (F-KEY-01 to F-KEY-10, S4).

*Managed* keys lie in the database and were shown once. *Config* keys are those an operator wrote
into the settings; they stay there and are never limited.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

import anyio
from msgspec.structs import replace

from grokgate.bus import Bus, Ids, LocalBus
from grokgate.errors import InvalidRequest
from grokgate.keys import texts
from grokgate.keys.adoption import Adopted, OldKey, kept_of, used_on
from grokgate.keys.records import ConfigKey, KeyRecord, Terms, checked, to_record, to_row
from grokgate.keys.table import KeyTable
from grokgate.keys.usage import DailyUsage
from grokgate.plugin import Caller
from grokgate.storage import Database, Transaction
from grokgate.storage import keys as queries
from grokgate.storage.meta import FIRST_KEY, bind_vault, read_fact, write_fact
from grokgate.upstream import Clock
from grokgate.vault import Vault

TOPIC: Final = "keys"
_UNCHANGED: Final[Terms] = Terms()
Removed: TypeAlias = Callable[[str], Awaitable[None]]
"""Told the id of a key that another process has removed."""


class KeyRing:
    """Knows every key, and answers from memory whose key a text is.

    Methods may be called from several tasks. `find` never waits.

    Args:
        database: Where managed keys lie.
        vault: Makes the digests.
        clock: For creation times, expiry and days.
        offset_minutes: When a day begins, minutes east of UTC (``quota.tz_offset_minutes``).
        random_bytes: Source of new keys and ids.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        offset_minutes: Callable[[], int] = lambda: 0,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.usage = DailyUsage(database, clock, offset_minutes)
        """What managed keys have used."""
        self._database = database
        self._vault = vault
        self._clock = clock
        self._random_bytes = random_bytes
        self._table = KeyTable(self._digest, self._now_ms)
        self._bus: Bus = LocalBus()
        self._removed: list[Removed] = []
        self._editing = anyio.Lock()

    async def load(self) -> None:
        """Read the managed keys; call it once, before anything else.

        Raises:
            StateError: A row is damaged, or the vault is not this database's.
        """
        async with self._database.write() as connection:
            await bind_vault(connection, self._vault)
            rows = await queries.load_keys(connection)
        await self.usage.load()
        for row in rows:
            self._table.keep(to_record(row), row.digest)

    def join(self, bus: Bus) -> None:
        """Tell other processes of changes, and follow theirs; call it before the bus runs."""
        self._bus = bus
        bus.subscribe(TOPIC, self._follow)

    def subscribe_removed(self, listener: Removed) -> None:
        """Have *listener* told of keys that another process has removed."""
        self._removed.append(listener)

    def find(self, presented: str) -> Caller | None:
        """Return whose key *presented* is, or None; never raises.

        The look-up compares keyed digests, so its time tells nothing about stored keys.
        """
        return self._table.find(presented)

    def is_active(self, key_id: str) -> bool:
        """Tell whether the key with this id is accepted now."""
        return self._table.is_active(key_id)

    @property
    def usable(self) -> bool:
        """Whether any key would be accepted now."""
        return self._table.usable

    def listing(self) -> list[KeyRecord]:
        """Return the managed keys, revoked ones included, oldest first."""
        return list(self._table.records.values())

    def config_keys(self) -> tuple[ConfigKey, ...]:
        """Return the config keys that are accepted, as they are written."""
        return self._table.config_keys

    def get(self, key: str) -> KeyRecord:
        """Return the managed key that has this id, or this text.

        Raises:
            ObjectNotFound: There is none.
        """
        return self._table.get(key)

    def named(self, key: str, *, only_active: bool = False) -> KeyRecord:
        """Return the managed key with this id, name or prefix.

        Raises:
            InvalidRequest: No key is called so, or several are.
        """
        return self._table.named(key, only_active=only_active)

    def set_config_keys(self, keys: Sequence[str], *, loopback: bool) -> tuple[str, ...]:
        """Replace the config keys; return a sentence for each that was refused.

        Args:
            keys: As written in the settings; empty ones are passed over.
            loopback: The listener is reachable from this machine only, so that keys of 8 to 15
                characters will do (S4), managed ones too.
        """
        return self._table.set_config_keys(keys, loopback=loopback)

    async def create(
        self,
        name: str = "",
        *,
        limits: Mapping[str, int] | None = None,
        terms: Terms = _UNCHANGED,
        is_active: bool = True,
        text: str | None = None,
        confirmed: bool = False,
    ) -> tuple[KeyRecord, str]:
        """Make a key; return its record and its text, which is nowhere else afterwards.

        Args:
            name: For lists; empty: ``key-`` and six characters.
            limits: Daily quotas by name; below −1 means −1, none.
            terms: What else limits it.
            is_active: Whether it is accepted at once.
            text: What an operator chose; None: it is made.
            confirmed: The operator knows that a text of 8 to 15 characters can be guessed.

        Raises:
            InvalidRequest: Something cannot be kept, or the text is taken (``duplicate_key``).
            StoreUnavailable: No key was made.
        """
        if text is None:
            text = texts.generated(self._random_bytes)
        elif reason := texts.fault(text, short_will_do=self._table.loopback or confirmed):
            raise InvalidRequest(f"The key {reason}.", param="key")
        terms = replace(terms, is_short=texts.is_short(text), confirmed=confirmed)
        record = checked(self._new(name, text, limits=limits or {}, terms=terms))
        record = replace(record, is_active=is_active)
        async with self._editing:
            await self._insert(record, text)
        return record, text

    async def ensure_first_key(self) -> str | None:
        """Make a key and return its text if there has never been a managed one; else None.

        The key is committed when this returns. A revoked key has been one.
        """
        text = texts.generated(self._random_bytes)
        record = checked(self._new("first key", text))
        async with self._editing:
            made = await self._insert(record, text, only_first=True)
        return text if made else None

    async def adopt(self, keys: Sequence[OldKey], *, rehearsal: bool = False) -> Adopted:
        """Take over the keys of a predecessor, all in one transaction; known ones are passed over.

        What was used today is counted. Where an active key is taken over, no first key is made. A
        *rehearsal* tells the same and writes nothing.

        Raises:
            StoreUnavailable: None was taken over.
        """
        new: dict[bytes, tuple[KeyRecord, OldKey]] = {}
        known, refused = 0, []
        async with self._editing:
            if self._database.shared:
                async with self._database.read() as connection:
                    await self._catch_up(connection)
            for number, key in enumerate(keys, start=1):
                digest = self._digest(key.text)
                if reason := texts.unfit(key.text):
                    refused.append(f"Key {number} {reason}.")
                elif self._table.is_known(digest) or digest in new:
                    known += 1
                else:
                    new[digest] = self._adopted(key), key
            if not rehearsal:
                await self._insert_all(new)
        return Adopted(
            added=len(new),
            known=known,
            refused=tuple(refused),
            short=tuple(record.name for record, _ in new.values() if record.terms.is_short),
        )

    async def update(self, key_id: str, edit: Callable[[KeyRecord], KeyRecord]) -> KeyRecord:
        """Change a key, from the next request on; *edit* gets the record as it is then.

        Raises:
            ObjectNotFound: There is no such key.
            InvalidRequest: Something cannot be kept.
            StoreUnavailable: Nothing was changed.
        """
        async with self._editing:
            async with self._database.write() as connection:
                await self._catch_up(connection)
                before = self.get(key_id)
                record = checked(edit(before))
                digest = self._table.digest_of(before.id)
                await queries.update_key(connection, to_row(record, digest))
            self._keep({digest: record})
        return record

    async def revoke(self, key: str) -> KeyRecord:
        """Switch off the managed key with this id, name or prefix, from the next request on.

        Raises:
            InvalidRequest: No active key is called so, or several are.
            StoreUnavailable: The key still works.
        """
        record = self._table.named(key, only_active=True)
        return await self.update(record.id, lambda known: replace(known, is_active=False))

    async def delete(self, key: str) -> KeyRecord:
        """Remove a key for good, with its usage, objects and recorded replies (S13).

        Args:
            key: Its id or its text.

        Raises:
            ObjectNotFound: No key has this id or text.
            StoreUnavailable: Nothing was removed.
        """
        async with self._editing:
            async with self._database.write() as connection:
                await self._catch_up(connection)
                record = self.get(key)
                await queries.remove_key(connection, record.id)
            self._forget(record.id)
        self._bus.publish(TOPIC, [record.id])
        return record

    async def orphans(self) -> list[str]:
        """Return the ids of removed keys to which something still belongs."""
        async with self._database.read() as connection:
            return await queries.orphaned_owners(connection)

    def _new(
        self,
        name: str,
        text: str,
        *,
        limits: Mapping[str, int] | None = None,
        terms: Terms = _UNCHANGED,
    ) -> KeyRecord:
        return KeyRecord(
            id=f"{queries.MANAGED}{self._random_bytes(8).hex()}",
            name=name.strip() or f"key-{self._random_bytes(3).hex()}",
            prefix=texts.shown(text),
            is_active=True,
            created_at_ms=self._now_ms(),
            limits=limits or {},
            terms=terms,
        )

    def _adopted(self, key: OldKey) -> KeyRecord:
        name = "".join(filter(str.isprintable, key.name))[:100]
        terms = Terms(is_short=texts.is_short(key.text))
        record = self._new(name, key.text, limits=key.limits, terms=terms)
        return kept_of(key, checked(record))

    async def _insert(self, record: KeyRecord, text: str, *, only_first: bool = False) -> bool:
        digest = self._digest(text)
        async with self._database.write() as connection:
            await self._catch_up(connection)
            if only_first and await read_fact(connection, FIRST_KEY) is not None:
                return False
            if self._table.is_known(digest):
                message = "There is such a key already."
                raise InvalidRequest(message, code="duplicate_key", param="key")
            await queries.insert_key(connection, to_row(record, digest))
            await write_fact(connection, FIRST_KEY)
        self._keep({digest: record})
        return True

    async def _insert_all(self, new: Mapping[bytes, tuple[KeyRecord, OldKey]]) -> None:
        used = used_on(self.usage.day(), new.values())
        async with self._database.write() as connection:
            for digest, (record, _) in new.items():
                await queries.insert_key(connection, to_row(record, digest))
            await queries.add_usage(connection, used)
            if any(record.is_active for record, _ in new.values()):
                await write_fact(connection, FIRST_KEY)
        self._keep({digest: record for digest, (record, _) in new.items()})
        self.usage.note(used)

    def _keep(self, changed: Mapping[bytes, KeyRecord]) -> None:
        """Let what was committed count, here and in the other processes."""
        for digest, record in changed.items():
            self._table.keep(record, digest)
        self._bus.publish(TOPIC, [record.id for record in changed.values()])

    def _forget(self, key_id: str) -> None:
        self._table.drop(key_id)
        self.usage.forget(key_id)

    # -- other processes ---------------------------------------------------------------------

    async def _follow(self, ids: Ids) -> None:
        async with self._editing, self._database.read() as connection:
            gone = await self._read(connection, ids)
        for key_id in gone:
            for listener in self._removed:
                await listener(key_id)

    async def _catch_up(self, connection: Transaction) -> None:
        """Know what other processes committed until now; needs ``_editing``."""
        if self._database.shared:
            await self._read(connection, None)

    async def _read(self, connection: Transaction, ids: Ids) -> list[str]:
        """Read the keys with *ids* again, None: all; return the ids of those that are gone."""
        if ids is None:
            rows = await queries.load_keys(connection)
        else:
            rows = await queries.find_keys(connection, ids)
        for row in rows:
            self._table.keep(to_record(row), row.digest)
        there = {row.id for row in rows}
        asked = self._table.records.keys() if ids is None else ids
        gone = [key_id for key_id in asked if key_id not in there]
        for key_id in gone:
            if key_id in self._table.records:
                self._forget(key_id)
        return gone

    def _digest(self, key: str) -> bytes:
        return self._vault.digest("api key", key)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
