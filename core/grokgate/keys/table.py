"""The keys in memory: whose key a text is, and whether it is accepted now."""

from collections.abc import Callable, Sequence

from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate.keys import texts
from grokgate.keys.records import ConfigKey, KeyRecord, to_caller
from grokgate.plugin import Caller


class KeyTable:
    """Finds keys by digest; waits for nothing.

    Args:
        digest: Makes the keyed digest of a text.
        now_ms: Unix milliseconds now; decides about expiry.
    """

    def __init__(self, digest: Callable[[str], bytes], now_ms: Callable[[], int]) -> None:
        self.records: dict[str, KeyRecord] = {}
        """Managed keys by id, oldest first."""
        self.config_keys: tuple[ConfigKey, ...] = ()
        """Those accepted, as they are written."""
        self.loopback = False
        """Short keys will do (S4)."""
        self._digest = digest
        self._now_ms = now_ms
        self._digests: dict[str, bytes] = {}
        self._managed: dict[bytes, str] = {}
        self._callers: dict[str, Caller] = {}
        """Of the keys that are accepted, unless they have expired."""
        self._ends_at_ms: dict[str, int] = {}
        self._config: dict[bytes, Caller] = {}

    def find(self, presented: str) -> Caller | None:
        """Return whose key *presented* is, or None; never raises."""
        if not presented.isascii() or len(presented) > texts.LONGEST:
            return None
        digest = self._digest(presented)
        key_id = self._managed.get(digest)
        return self._accepted(key_id) if key_id else self._config.get(digest)

    def is_active(self, key_id: str) -> bool:
        """Tell whether the key with this id is accepted now."""
        return self._accepted(key_id) is not None or any(
            caller.key_id == key_id for caller in self._config.values()
        )

    @property
    def usable(self) -> bool:
        """Whether any key would be accepted now."""
        return bool(self._config) or any(map(self._accepted, self.records))

    def is_known(self, digest: bytes) -> bool:
        """Tell whether a key has this digest, accepted or not."""
        return digest in self._managed or digest in self._config

    def digest_of(self, key_id: str) -> bytes:
        """Return the digest of a managed key."""
        return self._digests[key_id]

    def get(self, key: str) -> KeyRecord:
        """Return the managed key that has this id, or this text.

        Raises:
            ObjectNotFound: There is none.
        """
        key_id = key if key in self.records else self._managed.get(self._digest(key), "")
        record = self.records.get(key_id)
        if record is None:
            raise ObjectNotFound("Key not found", code="not_found")
        return record

    def named(self, key: str, *, only_active: bool) -> KeyRecord:
        """Return the managed key with this id, name or prefix.

        Raises:
            InvalidRequest: No key is called so, or several are.
        """
        found = [
            record
            for record in self.records.values()
            if (record.is_active or not only_active)
            and key in {record.id, record.name, record.prefix}
        ]
        if len(found) == 1:
            return found[0]
        kind = "active key" if only_active else "key"
        number = f"No {kind} is" if not found else f"Several {kind}s are"
        raise InvalidRequest(f"{number} called so; `keys list` shows the ids.", param="key")

    def keep(self, record: KeyRecord, digest: bytes) -> None:
        """Take a managed key in, or what has become of it."""
        terms = record.terms
        self.records[record.id] = record
        self._digests[record.id] = digest
        self._managed[digest] = record.id
        self._callers.pop(record.id, None)
        self._ends_at_ms.pop(record.id, None)
        if record.is_active and (self.loopback or terms.confirmed or not terms.is_short):
            self._callers[record.id] = to_caller(record)
        if terms.expires_at_ms is not None:
            self._ends_at_ms[record.id] = terms.expires_at_ms

    def drop(self, key_id: str) -> None:
        """Forget a managed key."""
        del self.records[key_id]
        del self._managed[self._digests.pop(key_id)]
        self._callers.pop(key_id, None)
        self._ends_at_ms.pop(key_id, None)

    def set_config_keys(self, keys: Sequence[str], *, loopback: bool) -> tuple[str, ...]:
        """Replace the config keys; return a sentence for each that was refused."""
        accepted: dict[bytes, Caller] = {}
        listed: list[ConfigKey] = []
        refused: list[str] = []
        for number, key in enumerate((key.strip() for key in keys), start=1):
            reason = texts.fault(key, short_will_do=loopback) if key else None
            if reason:
                refused.append(f"app.api_key: key {number} {reason}; it is not accepted.")
            elif key and (digest := self._digest(key)) not in accepted:
                caller = Caller(key_id=f"config:{digest.hex()[:16]}", name="config")
                accepted[digest] = caller
                listed.append(ConfigKey(id=caller.key_id, prefix=texts.shown(key)))
        self._config, self.config_keys = accepted, tuple(listed)
        if loopback != self.loopback:
            self.loopback = loopback
            for record in list(self.records.values()):
                self.keep(record, self._digests[record.id])
        return tuple(refused)

    def _accepted(self, key_id: str) -> Caller | None:
        caller = self._callers.get(key_id)
        if caller is None or not self._ends_at_ms:
            return caller
        ends_at_ms = self._ends_at_ms.get(key_id)
        return None if ends_at_ms is not None and ends_at_ms <= self._now_ms() else caller
