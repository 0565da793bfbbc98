"""Takes over the keys of predecessors, which kept them in clear (F-KEY-09, F-MIG)."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from grokgate.keys.records import KeyRecord


class OldKey(Struct, frozen=True, kw_only=True):
    """A key as a predecessor kept it."""

    text: str
    name: str = ""
    is_active: bool = True
    created_at_ms: int | None = None
    """Unix milliseconds; None: nobody knows, it counts as made now."""
    limits: Mapping[str, int] = {}
    """Daily quotas by name (`QUOTAS`); below 0: none."""
    used_today: Mapping[str, int] = {}
    """By quota; of the day that is today here."""


class Adopted(Struct, frozen=True, kw_only=True):
    """What became of old keys."""

    added: int = 0
    known: int = 0
    """They were there before, and stay as they are; their usage too."""
    refused: tuple[str, ...] = ()
    """A sentence each, without the key."""
    short: tuple[str, ...] = ()
    """Names of keys that are accepted on loopback alone until an operator confirms them (S4)."""


def kept_of(key: OldKey, record: KeyRecord) -> KeyRecord:
    """Return *record*, made for *key*, with its age and whether it is accepted."""
    created_at_ms = record.created_at_ms if key.created_at_ms is None else key.created_at_ms
    return replace(record, is_active=key.is_active, created_at_ms=created_at_ms)


def used_on(
    day: str, keys: Iterable[tuple[KeyRecord, OldKey]]
) -> Mapping[tuple[str, str, str], int]:
    """Return what old keys used on *day*, which is today, by key id, day and quota."""
    return {
        (record.id, day, quota): count
        for record, key in keys
        for quota, count in key.used_today.items()
    }
