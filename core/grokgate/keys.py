"""The keys of clients: made, kept as keyed digests, found in memory (F-KEY-01 to F-KEY-10, S4).

*Managed* keys lie in the database and were shown once. *Config* keys are those an operator wrote
into the settings; they stay there and are never limited.
"""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import anyio
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from grokgate.errors import InvalidRequest, StateError
from grokgate.plugin import Caller
from grokgate.storage import Database
from grokgate.storage import keys as queries
from grokgate.storage.keys import KeyRow
from grokgate.storage.meta import FIRST_KEY, bind_vault, read_fact, write_fact
from grokgate.upstream import Clock
from grokgate.vault import Vault

_SHORTEST: Final = 16
_SHORTEST_ON_LOOPBACK: Final = 8
_LONGEST: Final = 200
_RANDOM_BYTES: Final = 24
_PREFIX: Final = 6
_LONGEST_NAME: Final = 100


class KeyRecord(Struct, frozen=True, kw_only=True):
    """A managed key without its text."""

    id: str
    name: str
    prefix: str
    """First six characters, to recognise it by."""
    is_active: bool
    created_at_ms: int
    limits: Mapping[str, int] = {}
    """Daily quotas by name; −1 or absent: none (F-KEY-02)."""


class KeyRing:
    """Knows every key, and answers from memory whose key a text is.

    Methods may be called from several tasks. `find` never waits.

    Args:
        database: Where managed keys lie.
        vault: Makes the digests.
        clock: For creation times.
        random_bytes: Source of new keys and ids.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._random_bytes = random_bytes
        self._records: dict[str, KeyRecord] = {}
        self._managed: dict[bytes, str] = {}
        self._callers: dict[str, Caller] = {}
        self._config: dict[bytes, Caller] = {}
        self._editing = anyio.Lock()

    async def load(self) -> None:
        """Read the managed keys; call it once, before anything else.

        Raises:
            StateError: A row is damaged, or the vault is not this database's.
        """
        async with self._database.write() as connection:
            await bind_vault(connection, self._vault)
            rows = await queries.load_keys(connection)
        for row in rows:
            self._keep(_to_record(row), row.digest)

    def find(self, presented: str) -> Caller | None:
        """Return whose key *presented* is, or None; never raises.

        The look-up compares keyed digests, so its time tells nothing about stored keys.
        """
        if not presented.isascii() or len(presented) > _LONGEST:
            return None
        digest = self._digest(presented)
        key_id = self._managed.get(digest)
        return self._callers.get(key_id) if key_id else self._config.get(digest)

    def is_active(self, key_id: str) -> bool:
        """Tell whether the key with this id is accepted now."""
        return key_id in self._callers or any(
            caller.key_id == key_id for caller in self._config.values()
        )

    @property
    def usable(self) -> bool:
        """Whether any key would be accepted now."""
        return bool(self._config) or any(record.is_active for record in self._records.values())

    def listing(self) -> list[KeyRecord]:
        """Return the managed keys, revoked ones included, oldest first."""
        return list(self._records.values())

    def set_config_keys(self, keys: Sequence[str], *, loopback: bool) -> tuple[str, ...]:
        """Replace the config keys; return a sentence for each that was refused.

        Args:
            keys: As written in the settings; empty ones are passed over.
            loopback: The listener is reachable from this machine only, so that keys of 8 to 15
                characters will do (S4).
        """
        accepted: dict[bytes, Caller] = {}
        refused: list[str] = []
        for number, key in enumerate((key.strip() for key in keys), start=1):
            reason = _fault(key, loopback=loopback) if key else None
            if reason:
                refused.append(f"app.api_key: key {number} {reason}; it is not accepted.")
            elif key:
                digest = self._digest(key)
                accepted[digest] = Caller(key_id=f"config:{digest.hex()[:16]}", name="config")
        self._config = accepted
        return tuple(refused)

    async def create(
        self, name: str = "", *, limits: Mapping[str, int] | None = None
    ) -> tuple[KeyRecord, str]:
        """Make a key; return its record and its text, which is nowhere else afterwards.

        Args:
            name: For lists; empty: ``key-`` and six characters.
            limits: Daily quotas by name; below −1 means −1, none.

        Raises:
            InvalidRequest: The name is too long or not printable.
            StoreUnavailable: No key was made.
        """
        record, text = self._new(name.strip(), limits or {})
        async with self._editing:
            await self._insert(record, text, only_first=False)
        return record, text

    async def ensure_first_key(self) -> str | None:
        """Make a key and return its text if there has never been a managed one; else None.

        The key is committed when this returns. A revoked key has been one.
        """
        record, text = self._new("first key", {})
        async with self._editing:
            made = await self._insert(record, text, only_first=True)
        return text if made else None

    async def revoke(self, key: str) -> KeyRecord:
        """Switch off the managed key with this id, name or prefix, from the next request on.

        Raises:
            InvalidRequest: No active key is called so, or several are.
            StoreUnavailable: The key still works.
        """
        async with self._editing:
            record = self._named(key)
            async with self._database.write() as connection:
                await queries.set_key_active(connection, record.id, active=False)
            record = replace(record, is_active=False)
            self._records[record.id] = record
            self._callers.pop(record.id, None)
        return record

    def _new(self, name: str, limits: Mapping[str, int]) -> tuple[KeyRecord, str]:
        if len(name) > _LONGEST_NAME or not name.isprintable():
            reason = f"A key's name is at most {_LONGEST_NAME} printable characters."
            raise InvalidRequest(reason, param="name")
        random = base64.urlsafe_b64encode(self._random_bytes(_RANDOM_BYTES)).decode()
        record = KeyRecord(
            id=f"key_{self._random_bytes(8).hex()}",
            name=name or f"key-{self._random_bytes(3).hex()}",
            prefix=f"sk-{random}"[:_PREFIX],
            is_active=True,
            created_at_ms=int(self._clock.now().timestamp() * 1000),
            limits={quota: max(limit, -1) for quota, limit in limits.items()},
        )
        return record, f"sk-{random}"

    async def _insert(self, record: KeyRecord, text: str, *, only_first: bool) -> bool:
        digest = self._digest(text)
        async with self._database.write() as connection:
            if only_first and await read_fact(connection, FIRST_KEY) is not None:
                return False
            await queries.insert_key(connection, _to_row(record, digest))
            await write_fact(connection, FIRST_KEY)
        self._keep(record, digest)
        return True

    def _named(self, key: str) -> KeyRecord:
        found = [
            record
            for record in self._records.values()
            if record.is_active and key in {record.id, record.name, record.prefix}
        ]
        if len(found) == 1:
            return found[0]
        number = "No active key is" if not found else "Several active keys are"
        raise InvalidRequest(f"{number} called so; `keys list` shows the ids.", param="key")

    def _keep(self, record: KeyRecord, digest: bytes) -> None:
        self._records[record.id] = record
        self._managed[digest] = record.id
        if record.is_active:
            self._callers[record.id] = Caller(
                key_id=record.id, name=record.name, limits=record.limits
            )

    def _digest(self, key: str) -> bytes:
        return self._vault.digest("api key", key)


def _fault(key: str, *, loopback: bool) -> str | None:
    """Return what is wrong with a key that an operator chose (F-KEY-03)."""
    if not key.isascii() or not key.isprintable() or " " in key:
        return "is not made of visible ASCII characters"
    if len(key) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if len(key) < (_SHORTEST_ON_LOOPBACK if loopback else _SHORTEST):
        shortest = f"{_SHORTEST}, or {_SHORTEST_ON_LOOPBACK} on loopback"
        return f"is shorter than {shortest} characters"
    return None


def _to_row(record: KeyRecord, digest: bytes) -> KeyRow:
    return KeyRow(
        id=record.id,
        digest=digest,
        prefix=record.prefix,
        name=record.name,
        is_active=record.is_active,
        limits=msgspec.json.encode(record.limits),
        created_at=record.created_at_ms,
    )


def _to_record(row: KeyRow) -> KeyRecord:
    try:
        limits = msgspec.json.decode(row.limits, type=dict[str, int])
    except msgspec.MsgspecError as error:
        message = f"The stored key {row.id} is damaged. Restore the database from a backup."
        raise StateError(message) from error
    return KeyRecord(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        is_active=row.is_active,
        created_at_ms=row.created_at,
        limits=limits,
    )
